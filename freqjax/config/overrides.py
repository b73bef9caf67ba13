"""Where a config comes from: a Python file, the config.json of a run, and `--config.a.b=v` on top."""

from __future__ import annotations

import json
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from freqjax.config.sections import Config, field_type
from freqjax.config.validation import coerce, from_dict, validate
from freqjax.errors import UserError

# Of one axis of a sweep, which may hold as many replicas.
_MOST_VALUES = 10_000


def load(path: str | Path) -> Config:
    """Read a config from a `.py` file with `get_config()` or from a run's `config.json`.

    Raises:
      UserError: the file is missing, of another kind, or does not give a valid config.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"--config is {path}: there is no such file.")
    if path.suffix == ".json":
        try:
            return from_dict(json.loads(path.read_text(encoding="utf-8")), str(path))
        except ValueError as error:  # bytes that are no text, or text that is not JSON
            raise UserError(f"--config is {path}: it is not JSON ({error}).") from None
        except OSError as error:
            raise UserError(f"--config is {path}: it cannot be read ({error.strerror}).") from None
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
      overrides: pairs (`section.field`, text), in the order given; the last one wins.

    Raises:
      UserError: an unknown field (with the nearest right one) or a value that breaks a rule.
    """
    for name, text in overrides:
        section, field = name.split(".", 1) if "." in name else (name, "")
        kind = field_type(name)
        setattr(getattr(config, section), field, _parse(name, kind, text))
    return validate(config)


def _parse(name: str, kind: Any, text: str) -> Any:
    stripped = text.strip()
    if kind in (float | None, int | None) and stripped.lower() in ("none", "null"):
        return None
    if kind is str:
        return text
    if kind == dict[str, tuple[Any, ...]]:
        return _parse_axes(name, stripped)
    if kind is bool:
        if stripped.lower() in ("true", "false"):
            return stripped.lower() == "true"
        raise UserError(f"{name} is {text!r}: it must be true or false.")
    if kind in (tuple[float, ...], tuple[int, ...]):
        # Python writes a tuple of one as (1,).
        inside = stripped.strip("()[] ").removesuffix(",")
        (item_kind, _) = get_args(kind)
        return tuple(_number(name, item_kind, item) for item in inside.split(",")) if inside else ()
    return coerce(name, kind, _number(name, int if kind in (int, int | None) else float, stripped))


def _parse_axes(name: str, text: str) -> dict[str, tuple[Any, ...]]:
    """`field=value,value;field=first..last`; where the field is itself a list, values end at a |."""
    axes = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        field, equals, values = part.partition("=")
        if not equals:
            raise UserError(f"{name} holds {part!r}: it must be FIELD=VALUE,VALUE.")
        field = field.strip()
        kind = field_type(field)
        axes[field] = tuple(_parse_values(field, kind, values))
    return axes


def _parse_values(field: str, kind: Any, text: str) -> list[Any]:
    first, dots, last = text.partition("..")
    if dots and kind in (int, int | None):
        ends = [int(_number(field, int, end)) for end in (first, last)]
        if ends[1] - ends[0] >= _MOST_VALUES:
            raise UserError(f"{field} is {text.strip()}: it gives more than {_MOST_VALUES} values.")
        return list(range(ends[0], ends[1] + 1))
    is_list = kind in (tuple[float, ...], tuple[int, ...])
    return [_parse(field, kind, value) for value in text.split("|" if is_list else ",")]


def _number(name: str, kind: type, text: str) -> float:
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise UserError(f"{name} is {text.strip()!r}: it must be {wanted}.") from None
