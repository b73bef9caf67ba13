"""Markdown of the generated documents: paragraphs, list items and tables as lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

_WIDTH = 110


def paragraph(text: str) -> list[str]:
    """Wrap `text`, and end it with an empty line."""
    return [*_wrap(text), ""]


def bullet(text: str) -> list[str]:
    """Wrap `text` as an item of a list."""
    return _wrap(f"- {text}", indent="  ")


def table(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    """Return a table with a row for each of `rows`."""
    return [
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
        *("| " + " | ".join(map(str, row)) + " |" for row in rows),
    ]


def _wrap(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def words(name: str) -> str:
    """Return a name of the code as words."""
    return name.replace("_", " ")
