"""A table of numbers in a text file: columns with names, rows read piece by piece."""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError
from freqjax.recordings.dates import EXAMPLE
from freqjax.recordings.dialect import (
    find_dialect,
    is_comment,
    is_number,
    lines_of,
    without_last,
)
from freqjax.text import printable

SUFFIXES = (".csv", ".tsv", ".txt")
# Rows by which columns are told apart.
_LOOKED_AT = 1000
# Numbers that rise evenly by chance are fewer.
_FEWEST_STEPS = 4
_WRITTEN = re.compile(r"\s*[+-]?(\d*)\.?(\d*)(?:e([+-]?\d+))?\s*", re.IGNORECASE)


class Table:
    """Columns of numbers in a text file.

    Attributes:
      path: the file.
      dialect: how it is written.
      names: of the columns; their numbers from 1 where there is no header.
      has_header: whether the names are those of the file.
      notes: what a reader should know of it, sentences without a full stop.
    """

    def __init__(self, path: Path, source: str) -> None:
        """Find how the file is written and read its header; `source` names it in messages.

        Raises:
          UserError: it is no table of numbers, or a name stands in its header twice.
        """
        self.path, self._source = path, source
        self.dialect = find_dialect(path, source)
        self.has_header = self.dialect.header is not None
        first = next(self._rows())
        width = len(first) - (len(first) > 1 and not first[-1].strip())
        header = self.dialect.header or tuple(str(i + 1) for i in range(width))
        self._width = len(header)
        # Programs that write an index leave its name empty.
        self.names = tuple(printable(name) or str(i + 1) for i, name in enumerate(header))
        twice = next((name for name in self.names if self.names.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"{source}: column {twice} is in the header more than once.")
        self.notes = self._notes()

    def numbers(self, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read the rows in order, [n, C] float64 with n at most `size`.

        Raises:
          UserError: a cell that is not a number, or a row of another length, by row from 1.
        """
        rows, row = self._rows(), 1
        while lines := list(itertools.islice(rows, size)):
            yield self._numbers(lines, row)
            row += len(lines)

    def rounding(self, column: int) -> float:
        """Return what the numbers of a column are rounded to, as their digits say.

        Numbers are written with as many decimals each, or with as many digits; zeros at the end may be left
        out.
        """
        decimals, digits, largest = -20, 1, 0.0
        for piece in self._samples():
            for cells in piece:
                found = _WRITTEN.fullmatch(cells[column]) if column < len(cells) else None
                if found is None:
                    continue
                whole, fraction, exponent = found[1], found[2], int(found[3] or 0)
                decimals = max(decimals, len(fraction) - exponent)
                digits = max(digits, len((whole + fraction).lstrip("0")))
                value = abs(float(cells[column]))
                largest = max(largest, value if math.isfinite(value) else 0.0)
        before = math.floor(math.log10(largest)) + 1 if largest else 0
        return max(10.0**-decimals, 10.0 ** (before - digits))

    def _samples(self) -> Iterator[list[list[str]]]:
        """Yield some rows of every part of the file."""
        rows = self._rows()
        while lines := list(itertools.islice(rows, 50 * _LOOKED_AT)):
            yield lines[:100]
            yield lines[-100:]

    def beginning(self) -> Float[np.ndarray, "n C"]:
        """Return the first rows, some of those by which columns are told apart."""
        return next(self.numbers(_LOOKED_AT))

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self.dialect.passed:
            count = len(self.dialect.passed)
            notes.append(
                f"{self.path}: {count} line{'s' * (count > 1)} before the header passed over, from "
                f"{printable(self.dialect.passed[0][:40])!r} on"
            )
        return tuple(notes)

    def _rows(self) -> Iterator[list[str]]:
        """Read the rows of cells; leave out comments, and blank rows at the end."""
        dated = self.dialect.dates is not None
        lines = itertools.islice(
            lines_of(self.path, self.dialect.encoding, dated=dated), self.dialect.skipped, None
        )
        blank = 0
        try:
            for cells in self.dialect.cells(line for line in lines if not is_comment(line)):
                if not cells or (len(cells) == 1 and not cells[0].strip()):
                    blank += 1
                    continue
                yield from ([] for _ in range(blank))
                blank = 0
                yield cells
        except csv.Error as error:
            raise UserError(f"{self._source}: it cannot be read as CSV text ({error}).") from None

    def _numbers(self, lines: list[list[str]], first: int) -> Float[np.ndarray, "n C"]:
        width = self._width
        if len(lines[0]) != width or len(lines[-1]) != width:
            lines = [list(without_last(line, width)) for line in lines]
        try:
            table = np.array(lines, np.float64)
            # NumPy reads 1_000 as 1000, which is Python's way and nobody else's.
            plain = not any("_" in cell for line in lines for cell in line)
            if plain and table.shape[1:] == (width,):
                return table
        except ValueError:
            pass
        lines = [list(without_last(line, width)) for line in lines]
        for row, line in enumerate(lines, first):
            if len(line) != width:
                what = "the header has" if self.has_header else "the first has"
                raise UserError(
                    f"{self._source}: row {row} has {len(line)} cells where {what} {width}; cells are read "
                    f"as separated by {self.dialect.separator_word}."
                )
            for name, cell in zip(self.names, line, strict=True):
                if "\ufffd" in cell:
                    raise UserError(
                        f"{self._source}: it cannot be read as CSV text (row {row}, column {name} is not "
                        "UTF-8)."
                    )
                if not is_number(cell):
                    raise UserError(
                        f"{self._source}: row {row}, column {name} is {cell[:60]!r}: it must be a number, "
                        f"or a date such as {EXAMPLE}."
                    )
        return np.array(lines, np.float64)


def rises_evenly(values: Float[np.ndarray, " n"]) -> float | None:
    """Return the step of numbers that rise evenly, or None if they do not, or are too few to tell."""
    steps = np.diff(values)
    if len(steps) < _FEWEST_STEPS or not np.isfinite(steps).all():
        return None
    step = float(np.mean(steps))
    return step if step > 0 and np.abs(steps - step).max() <= 0.01 * step else None
