"""CSV: a header of names and one row per sample; a column `t` of times, s, gives the rate.

An output has a column `S`, after `t` if the recording has times.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError
from freqjax.recordings.recording import Clock
from freqjax.system.files import replacing


class CsvRecording:
    """Implementation of `freqjax.recordings.Recording` for a .csv file."""

    layout = ".csv"
    samples: int | None = None

    def __init__(self, path: Path, field: str) -> None:
        """Read the header and the first two rows.

        Raises:
          UserError: there is no header of names, no column except `t` or no row, or a cell is not a number.
        """
        self.path, self._source = path, f"{field} is {path}"
        rows = self._rows()
        header = [name.strip() for name in next(rows, [])]
        self._header = header
        if not header or all(_is_number(name) for name in header):
            raise UserError(
                f"{self._source}: its first row must be a header of names, such as S or t,S."
            )
        twice = next((name for name in header if header.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"{self._source}: column {twice} is in the header more than once.")
        self.names = tuple(f"column {name}" for name in header if name != "t")
        self._kept = [i for i, name in enumerate(header) if name != "t"]
        self._time = header.index("t") if "t" in header else None
        first = self._numbers(list(itertools.islice(rows, 2)), 1)
        if not len(first) or not self.names:
            raise UserError(
                f"{self._source}: it must hold a column besides t, and at least one row."
            )
        self._clock_of = first[:, self._time] if self._time is not None else None
        clock = self._start_clock()
        self.sampling_rate = None if clock is None else clock.sampling_rate

    def chunks(self, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read the samples in order, [n, C] float64."""
        rows, row, clock = self._rows(), 1, self._start_clock()
        next(rows)
        while lines := list(itertools.islice(rows, size)):
            table = self._numbers(lines, row)
            if clock is not None:
                clock.check(table[:, self._time])
            yield table[:, self._kept]
            row += len(lines)

    @contextmanager
    def writer(self, path: Path) -> Iterator[_CsvWriter]:
        """Open a new file with a header and a row per sample."""
        with replacing(path) as file:
            yield _CsvWriter(file, self._start_clock(), self._clock_of)

    def _start_clock(self) -> Clock | None:
        if self._clock_of is None:
            return None
        if len(self._clock_of) < 2:
            raise UserError(f"{self._source}: a column t needs at least two rows.")
        return Clock(self._clock_of[0], self._clock_of[1], self._source)

    def _rows(self) -> Iterator[list[str]]:
        """Read the rows of cells, without blank ones at the end."""
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:
                blank = 0
                for cells in csv.reader(file):
                    if not cells:
                        blank += 1
                        continue
                    yield from ([] for _ in range(blank))
                    blank = 0
                    yield cells
        except (UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"{self._source}: it cannot be read as CSV text ({error}).") from None

    def _numbers(self, lines: list[list[str]], first: int) -> np.ndarray:
        try:
            table = np.array(lines, np.float64)
            if table.shape[1:] == (len(self._header),):
                return table
        except ValueError:
            pass
        for row, line in enumerate(lines, first):
            if len(line) != len(self._header):
                raise UserError(
                    f"{self._source}: row {row} has {len(line)} cells where the header has "
                    f"{len(self._header)}."
                )
            for name, cell in zip(self._header, line, strict=True):
                if not _is_number(cell):
                    raise UserError(
                        f"{self._source}: row {row}, column {name} is {cell!r}: it must be a number."
                    )
        return np.empty((0, len(self._header)))


class _CsvWriter:
    clipped = 0

    def __init__(self, file: IO[bytes], clock: Clock | None, times: np.ndarray | None) -> None:
        self._file, self._clock, self._row = file, clock, 0
        self._first = 0.0 if times is None else float(times[0])
        self._file.write(b"S\n" if clock is None else b"t,S\n")

    def write(self, samples: Float[np.ndarray, " n"]) -> None:
        """Append rows; float32 values are written such that reading restores the same bits."""
        columns = [samples]
        if self._clock is not None:
            rows = np.arange(self._row, self._row + len(samples))
            columns.insert(0, self._first + rows / self._clock.sampling_rate)
        self._row += len(samples)
        formats = ["%.12g", "%.9g"][-len(columns) :]
        np.savetxt(self._file, np.column_stack(columns), fmt=formats, delimiter=",")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
