"""Gain of the input of the network: as given, or such that the recording is as strong as training signals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Inexact

from freqjax.deploy.extraction.levels import Level
from freqjax.deploy.extraction.numbers import numbers_of
from freqjax.deploy.extraction.plan import Plan
from freqjax.deploy.extraction.reference import Reference
from freqjax.recordings import signals
from freqjax.recordings.resampling import resample
from freqjax.system import files

# A mean is an offset if it is larger than this share of the level about it.
_OFFSET = 0.5
# Relative power that rounding leaves about the mean of a constant.
_ROUNDING = 1e-12
# Samples read at a time.
CHUNK = 65_536


class Gains(NamedTuple):
    """Levels and gains of the channels.

    Attributes:
      levels: of each signal at the network's rate, in units of the recording, [C].
      factors: by which each signal is multiplied, [C].
      offsets: that are subtracted from each signal before, in units of the recording, [C]; with I/Q complex.
    """

    levels: Float[np.ndarray, " C"]
    factors: Float[np.ndarray, " C"]
    offsets: Inexact[np.ndarray, " C"]


def measure(planned: Plan, known: Reference, note: Callable[[int], None]) -> Gains:
    """Read the recording once, measure the level of every channel, and return the gains.

    A silent channel has gain 1. The mean of a channel is subtracted if it is an offset rather than a part of
    the signal: if it is larger than half of the level about it.

    Args:
      planned: the extraction.
      known: levels of the training signals.
      note: told of the number of samples read so far.

    Raises:
      UserError: a sample is not a finite number.
    """
    task = planned.task
    slowest = min(task.selected_hz[group] for group in planned.groups)
    meters = [Level(slowest, task.time.samples) for _ in planned.signals]
    for chunk in resample(read(planned, note), planned.up_by_down):
        for meter, samples in zip(meters, chunk.T, strict=True):
            meter.add(samples)
    levels = np.array([meter.value() for meter in meters])
    offsets = np.zeros(len(levels), float if planned.columns == 1 else complex)
    if planned.gain is not None:
        return Gains(levels, np.full(len(levels), planned.gain), offsets)
    for channel, meter in enumerate(meters):
        about = _about_mean(levels[channel], meter.mean)
        if about is not None and abs(meter.mean) > _OFFSET * about:
            levels[channel], offsets[channel] = about, meter.mean
    with np.errstate(divide="ignore"):
        factors = np.where(levels > 0, known.input_rms / levels, 1.0)
    # A level near the smallest number has no finite inverse.
    return Gains(levels, np.where(np.isfinite(factors), factors, 1.0), offsets)


def _about_mean(level: float, mean: complex) -> float | None:
    """Return the level about the mean; None if the mean is that of events that the level leaves out."""
    share = (abs(mean) / level) ** 2 if level > 0 else 0.0
    if share > 1 + _ROUNDING:
        return None
    return level * math.sqrt(1 - share) if share < 1 - _ROUNDING else 0.0


def read(planned: Plan, note: Callable[[int], None]) -> Iterator[Inexact[np.ndarray, "n C"]]:
    """Read the signals of the recording in chunks [n, C]; `note` is told of the samples read so far."""
    count = 0
    with files.naming(planned.recording.path):
        for chunk in signals(planned.recording, planned.channels, CHUNK, "--input"):
            count += len(chunk)
            note(count)
            yield numbers_of(chunk.reshape(len(chunk), len(planned.signals), planned.columns))


def is_near(ratio: float, factor: float) -> bool:
    """Tell whether a ratio of levels lies within a factor of 1, either way."""
    return bool(math.isfinite(ratio) and 1 / factor <= ratio <= factor)
