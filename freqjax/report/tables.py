"""Tables and sections of a report, as lines of plain text and of Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freqjax.tasks.evaluation import Section, Table
from freqjax.text import number


def cell(value: Any) -> str:
    """Return a value of a table as text; "-" if it is unknown or not finite."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return number(value) if value >= 0 else f"-{number(-value)}"


def text_table(table: Table) -> list[str]:
    """Return `table` as lines, with the first column left-aligned and the others right-aligned."""
    lines = [tuple(table.columns), *(tuple(map(cell, row)) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    widths[1:] = [max(9, width) for width in widths[1:]]
    return [
        "  ".join(
            f"{value:<{width}}" if place == 0 else f"{value:>{width}}"
            for place, (value, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def markdown_table(table: Table) -> list[str]:
    """Return `table` in the syntax of Markdown tables."""
    lines = [table.columns, ["---"] * len(table.columns)]
    lines += [[cell(value) for value in row] for row in table.rows]
    return ["| " + " | ".join(value.replace("|", "\\|") for value in line) + " |" for line in lines]


def text_section(section: Section) -> list[str]:
    """Return `section` as plain text."""
    table = [] if section.table is None else ["", *text_table(section.table)]
    return [section.title, *section.words, *table]


def markdown_section(section: Section, folder: Path) -> list[str]:
    """Return `section` as Markdown for report.md in `folder`, under a second-level heading."""
    parts: list[Sequence[str]] = [[f"## {section.title}"], *([words] for words in section.words)]
    if section.table is not None:
        parts.append(markdown_table(section.table))
    if section.figures:
        parts.append(markdown_figures(section.figures, folder))
    return "\n\n".join("\n".join(part) for part in parts).split("\n")


def markdown_figures(figures: Sequence[Path], folder: Path) -> list[str]:
    """Return links to PNGs below `folder`, one per line."""
    return [f"![{figure.stem}]({figure.relative_to(folder).as_posix()})" for figure in figures]
