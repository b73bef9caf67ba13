"""Where a config comes from: a Python file, the config.json of a run, and `--config.a.b=v` on top."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from freqjax.config import shipped
from freqjax.config.fields import AXES, item_type, optional
from freqjax.config.sections import Config, change_task, field_type
from freqjax.config.validation import coerce, from_dict, validate
from freqjax.config.versions import present_name
from freqjax.errors import UserError
from freqjax.system.files import parse_json

# Of one axis of a sweep, which may hold as many replicas.
_MOST_VALUES = 10_000


def load(path: str | Path, say: Callable[[str], None] | None = None) -> Config:
    """Read a config from a `.py` file with `get_config()` or from a run's `config.json`.

    Args:
      path: the file, or the name of a config that ships; a file that exists wins.
      say: is told in one line where a config.json is of version 0.1.

    Raises:
      UserError: the file is missing, of another kind, or does not give a valid config.
    """
    path = shipped.config(path)
    if path.suffix == ".json":
        try:
            values = parse_json(path.read_text(encoding="utf-8"))
        except ValueError as error:  # bytes that are no text, or text that is not JSON
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
    try:
        # Not imported: that leaves a __pycache__ beside the file, and may take an older one for it.
        config = runpy.run_path(str(path), run_name="freqjax_user_config")["get_config"]()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        # A config file is the user's program: whatever it raises is told as one sentence.
        raise UserError(
            f"--config is {path}: it must define get_config(), but running it gave "
            f"{type(error).__name__}: {str(error).rstrip('.')}."
        ) from None
    if not isinstance(config, Config):
        raise UserError(
            f"--config is {path}: get_config() must return a freqjax Config, "
            f"not {type(config).__name__}."
        )
    return config


def apply(config: Config, overrides: Sequence[tuple[str, str]]) -> Config:
    """Set fields from command-line text and validate the whole again.

    Args:
      config: changed in place.
      overrides: pairs (`section.field`, text), in the order given; the last one wins. `task.name` goes
        first wherever it stands, since it decides which fields there are.

    Raises:
      UserError: an unknown field (with the nearest right one), a value that breaks a rule, or another task
        where a field is set that the task of `config` alone has.
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
    """Give the task that overrides ask for, or None."""
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


def _parse_axes(config: Config, name: str, text: str) -> dict[str, tuple[Any, ...]]:
    """`field=value,value;field=first..last`; where the field is itself a list, values end at a |."""
    axes = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        field, equals, values = part.partition("=")
        if not equals:
            raise UserError(f"{name} holds {part!r}: it must be FIELD=VALUE,VALUE.")
        field = field.strip()
        axes[field] = tuple(_parse_values(config, field, field_type(config, field), values))
    return axes


def _parse_values(config: Config, field: str, kind: Any, text: str) -> list[Any]:
    first, dots, last = text.partition("..")
    if dots and optional(kind)[0] is int:
        ends = [int(_number(field, int, end)) for end in (first, last)]
        if ends[1] - ends[0] >= _MOST_VALUES:
            raise UserError(f"{field} is {text.strip()}: it gives more than {_MOST_VALUES} values.")
        return list(range(ends[0], ends[1] + 1))
    separator = "," if item_type(kind) is None else "|"
    return [_parse(config, field, kind, value) for value in text.split(separator)]


def as_text(kind: Any, value: Any) -> str:
    """Write a field's value as the command line reads it."""
    if value is None:
        return "none"
    if kind == AXES:
        return ";".join(f"{field}={_axis_text(values)}" for field, values in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _axis_text(values: tuple[Any, ...]) -> str:
    separator = "|" if any(isinstance(value, tuple) for value in values) else ","
    return separator.join(as_text(None, value) for value in values)


def _number(name: str, kind: type, text: str) -> float:
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise UserError(f"{name} is {text.strip()!r}: it must be {wanted}.") from None
