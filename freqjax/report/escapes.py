"""Text from elsewhere in Markdown, so that nothing in a name or a path is taken for markup or HTML."""

from __future__ import annotations

import re

from freqjax.text import printable

# What begins HTML, an entity, a link, code or emphasis, ends a cell of a table, or takes that from the next.
_MARKUP = re.compile(r"[\\`*<\[\]|&]")


def inline(text: str) -> str:
    """Return `text` as a paragraph, a heading or a cell of a table shows it, on one line."""
    return _MARKUP.sub(r"\\\g<0>", printable(text))


def code(text: str) -> str:
    """Return `text` as code within a line, with as many backticks around it as it needs."""
    shown = printable(text)
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def block(lines: list[str], language: str = "") -> list[str]:
    """Return a block of code with `lines`."""
    shown = [printable(line) for line in lines]
    longest = max(map(len, re.findall("`+", "\n".join(shown))), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *shown, fence]
