r"""Front matter of a card: plain values as a block of YAML between two lines of ---.

What is written is read alike by YAML 1.1 and 1.2: a text that might be a number, a truth or markup is quoted,
as in JSON, and a number has a point before its exponent, without which YAML 1.1 reads a text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from freqjax.text import printable

# A text that needs no quotes: letters first, and no sign that begins markup.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
# Words that YAML 1.1 reads as a truth or as nothing.
_TAKEN = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
# Characters that no YAML may hold as they are, beyond those that `printable` shows as escapes.
_UNREADABLE = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")


def front_matter(values: Mapping[str, Any]) -> list[str]:
    """Return the lines of a block with `values`: texts, finite numbers, and mappings and lists with items.

    Raises:
      ValueError: a number is not finite, a list is empty, or a value is of another type.
    """
    return ["---", *_mapping(values, ""), "---"]


def _mapping(values: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for key, value in values.items():
        name = f"{indent}{_scalar(key)}:"
        if isinstance(value, Mapping) and value:
            lines += [name, *_mapping(value, f"{indent}  ")]
        elif isinstance(value, list | tuple) and value:
            lines += [name, *_items(value, indent)]
        else:
            lines.append(f"{name} {_scalar(value)}")
    return lines


def _items(values: Sequence[Any], indent: str) -> list[str]:
    lines = []
    for value in values:
        if isinstance(value, Mapping) and value:
            first, *others = _mapping(value, f"{indent}  ")
            lines += [f"{indent}- {first[len(indent) + 2 :]}", *others]
        else:
            lines.append(f"{indent}- {_scalar(value)}")
    return lines


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
    raise ValueError(f"{value!r} cannot stand in front matter.")


def _text(text: str) -> str:
    shown = printable(text)
    if _PLAIN.fullmatch(shown) and shown.lower() not in _TAKEN:
        return shown
    quoted = json.dumps(shown, ensure_ascii=False)
    return _UNREADABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
