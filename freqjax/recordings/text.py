"""Recordings as text, .csv, .tsv or .txt: one row a sample; a column of times tells the rate.

What is written is a column `S`, or the channels under their own names, with the separator and the decimal
sign of the recording; before them, where it has times, a column `t`, which starts over where its own does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError
from freqjax.recordings import names, times
from freqjax.recordings.dialect import Dialect
from freqjax.recordings.rates import agreed
from freqjax.recordings.table import Table, rises_evenly
from freqjax.system.files import creating

# Rows read at a time where only their times are wanted.
_PIECE = 65_536


class CsvRecording:
    """A `freqjax.recordings.Recording` in a text file."""

    def __init__(self, path: Path, field: str) -> None:
        """Find how the file is written, read its header, and measure the rate that its times tell.

        Raises:
          UserError: no table of numbers, no column but that of times, or times that do not rise evenly.
        """
        self.path, self._source = path, f"{field} is {path}"
        self._table = table = Table(path, self._source)
        self.layout = ", ".join(filter(None, (path.suffix.lower(), table.dialect.words)))
        beginning = table.beginning()
        self._time = self._find_time(beginning)
        self._kept = [
            i
            for i in range(len(table.names))
            if i != self._time and not self._is_index(i, beginning)
        ]
        if not self._kept:
            raise UserError(
                f"{self._source}: it must hold a column besides {table.names[0]}, and at least one row."
            )
        self.names = tuple(f"column {table.names[i]}" for i in self._kept)
        self._measured = self._measure(float(beginning[0, self._time or 0]))
        measured = self._measured
        lines = (*table.dialect.comments, *table.dialect.passed)
        stated = next(filter(None, map(names.stated_rate, lines)), None)
        self.sampling_rate, self.rate_slack = agreed(measured, stated, self._source)
        self.samples: int | None = None if measured is None else measured.rows
        self.notes = (*table.notes, *self._rate_notes(stated, beginning))

    def chunks(self, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read the samples in order, [n, C] float64."""
        for table in self._table.numbers(size):
            yield table[:, self._kept]

    @contextmanager
    def writer(self, path: Path, channels: Sequence[int] = ()) -> Iterator[_CsvWriter]:
        """Open a new file, a row a sample below a header: one signal S, or `channels` by their names."""
        written = [self._table.names[self._kept[channel]] for channel in channels] or ["S"]
        with creating(path) as file:
            yield _CsvWriter(file, self._table.dialect, self._measured, written)

    def _find_time(self, beginning: np.ndarray) -> int | None:
        table, dates = self._table, self._table.dialect.dates
        if table.has_header:
            known = (i for i, n in enumerate(table.names) if names.seconds_per_unit(n) is not None)
            return next(known, dates)
        if dates is not None:
            return dates
        step = rises_evenly(beginning[:, 0])
        # Without a header a first column that rises by less than 1 is time; one that counts is not.
        return 0 if len(table.names) > 1 and step is not None and step < 1 else None

    def _is_index(self, column: int, beginning: np.ndarray) -> bool:
        """Tell whether a column without a name counts the rows, as that of a data frame's index does."""
        unnamed = self._table.has_header and self._table.names[column] == str(column + 1)
        return unnamed and len(beginning) > 1 and bool((np.diff(beginning[:, column]) == 1).all())

    def _measure(self, first: float) -> times.Measured | None:
        column = self._time
        if column is None:
            return None
        name = self._table.names[column]
        unit = 1.0 if column == self._table.dialect.dates else _unit(name, first)
        rounding = self._table.rounding(column)

        def read() -> Iterator[np.ndarray]:
            for table in self._table.numbers(_PIECE):
                yield table[:, column]

        return times.measure(read, rounding, self._source, f"column {name}", unit=unit)

    def _rate_notes(self, stated: names.Stated | None, beginning: np.ndarray) -> list[str]:
        notes = []
        if self._measured is not None:
            name = f"{self.path}, column {self._table.names[self._time or 0]}"
            notes.append(self._measured.words(name))
            if self._table.dialect.dates == self._time:
                notes[-1] += "; its dates are read as seconds since 1970"
            elif not self._table.has_header:
                notes[-1] += "; it rises evenly, and without a header it is taken as time in s"
        elif stated is not None:
            notes.append(f"{self.path}: {stated.name} states {stated.sampling_rate:.9g} Hz")
        else:
            notes.extend(
                f"{self.path}: {name} rises evenly, by {step:.6g} a row, and is not used: if it is time, "
                "name it t"
                for name, i in zip(self.names, self._kept, strict=True)
                if (step := rises_evenly(beginning[:, i])) is not None
            )
        return notes


def _unit(name: str, first: float) -> float:
    """Return the seconds in a unit of times that begin at `first`, in a column of a name."""
    if names.has_unit(name):
        return names.seconds_per_unit(name) or 1.0
    return names.unit_of_size(first)


class _CsvWriter:
    clipped = 0

    def __init__(
        self,
        file: IO[bytes],
        dialect: Dialect,
        measured: times.Measured | None,
        names: Sequence[str],
    ) -> None:
        self._file, self._dialect, self._measured, self._row = file, dialect, measured, 0
        header = io.StringIO()
        separator = dialect.separator
        row = csv.writer(header, delimiter=separator, lineterminator="\n")  # quotes what needs it
        row.writerow(names if measured is None else ["t", *names])
        self._file.write(header.getvalue().encode())

    def write(self, samples: Float[np.ndarray, "n ..."]) -> None:
        """Append rows; float32 reads back to the same bits."""
        columns = [samples]
        if self._measured is not None:
            rows = np.arange(self._row, self._row + len(samples))
            columns.insert(0, self._measured.at(rows))
        self._row += len(samples)
        text = io.StringIO()
        table = np.column_stack(columns)
        signals = table.shape[1] - len(columns) + 1
        formats = ["%.15g"] * (len(columns) - 1) + ["%.9g"] * signals
        np.savetxt(text, table, fmt=formats, delimiter=self._dialect.separator)
        written = text.getvalue()
        if self._dialect.decimal == ",":
            written = written.replace(".", ",")
        self._file.write(written.encode())
