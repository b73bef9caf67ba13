"""Rows in the channels of a recording or the columns of an array without names.

Of 1 + F channels the first is the mixture S and the others are the targets in the order of
`task.frequencies`: such a file holds no selectors, and every segment of `task.duration` gives one block for
each component. Of 2 + F channels they are S, C1 to CF and the target, row by row, and of 3 + F there is the
time in front, s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError
from freqjax.recordings import open_recording
from freqjax.recordings.arrays import IQ_NAMES
from freqjax.recordings.times import decimal_rounding
from freqjax.tasks.extraction.rows import (
    Components,
    Rows,
    require_count,
    require_rate,
    require_times,
    single,
)

_CHUNK = 65_536


def read_channels(path: Path, config: Components, field: str) -> Rows:
    """Read the rows in a recording.

    Args:
      path: a recording whose channels have no names, such as a .wav or .npy.
      config: frequencies, sampling rate and duration.
      field: the config field of the path, for error messages.

    Raises:
      UserError: the channels, the rate or the length do not match the config, or a sample, named by row
        and channel, is not a finite number of single precision.
    """
    recording, source = open_recording(path, field), f"{field} {path}"
    require_rate(recording.sampling_rate, recording.rate_slack, config, source)
    assert recording.samples is not None
    require_real(recording.names == IQ_NAMES, source)
    require_layout(len(recording.names), recording.samples, config, source)
    table = np.concatenate(list(recording.chunks(_CHUNK)))
    return of_channels(table, recording.names, config, source)


def of_channels(
    table: Float[np.ndarray, "T C"], names: Sequence[str], config: Components, source: str
) -> Rows:
    """Make rows of the channels of `table`, as their number says.

    Raises:
      UserError: as `read_channels`.
    """
    count = len(config.frequencies)
    require_layout(table.shape[1], len(table), config, source)
    if table.shape[1] == 3 + count:
        rounding = decimal_rounding(table[:1000, 0])
        require_times(table[:, 0], rounding, config, source, names[0])
        table, names = table[:, 1:], names[1:]
    columns = [single(table[:, c], name, source) for c, name in enumerate(names)]
    if len(columns) == 2 + count:
        return Rows(columns[0], np.stack(columns[1:-1], axis=1), columns[-1])
    stretches = np.stack(columns, axis=1).reshape(-1, config.samples, 1 + count)
    selectors = np.repeat(np.eye(count, dtype=np.float32), config.samples, axis=0)
    return Rows(
        mixture=np.repeat(stretches[:, None, :, 0], count, axis=1).reshape(-1),
        selectors=np.tile(selectors, (len(stretches), 1)),
        targets=stretches[:, :, 1:].transpose(0, 2, 1).reshape(-1),
    )


def require_real(is_complex: bool, source: str) -> None:
    """Require that an array of rows does not hold complex numbers.

    Raises:
      UserError: it does.
    """
    if is_complex:
        raise UserError(
            f"{source} holds complex numbers: rows must be real, since they have one input and one target."
        )


def require_layout(channels: int, samples: int, config: Components, source: str) -> None:
    """Check that channels and samples are those of rows of `config`, before they are read.

    Raises:
      UserError: they are not.
    """
    count = len(config.frequencies)
    if channels in (2 + count, 3 + count):
        require_count(samples, config, source)
        return
    if channels != 1 + count:
        raise UserError(
            f"{source} has {channels} channels: it must have {1 + count}, the mixture and then the target of "
            f"each of the {count} frequencies, or {2 + count}, S, C1 to C{count} and the target; a recording "
            "without targets can only be used with --mode extract."
        )
    if samples % config.samples:
        raise UserError(
            f"{source} has {samples} samples: it must have a multiple of {config.samples}, "
            "task.duration times task.sampling_rate."
        )
    require_count(count * samples, config, source)
