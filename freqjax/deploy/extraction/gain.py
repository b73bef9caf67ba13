"""Gain of the input of the network: as given, or such that the recording is as strong as training signals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from freqjax.deploy.extraction.levels import Level
from freqjax.deploy.extraction.plan import Plan
from freqjax.deploy.extraction.reference import Reference
from freqjax.recordings import signals
from freqjax.recordings.resampling import resample
from freqjax.system import files

# Samples read at a time.
CHUNK = 65_536


class Gains(NamedTuple):
    """Levels and gains of the channels.

    Attributes:
      levels: of each channel at the network's rate, in units of the recording, [C].
      factors: by which each channel is multiplied, [C].
    """

    levels: Float[np.ndarray, " C"]
    factors: Float[np.ndarray, " C"]


def measure(planned: Plan, known: Reference, note: Callable[[int], None]) -> Gains:
    """Read the recording once, measure the level of every channel, and return the gains.

    A silent channel has gain 1.

    Args:
      planned: the extraction.
      known: levels of the training signals.
      note: told of the number of samples read so far.

    Raises:
      UserError: a sample is not a finite number.
    """
    task = planned.task
    slowest = min(task.selected_hz[group] for group in planned.groups)
    meters = [Level(slowest, task.time.samples) for _ in planned.channels]
    for chunk in resample(read(planned, note), planned.up_by_down):
        for meter, samples in zip(meters, chunk.T, strict=True):
            meter.add(samples)
    levels = np.array([meter.value() for meter in meters])
    if planned.gain is not None:
        return Gains(levels, np.full(len(levels), planned.gain))
    with np.errstate(divide="ignore"):
        factors = np.where(levels > 0, known.input_rms / levels, 1.0)
    # A level near the smallest number has no finite inverse.
    return Gains(levels, np.where(np.isfinite(factors), factors, 1.0))


def read(planned: Plan, note: Callable[[int], None]) -> Iterator[Float[np.ndarray, "n C"]]:
    """Read the channels of the recording in chunks [n, C]; `note` is told of the samples read so far."""
    count = 0
    with files.naming(planned.recording.path):
        for chunk in signals(planned.recording, planned.channels, CHUNK, "--input"):
            count += len(chunk)
            note(count)
            yield chunk


def is_near(ratio: float, factor: float) -> bool:
    """Tell whether a ratio of levels lies within a factor of 1, either way."""
    return bool(math.isfinite(ratio) and 1 / factor <= ratio <= factor)
