"""Sources of a config: a Python file or the config.json of a run, with overrides `--config.a.b=v`."""

from __future__ import annotations

import contextlib
import importlib
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from freqjax.config import laws, shipped
from freqjax.config.coercion import MOST_VALUES, coerce
from freqjax.config.fields import AXES, item_type, optional
from freqjax.config.sections import Config, change_task, field_type
from freqjax.config.validation import from_dict, validate
from freqjax.config.versions import present_name
from freqjax.errors import UserError
from freqjax.system.files import parse_json

# Modules that a config imported from its own folder, and the folder.
_imported: dict[str, str] = {}


def load(path: str | Path, say: Callable[[str], None] | None = None) -> Config:
    """Read a config from a `.py` file with `get_config()` or from a run's `config.json`.

    Args:
      path: the file, or the name of a config that ships; an existing file takes precedence.
      say: called with one line if a config.json is of version 0.1.

    Raises:
      UserError: the file is missing, of another kind, or does not give a valid config.
    """
    path = shipped.config(path)
    if path.suffix == ".json":
        try:
            values = parse_json(path.read_text(encoding="utf-8"))
        except ValueError as error:  # the bytes are not text, or the text is not JSON
            raise UserError(f"--config is {path}: it is not JSON ({error}).") from None
        except OSError as error:
            raise UserError(f"--config is {path}: it cannot be read ({error.strerror}).") from None
        return from_dict(values, str(path), say)
    if path.suffix == ".py":
        return validate(_call_get_config(path))
    raise UserError(
        f"--config is {path}: it must be a .py file with get_config() or a config.json."
    )


def _call_get_config(path: Path) -> Config:
    with _siblings(path):
        # Not imported: that leaves a __pycache__ beside the file, and may take an older one for it.
        defined = _told(path, lambda: runpy.run_path(str(path), run_name="freqjax_user_config"))
        if not callable(defined.get("get_config")):
            raise UserError(f"--config is {path}: it must define get_config(), and does not.")
        config = _told(path, defined["get_config"])
    if not isinstance(config, Config):
        raise UserError(
            f"--config is {path}: get_config() must return a freqjax Config, "
            f"not {type(config).__name__}."
        )
    return config


def _told(path: Path, run: Callable[[], Any]) -> Any:
    """Run a part of a config file, which is the user's program: tell what it raises as one sentence."""
    try:
        return run()
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:
        said = " ".join(str(error).splitlines()).rstrip(".")
        takes = "get_config() is called without arguments; " if isinstance(error, TypeError) else ""
        raise UserError(
            f"--config is {path}: {takes}running it gave {type(error).__name__}: {said}."
        ) from None


@contextlib.contextmanager
def _siblings(path: Path) -> Iterator[None]:
    """Let a config import modules beside it, as a script can.

    They stay imported, since classes of theirs may be part of the config, until a config of another folder,
    which may have modules of the same names, is read.
    """
    folder, before = str(path.resolve().parent), sys.dont_write_bytecode
    for name in [name for name, place in _imported.items() if place != folder]:
        sys.modules.pop(name, None)
        del _imported[name]
    known = set(sys.modules)
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
        sys.path.remove(folder)
        for name in set(sys.modules) - known:
            place = Path(folder, *name.split("."))
            file = Path(getattr(sys.modules[name], "__file__", None) or "")
            ours = file.resolve() in (place.with_suffix(".py"), place / "__init__.py")
            if ours and name.partition(".")[0] not in known:
                _imported[name] = folder


def apply(config: Config, overrides: Sequence[tuple[str, str]]) -> Config:
    """Set fields from command-line text and validate the whole again.

    Args:
      config: changed in place.
      overrides: pairs (`section.field`, text), in the order given; later ones take precedence. `task.name`
        is always set first, since it decides which fields there are.

    Raises:
      UserError: an unknown field (the message names the nearest one), a value that breaks a rule, or another
        task while a field is set that only the task of `config` has.
    """
    named = task_name(overrides)
    if named is not None:
        given = [present_name(name) for name, _ in overrides]
        change_task(config, named, given)
    for name, text in overrides:
        if name == "task.name":
            continue
        value = _parse(config, name, field_type(config, name), text)
        section, field = present_name(name).split(".", 1)
        setattr(getattr(config, section), field, value)
    return validate(config)


def task_name(overrides: Sequence[tuple[str, str]]) -> str | None:
    """Return the task that overrides ask for, or None."""
    return next((text.strip() for name, text in reversed(overrides) if name == "task.name"), None)


def _parse(config: Config, name: str, kind: Any, text: str) -> Any:
    stripped = text.strip()
    kind, may_be_none = optional(kind)
    if may_be_none and stripped.lower() in ("none", "null"):
        return None
    if kind is str:
        return text
    if kind == AXES:
        return _parse_axes(config, name, stripped)
    if kind is bool:
        if stripped.lower() in ("true", "false"):
            return stripped.lower() == "true"
        raise UserError(f"{name} is {text!r}: it must be true or false.")
    of_items = item_type(kind)
    if of_items is not None:
        # Python writes a tuple of one as (1,).
        inside = stripped.strip("()[] ").removesuffix(",")
        items = inside.split(",") if inside else []
        return tuple(_parse(config, name, of_items, item.strip()) for item in items)
    return coerce(name, kind, _number(name, kind, stripped))


def _parse_axes(config: Config, name: str, text: str) -> AXES:
    """Parse `field=value,value;field=first..last;field=law`; values that are lists are separated by |."""
    axes: AXES = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        field, equals, values = part.partition("=")
        if not equals:
            raise UserError(f"{name} holds {part!r}: it must be FIELD=VALUE,VALUE.")
        field = field.strip()
        kind = field_type(config, field)
        if laws.is_meant(kind, values):
            axes[field] = values.strip()
        else:
            axes[field] = tuple(_parse_values(config, field, kind, values))
    return axes


def _parse_values(config: Config, field: str, kind: Any, text: str) -> list[Any]:
    first, dots, last = text.partition("..")
    if dots and optional(kind)[0] is int:
        ends = [int(_number(field, int, end)) for end in (first, last)]
        if ends[1] - ends[0] >= MOST_VALUES:
            raise UserError(f"{field} is {text.strip()}: it gives more than {MOST_VALUES} values.")
        return list(range(ends[0], ends[1] + 1))
    separator = "," if item_type(kind) is None else "|"
    return [_parse(config, field, kind, value) for value in text.split(separator)]


def as_text(kind: Any, value: Any) -> str:
    """Format a field's value as the command line reads it."""
    if value is None:
        return "none"
    if kind == AXES:
        return ";".join(f"{field}={_axis_text(values)}" for field, values in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _axis_text(values: tuple[Any, ...] | str) -> str:
    if isinstance(values, str):
        return values
    separator = "|" if any(isinstance(value, tuple) for value in values) else ","
    return separator.join(as_text(None, value) for value in values)


def _number(name: str, kind: type, text: str) -> float:
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise UserError(f"{name} is {text.strip()!r}: it must be {wanted}.") from None
