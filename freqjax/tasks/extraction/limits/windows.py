"""Bayes limit of a network that reads windows of a stream.

Every output is computed from one window: in a causal network, from the n samples read so far in the window
and its warm-up. The position of the window in the stream is unknown, so that the limit at a sample is the
least error after n samples of a stream with a random start. A mean over windows has the context of the
window with the most: the limit is that of the largest n.

If the start of a block is known, so is that of a window that reads the block from its first sample on: its
limit is 0. The starts of the others count as random if they are dense in the common period.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Bool, Float, Int

from freqjax.config.sections import Context, WindowsConfig
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.limits import law
from freqjax.tasks.extraction.limits.bayes import StreamLimit, bayes_curve
from freqjax.tasks.extraction.limits.law import NoBayesLimit
from freqjax.tasks.extraction.synthesis import common_period
from freqjax.tasks.windows import first_samples, owners, warm_up

# The limit is computed at this many n at most, and is linear in log n between.
_NODES = 96
# Starts of windows at most this share of the shortest period apart (0.2 rad) count as random.
_DENSE = 1 / 32


def context_samples(samples: int, windows: WindowsConfig) -> Int[np.ndarray, " T"]:
    """Count the samples that the output at each sample depends on, in a causal network."""
    first = first_samples(samples, windows)[owners(samples, windows)]
    return np.arange(samples) - np.maximum(first - warm_up(windows), 0) + 1


def window_limit(task: ExtractionConfig, context: Context) -> StreamLimit:
    """Compute the mean of the limit over a block, and over the samples that are judged.

    Raises:
      NoBayesLimit: the network is bidirectional, the windows have few distinct starts, or as `bayes_curve`.
    """
    windows = context.windows
    if context.both_ways:
        raise NoBayesLimit(
            "network.bidirectional is True: it must be False, since the limit is that of causal networks."
        )
    seen, known = context_samples(task.samples, windows), _known(task, windows)
    if known.all():
        return StreamLimit(0.0, (0.0,) * len(task.frequencies), 0.0, 0.0, None, 0.0)
    if task.start == "zero":
        _require_dense(task, windows)
    distinct = np.unique(seen[~known])
    if len(distinct) > _NODES:
        spaced = np.rint(np.geomspace(distinct[0], distinct[-1], _NODES)).astype(int)
        distinct = np.unique(spaced)
    curve = bayes_curve(dataclasses.replace(task, start="random"), distinct.tolist())
    at = np.log(seen)

    def over_time(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " T"]:
        return np.where(known, 0.0, np.interp(at, np.log(distinct), values))

    mse = over_time(curve.mse)
    per_frequency = np.stack([over_time(part) for part in curve.mse_per_frequency.T], axis=1)
    first, after = task.unjudged_samples, None
    if task.start != "zero" and first:
        after = tuple(per_frequency[first:].mean(axis=0).tolist())
    times = np.unique(np.rint(np.geomspace(1, task.samples, _NODES)).astype(int))
    shown = times if task.start != "zero" else times[:0]
    return StreamLimit(
        mse=float(mse.mean()),
        mse_per_frequency=tuple(per_frequency.mean(axis=0).tolist()),
        low=float(over_time(curve.low).mean()),
        high=float(over_time(curve.high).mean()),
        after_1s_per_frequency=after,
        resolution=curve.resolution,
        samples_seen=tuple(shown.tolist()),
        curve=tuple(mse[shown - 1].tolist()),
        note=_note(task, windows, seen, known),
    )


def _known(task: ExtractionConfig, windows: WindowsConfig) -> Bool[np.ndarray, " T"]:
    """Return whether a sample's output comes from a window that reads the block from its known start."""
    if task.start != "zero":
        return np.zeros(task.samples, bool)
    first = first_samples(task.samples, windows)[owners(task.samples, windows)]
    return first <= warm_up(windows)


def _require_dense(task: ExtractionConfig, windows: WindowsConfig) -> None:
    """Raise NoBayesLimit if the windows have so few distinct starts that a network could learn them."""
    law.grid_period(task.frequencies, task.sampling_rate)
    period = common_period(task.frequencies, task.sampling_rate)
    first = first_samples(task.samples, windows)
    places = np.unique(first[first > warm_up(windows)] % period)
    widest = int(np.diff(np.append(places, places[0] + period)).max())
    allowed = max(1, math.floor(_DENSE * task.sampling_rate / max(task.frequencies)))
    if widest > allowed:
        raise NoBayesLimit(
            f"windows.stride is {windows.stride}: the windows of a block have {len(places)} distinct starts "
            f"in the period of {period} samples, up to {widest} samples apart, which a network could "
            f"memorise; they must be at most {allowed} samples apart for the limit of random starts."
        )


def _note(
    task: ExtractionConfig,
    windows: WindowsConfig,
    seen: Int[np.ndarray, " T"],
    known: Bool[np.ndarray, " T"],
) -> str:
    least, most = int(seen[~known].min()), int(seen.max())
    count = f"{most} samples" if least == most else f"{least} to {most} samples"
    note = (
        f"The limit is that of windows: an output depends on the last {count}, and the window's position is "
        "unknown. It is simulated with the exact likelihood of the law in the config; low and high are the "
        "ends of a 95 % interval. The baselines read the whole block."
    )
    if known.any():
        note += (
            f" The first {int(known.sum())} samples are read from a known start on: there it is 0."
        )
    return note
