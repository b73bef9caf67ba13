"""Interfaces of files of signals, whatever their format: a recording to read, and a writer of a new file.

A recording has C channels of T samples each, read chunk by chunk, so that an hour at 48 kHz needs no more
memory than a second. A writer creates a file of one channel in the format of a recording, of equal length.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError

# Relative error of a time step allowed in a file, since times are rounded decimals.
_UNEVEN = 0.01


@runtime_checkable
class Writer(Protocol):
    """File that is being written.

    Attributes:
      clipped: number of samples so far that were clipped to the range of the format.
    """

    clipped: int

    def write(self, samples: Float[np.ndarray, " n"]) -> None:
        """Append samples [n]."""
        ...


@runtime_checkable
class Recording(Protocol):
    """File of signals.

    Attributes:
      path: the file.
      layout: description of its format.
      names: [C] names of the channels in texts.
      sampling_rate: samples per second, Hz, or None if the file does not contain it.
      samples: T, or None if it is unknown before the file has been read.
    """

    path: Path
    layout: str
    names: tuple[str, ...]
    sampling_rate: float | None
    samples: int | None

    def chunks(self, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read the samples in order, [n, C] float64 with n at most `size`; values are not scaled.

        Integers in a WAV are fractions of full scale.
        """
        ...

    def writer(self, path: Path) -> AbstractContextManager[Writer]:
        """Open a new file at `path`, in this format, rate and length.

        The file is created atomically when the context ends without an error.
        """
        ...


def signal(
    recording: Recording, channel: int, size: int, field: str
) -> Iterator[Float[np.ndarray, " n"]]:
    """Read one channel of a recording as chunks [n] float64 of at most `size` samples.

    Raises:
      UserError: a sample is not a finite number of single precision; the message names its row, from 1, and
        its channel.
    """
    row = 1
    for chunk in recording.chunks(size):
        samples = chunk[:, channel]
        # A comparison with nan is false.
        bad = np.flatnonzero(~(np.abs(samples) <= np.finfo(np.float32).max))
        if bad.size:
            raise UserError(
                f"{field} {recording.path}: row {row + bad[0]}, {recording.names[channel]} is "
                f"{samples[bad[0]]:g}: it must be a finite number of single precision."
            )
        yield samples
        row += len(samples)


class Clock:
    """Checker of evenly spaced times; in a file of several blocks the times start over at each."""

    def __init__(self, first: float, second: float, source: str) -> None:
        """Set the step to the difference of the first two times, s.

        Raises:
          UserError: the second time is not larger.
        """
        self._first, self.step, self._source = first, second - first, source
        self._last, self._row = first - self.step, 0
        if not (self.step > 0 and np.isfinite(self.step)):
            raise UserError(
                f"{source}: column t goes from {first:g} to {second:g} s: it must rise evenly."
            )

    @property
    def sampling_rate(self) -> float:
        """Samples per second, Hz, without the rounding error of the times if it is a round number."""
        rate = 1 / self.step
        return float(f"{rate:.6g}") if abs(rate / float(f"{rate:.6g}") - 1) < 1e-7 else rate

    def check(self, times: Float[np.ndarray, " n"]) -> None:
        """Check that times [n] continue the previous ones evenly.

        Raises:
          UserError: there is a gap; the message names its row, from 1.
        """
        steps = np.diff(times, prepend=self._last)
        slack = _UNEVEN * self.step + 1e-8 * np.abs(times)  # nine digits are written
        starts_over = np.abs(times - self._first) <= slack
        bad = np.flatnonzero(~((np.abs(steps - self.step) <= slack) | starts_over))
        if bad.size:
            raise UserError(
                f"{self._source}: row {self._row + bad[0] + 1}, column t is {times[bad[0]]:.9g}: it must "
                f"rise by {self.step:g} s with every row; samples are missing or out of order."
            )
        if times.size:
            self._last, self._row = float(times[-1]), self._row + times.size
