"""Training rows from recordings whose channels are a mixture and each of its clean components.

A .wav or .npy of 1 + F channels: first the mixture S, then the targets in the order of
`task.frequencies`. Selectors need not be in the file: every stretch of `task.duration` is asked for
once for every component.
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
    """The rows of F blocks a stretch, stretch after stretch.

    Args:
      path: a .wav or .npy.
      config: frequencies, sampling rate and duration.
      field: the config field that named the file, for error messages.

    Raises:
      UserError: other channels, another rate or length, or a sample that is not a finite number of
        single precision, by row and channel.
    """
    recording, count = open_recording(path, field), len(config.frequencies)
    channels, rate = len(recording.names), recording.sampling_rate
    if channels != 1 + count:
        raise UserError(
            f"{field} {path} has {channels} channels: it must have {1 + count}, the mixture and then the "
            f"target of each of the {count} frequencies; without targets a recording is for --mode extract."
        )
    if rate is not None and abs(rate / config.sampling_rate - 1) > 1e-6:
        raise UserError(
            f"{field} {path} has {rate:g} samples a second: it must have {config.sampling_rate:g}, as "
            "task.sampling_rate says."
        )
    assert recording.samples is not None
    if recording.samples % config.samples:
        raise UserError(
            f"{field} {path} has {recording.samples} samples: it must have {config.samples}, as "
            "task.duration and task.sampling_rate say, or a multiple of that."
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
