"""Interfaces of files of signals, whatever their format: a recording to read, and a writer of a new file.

A recording has C channels of T samples each, read chunk by chunk, so that an hour at 48 kHz needs no more
memory than a second. A writer creates a file of equal length in the format of a recording: of one signal, or
of several of its channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    def write(self, samples: Float[np.ndarray, "n ..."]) -> None:
        """Append samples [n] of one signal, or [n, C] of the channels that the file has."""
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

    def writer(self, path: Path, channels: Sequence[int] = ()) -> AbstractContextManager[Writer]:
        """Open a new file at `path`, in this format, rate and length.

        The file is created atomically when the context ends without an error.

        Args:
          path: the new file.
          channels: those of the recording that the file has, in its order; none for one signal.

        Raises:
          FileExistsError: there is something at `path`, at the beginning or at the end.
        """
        ...


def signals(
    recording: Recording, channels: Sequence[int], size: int, field: str
) -> Iterator[Float[np.ndarray, "n C"]]:
    """Read C channels of a recording as chunks [n, C] float64 of at most `size` samples.

    Raises:
      UserError: a sample is not a finite number of single precision; the message names its row, from 1, and
        its channel.
    """
    row = 1
    for chunk in recording.chunks(size):
        samples = chunk[:, list(channels)]
        # A comparison with nan is false.
        bad = np.argwhere(~(np.abs(samples) <= np.finfo(np.float32).max))
        if bad.size:
            first, column = bad[0]
            raise UserError(
                f"{field} {recording.path}: row {row + first}, {recording.names[channels[column]]} is "
                f"{samples[first, column]:g}: it must be a finite number of single precision."
            )
        yield samples
        row += len(samples)


def signal(
    recording: Recording, channel: int, size: int, field: str
) -> Iterator[Float[np.ndarray, " n"]]:
    """Read one channel of a recording as chunks [n], as `signals` does."""
    for chunk in signals(recording, (channel,), size, field):
        yield chunk[:, 0]
