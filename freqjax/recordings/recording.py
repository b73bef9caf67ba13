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
      layout: its format in words.
      names: of the channels, for people; C of them.
      sampling_rate: samples a second, Hz, or None where the file does not say.
      rate_slack: the share by which the rate may be off, where it was measured; else 0.
      samples: T, or None where only reading the file can tell.
      notes: how the file was read where it could be read in another way, sentences without a full stop.
    """

    path: Path
    layout: str
    names: tuple[str, ...]
    sampling_rate: float | None
    rate_slack: float
    samples: int | None
    notes: tuple[str, ...]

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
