"""Training rows from recordings whose channels are a mixture and its clean components.

A .wav or .npy of 1 + F channels: first the mixture S, then the targets in the order of
`task.frequencies`. The file holds no selectors: every segment of `task.duration` gives one block for each
component.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from freqjax.errors import UserError
from freqjax.recordings import open_recording
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.datasets import Rows

SUFFIXES = (".wav", ".npy")
_CHUNK = 65_536


def read_stems(path: Path, config: ExtractionConfig, field: str) -> Rows:
    """Read the rows of F blocks for each segment, segment after segment.

    Args:
      path: a .wav or .npy.
      config: frequencies, sampling rate and duration.
      field: the config field of the path, for error messages.

    Raises:
      UserError: the channels, the rate or the length do not match the config, or a sample, named by row
        and channel, is not a finite number of single precision.
    """
    recording, count = open_recording(path, field), len(config.frequencies)
    channels, rate = len(recording.names), recording.sampling_rate
    if channels != 1 + count:
        raise UserError(
            f"{field} {path} has {channels} channels: it must have {1 + count}, the mixture and then the "
            f"target of each of the {count} frequencies; a recording without targets can only be used with "
            "--mode extract."
        )
    if rate is not None and abs(rate / config.sampling_rate - 1) > 1e-6:
        raise UserError(
            f"{field} {path} has {rate:g} samples a second: it must have {config.sampling_rate:g}, the "
            "value of task.sampling_rate."
        )
    assert recording.samples is not None
    if recording.samples % config.samples:
        raise UserError(
            f"{field} {path} has {recording.samples} samples: it must have a multiple of {config.samples}, "
            "task.duration times task.sampling_rate."
        )
    table = np.concatenate(list(recording.chunks(_CHUNK)))
    bad = np.argwhere(~(np.abs(table) <= np.finfo(np.float32).max))
    if bad.size:
        row, channel = bad[0]
        raise UserError(
            f"{field} {path}: row {row + 1}, {recording.names[channel]} is {table[row, channel]:g}: "
            "it must be a finite number of single precision."
        )
    stretches = table.astype(np.float32).reshape(-1, config.samples, 1 + count)
    selectors = np.repeat(np.eye(count, dtype=np.float32), config.samples, axis=0)
    return Rows(
        mixture=np.repeat(stretches[:, None, :, 0], count, axis=1).reshape(-1),
        selectors=np.tile(selectors, (len(stretches), 1)),
        targets=stretches[:, :, 1:].transpose(0, 2, 1).reshape(-1),
    )
