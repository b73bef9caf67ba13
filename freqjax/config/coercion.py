"""Values of fields as the types of their fields, and as messages show them."""

from __future__ import annotations

import math
import os
from typing import Any

from freqjax.config.fields import item_type, optional
from freqjax.errors import UserError
from freqjax.text import shortened

# The largest number of single precision, roughly.
_LARGEST = 3e38
# Items of a list in a message.
_MOST_SHOWN = 12
# As many values has an axis at most, which may hold as many replicas.
MOST_VALUES = 10_000
_KIND_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def coerce(name: str, kind: Any, value: Any) -> Any:
    """Return `value` as the field's type `kind`.

    Raises:
      UserError: a value of another type, or a number that is not finite.
    """
    kind, may_be_none = optional(kind)
    if value is None and may_be_none:
        return None
    of_items = item_type(kind)
    value = _plain(value)
    if of_items is None:
        return _coerce_plain(name, kind, value)
    if _is_plain(of_items, value):
        value = (value,)
    if not isinstance(value, (list, tuple)):
        wanted = "numbers" if of_items in (int, float) else "values"
        raise UserError(f"{name} is {show(value)}: it must be a list of {wanted}.")
    return tuple(_coerce_plain(name, of_items, _plain(item)) for item in value)


def _plain(value: Any) -> Any:
    """Return a path as text, and a number or a list of NumPy as Python's own; all else as it is."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    return value


def _is_plain(kind: type, value: Any) -> bool:
    """Return whether `value` could be one of `kind`, apart from its size."""
    if kind in (str, bool):
        return isinstance(value, kind)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _coerce_plain(name: str, kind: type, value: Any) -> Any:
    if not _is_plain(kind, value) or (kind is int and isinstance(value, float)):
        raise UserError(f"{name} is {show(value)}: it must be {_KIND_NAMES[kind]}.")
    if kind is float:
        too_large = isinstance(value, int) and abs(value) >= 2**64
        number = math.inf if too_large else float(value)
        if not (math.isfinite(number) and abs(number) < _LARGEST):
            raise UserError(
                f"{name} is {show(value)}: it must be a finite number below {_LARGEST:g}."
            )
        return number
    if kind is int and abs(value) >= 2**32:
        raise UserError(f"{name} is {show(value)}: it must be below {2**32}.")
    return value


def kind_words(kind: Any) -> str:
    """Return what a value of a field's type is, in words."""
    return _KIND_NAMES.get(kind, "a list")


def show(value: Any) -> str:
    """Write a value as a message shows it: no more of it than a person reads."""
    if isinstance(value, tuple):
        more = ", …" if len(value) > _MOST_SHOWN else ""
        return f"({', '.join(show(item) for item in value[:_MOST_SHOWN])}{more})"
    if isinstance(value, float):
        return f"{value:g}"
    try:
        return shortened(repr(value))
    except ValueError:  # Python refuses to write a whole number of several thousand digits
        return "too long to write"
