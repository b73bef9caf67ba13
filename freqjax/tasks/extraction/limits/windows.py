"""The Bayes limit of a network that hears no more than windows of a stream.

Every output comes from a window, and of a causal network from the n samples that were heard in it, and in
its warming up, up to then. Where in the stream the window lies it is not told: the limit at a sample is the
least error after n samples of a stream that starts anywhere. A mean over windows hears what the first
of them hears: the limit is that of the largest n.

Where the start of a block is known, so is that of a window that has heard it from there on: there the limit
is 0. The others begin at places that are counted as anywhere, if they are dense in the common period.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Bool, Float, Int

from freqjax.config.sections import Context, TaskConfig, WindowsConfig
from freqjax.tasks.extraction.limits import law
from freqjax.tasks.extraction.limits.bayes import StreamLimit, bayes_curve
from freqjax.tasks.extraction.limits.law import NoBayesLimit
from freqjax.tasks.extraction.synthesis import common_period
from freqjax.tasks.windows import first_samples, owners, warm_up

# The limit is computed at this many n at most, and is linear in log n between.
_NODES = 96
# Windows that begin this share of the shortest period apart begin as good as anywhere: 0.2 rad.
_DENSE = 1 / 32


def samples_heard(samples: int, windows: WindowsConfig) -> Int[np.ndarray, " T"]:
    """Count the samples up to and with each that its output may depend on, in a causal network."""
    first = first_samples(samples, windows)[owners(samples, windows)]
    return np.arange(samples) - np.maximum(first - warm_up(windows), 0) + 1


def window_limit(task: TaskConfig, context: Context) -> StreamLimit:
    """The mean of the limit over a block, and over what follows its first second.

    Raises:
      NoBayesLimit: the network sees both ways, the windows begin at few places, or as `bayes_curve`.
    """
    windows = context.windows
    if context.both_ways:
        raise NoBayesLimit(
            "network.bidirectional is True: it must be False, since the limit is that of networks which "
            "hear nothing of what is to come."
        )
    heard, known = samples_heard(task.samples, windows), _known(task, windows)
    if known.all():
        return StreamLimit(0.0, (0.0,) * len(task.frequencies), 0.0, 0.0, None, 0.0)
    if task.start == "zero":
        _require_dense(task, windows)
    distinct = np.unique(heard[~known])
    if len(distinct) > _NODES:
        spaced = np.rint(np.geomspace(distinct[0], distinct[-1], _NODES)).astype(int)
        distinct = np.unique(spaced)
    curve = bayes_curve(dataclasses.replace(task, start="random"), distinct.tolist())
    at = np.log(heard)

    def over_time(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " T"]:
        return np.where(known, 0.0, np.interp(at, np.log(distinct), values))

    mse = over_time(curve.mse)
    per_frequency = np.stack([over_time(part) for part in curve.mse_per_frequency.T], axis=1)
    second, after = round(task.sampling_rate), None
    if task.start != "zero" and second < task.samples:
        after = tuple(per_frequency[second:].mean(axis=0).tolist())
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
        note=_note(task, windows, heard, known),
    )


def _known(task: TaskConfig, windows: WindowsConfig) -> Bool[np.ndarray, " T"]:
    """Tell whether a sample's output comes from a window that was heard from a known start on."""
    if task.start != "zero":
        return np.zeros(task.samples, bool)
    first = first_samples(task.samples, windows)[owners(task.samples, windows)]
    return first <= warm_up(windows)


def _require_dense(task: TaskConfig, windows: WindowsConfig) -> None:
    """Windows of a block that starts at zero lie at places that could be learned, if they are few."""
    law.grid_period(task.frequencies, task.sampling_rate)
    period = common_period(task.frequencies, task.sampling_rate)
    first = first_samples(task.samples, windows)
    places = np.unique(first[first > warm_up(windows)] % period)
    widest = int(np.diff(np.append(places, places[0] + period)).max())
    allowed = max(1, math.floor(_DENSE * task.sampling_rate / max(task.frequencies)))
    if widest > allowed:
        raise NoBayesLimit(
            f"windows.stride is {windows.stride}: the windows of a block begin at {len(places)} places of "
            f"the period of {period} samples, {widest} apart at most, which a network could learn by heart; "
            f"the limit is that of windows which lie anywhere, at most {allowed} samples apart."
        )


def _note(
    task: TaskConfig,
    windows: WindowsConfig,
    heard: Int[np.ndarray, " T"],
    known: Bool[np.ndarray, " T"],
) -> str:
    least, most = int(heard[~known].min()), int(heard.max())
    count = f"{most} samples" if least == most else f"{least} to {most} samples"
    note = (
        f"The limit is that of windows: an output depends on the last {count}, and nobody says where the "
        "window lies. It is simulated with the exact likelihood of the law in the config; low and high "
        "are a 95 % interval. The baselines hear the whole block."
    )
    if known.any():
        note += (
            f" The first {int(known.sum())} samples are heard from a known start on: there it is 0."
        )
    return note
