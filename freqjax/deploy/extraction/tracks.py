"""Lines of a recording stretch by stretch while it is read: their rows, and a summary of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Inexact

from freqjax.deploy.extraction.lines import Line, measure, stretch_samples


class Row(NamedTuple):
    """A stretch of a channel.

    Attributes:
      begin, end: from the beginning of the recording, in the task's unit of time.
      recording: the line in the recording; None if it is constant there.
      output: the line in the component that was written; None if that is constant.
      drift, drift_error: slope of the frequency between the stretches before and after, and half of its 95 %
        interval, in Hz per unit of time; nan where it is not known.
    """

    begin: float
    end: float
    recording: Line | None
    output: Line | None
    drift: float = np.nan
    drift_error: float = np.nan

    @property
    def stands(self) -> bool:
        """True if the recording has a line that stands above the noise."""
        return self.recording is not None and self.recording.stands


class Shown(NamedTuple):
    """Samples of a stretch for a figure: its beginning, the recording and the component, [N] each."""

    begin: float
    recording: Inexact[np.ndarray, " N"]
    component: Inexact[np.ndarray, " N"]


@dataclass
class Summary:
    """Strength and frequency of the line over all stretches in which it stands above the noise.

    Attributes:
      stretches: all of them.
      found: those in which it stands above the noise.
      strengths, frequencies: the least, the largest and the sum.
      drift: slope of the least-squares line through the frequencies, Hz per unit of time; None of fewer than
        three.
    """

    stretches: int = 0
    found: int = 0
    strengths: list[float] = field(default_factory=lambda: [np.inf, -np.inf, 0.0])
    frequencies: list[float] = field(default_factory=lambda: [np.inf, -np.inf, 0.0])
    # Sums of t, t², f t, and the first time and frequency, which are subtracted.
    _moments: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])
    _origin: tuple[float, float] | None = None

    def add(self, row: Row) -> None:
        """Take account of a row."""
        self.stretches += 1
        line = row.recording
        if line is None or not line.stands:
            return
        self.found += 1
        for values, value in ((self.strengths, line.strength), (self.frequencies, line.hz)):
            values[:] = [min(values[0], value), max(values[1], value), values[2] + value]
        self._origin = self._origin or (row.begin, line.hz)
        time, hz = row.begin - self._origin[0], line.hz - self._origin[1]
        moments = zip(self._moments, (time, hz, time * time, hz * time), strict=True)
        self._moments = [sum(pair) for pair in moments]

    @property
    def strength(self) -> float:
        """Mean amplitude; nan if the line was not found."""
        return self.strengths[2] / self.found if self.found else np.nan

    @property
    def hz(self) -> float:
        """Mean frequency; nan if the line was not found."""
        return self.frequencies[2] / self.found if self.found else np.nan

    @property
    def drift(self) -> float | None:
        """Slope of the frequency, Hz per unit of time; None of fewer than three stretches."""
        time, hz, squares, products = self._moments
        spread = squares - time * time / max(self.found, 1)
        if self.found < 3 or not spread > 0:
            return None
        return (products - time * hz / self.found) / spread


class Track:
    """Stretches of one component of one channel, added in chunks.

    Attributes:
      summary: of the rows so far.
      shown: a stretch near the middle of the recording in which the line stands, or the last one.
    """

    def __init__(
        self,
        selected_hz: float,
        sampling_rate: float,
        others_hz: Sequence[float],
        middle: float | None,
        detuning: float = 0.0,
    ) -> None:
        """Measure the line `selected_hz` of signals at `sampling_rate`, both Hz.

        Args:
          selected_hz: frequency of the line.
          sampling_rate: of the signals.
          others_hz: of the other components of the task.
          middle: of the recording, in units of time; None if its length is not known.
          detuning: as in `lines.reach_hz`.
        """
        self._hz, self._rate, self._others = selected_hz, sampling_rate, tuple(others_hz)
        self._detuning = detuning
        self._length = stretch_samples(selected_hz, sampling_rate, others_hz)
        self._held = np.zeros((2, 0))
        self._done, self._rows = 0, []
        self._middle = np.inf if middle is None else middle
        self.summary, self.shown, self._shows_line = Summary(), None, False

    def add(
        self, recording: Inexact[np.ndarray, " n"], component: Inexact[np.ndarray, " n"]
    ) -> Iterator[Row]:
        """Add the next samples, and yield the rows whose neighbours are known."""
        self._held = np.concatenate([self._held, np.stack([recording, component])], axis=1)
        first = 0
        while self._held.shape[1] - first >= self._length:
            yield from self._measure(self._held[:, first : first + self._length])
            first += self._length
        self._held = self._held[:, first:]

    def finish(self) -> Iterator[Row]:
        """Yield the rows that remain; the incomplete stretch at the end counts if it is half of one."""
        if 2 * self._held.shape[1] >= self._length:
            yield from self._measure(self._held)
        self._held = self._held[:, :0]
        if self._rows:
            yield _with_drift(self._rows[:-1], self._rows[-1], None)

    def _measure(self, samples: Inexact[np.ndarray, "2 N"]) -> Iterator[Row]:
        begin = self._done / self._rate
        self._done += samples.shape[1]
        recording, output = (
            measure(part, self._hz, self._rate, self._others, self._detuning) for part in samples
        )
        row = Row(begin, self._done / self._rate, recording, output)
        self.summary.add(row)
        if not self._shows_line or (row.stands and begin <= self._middle):
            self.shown, self._shows_line = Shown(begin, *samples.copy()), row.stands
        if self._rows:
            yield _with_drift(self._rows[:-1], self._rows[-1], row)
        self._rows = [*self._rows[-1:], row]


def _with_drift(before: Sequence[Row], row: Row, after: Row | None) -> Row:
    """Add the slope of the frequency between the neighbours of a row that have a line, or to one of them."""
    near = [
        (found.begin + found.end, found.recording)
        for found in (*before, row, *([] if after is None else [after]))
        if found.stands and found.recording is not None
    ]
    if not row.stands or len(near) < 2:
        return row
    (early, first), (late, last) = near[0], near[-1]
    apart = (late - early) / 2
    error = np.hypot(first.hz_error, last.hz_error) / apart
    return row._replace(drift=(last.hz - first.hz) / apart, drift_error=float(error))
