"""The Bayes limit: the least MSE of any estimator.

The frequencies and the law of the noise are known. If `task.start` is zero, the start is known as well, the
target is a fixed function of time and the limit is exactly 0. If the start is uniform over the common
period, the limit falls with every sample seen, at a rate that depends on the law of the noise alone.

Accuracy: the posterior is that of samples rounded to `resolution`, and the mean is over simulated streams;
`low` and `high` are the ends of a 95 % interval. Rounding loses information and so makes the limit too
high, by about 0.3 % of itself, since the resolution is at most 5 % of the mixture's noise. If there is hardly
any noise, or the common period is so long that the largest table has too few bins, everything is computed
with half the bins, too: the difference, which exceeds the error of the finer table, is subtracted from
`low`, and a limit that it changes by a quarter is refused. Without noise, the starts with equal samples are
counted, which is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from freqjax.system.cache import cached
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.limits import law
from freqjax.tasks.extraction.limits.law import NoBayesLimit
from freqjax.tasks.extraction.limits.posterior import follow
from freqjax.tasks.extraction.synthesis import common_period

# Weights in memory at once (float32), and streams at most and at least.
_HELD = 5_000_000
_MOST_STREAMS, _FEWEST_STREAMS = 5000, 200
_SEED = 20_240_229
# A limit that half the bins change by more than this share is refused, unless it is negligible.
_MOST_ROUNDING, _NEGLIGIBLE = 0.25, 1e-3
# Nodes of a block's mean, evenly spaced in log n, and the largest n.
_NODES, _FARTHEST = 96, 50_000
_BLOCK_STREAMS = 1000


class Curve(NamedTuple):
    """The limit after n samples of a stream, for each n asked for.

    Attributes:
      samples_seen: the n.
      mse: [n] mean over components.
      mse_per_frequency: [n, F].
      low, high: [n] ends of a 95 % interval of `mse`, widened by the error of rounding.
      resolution: standard deviation of the rounding of samples, in units of S; 0 without rounding.
      streams: [n] streams simulated; 0 if the value is exact.
    """

    samples_seen: tuple[int, ...]
    mse: Float[np.ndarray, " n"]
    mse_per_frequency: Float[np.ndarray, "n F"]
    low: Float[np.ndarray, " n"]
    high: Float[np.ndarray, " n"]
    resolution: float
    streams: Int[np.ndarray, " n"]


class StreamLimit(NamedTuple):
    """Mean of the limit over all T samples of a block, to compare a test MSE with.

    Attributes:
      mse: mean over samples and components.
      mse_per_frequency: [F].
      low, high: of `mse`; the simulation's 95 % interval, with its errors at all n fully correlated, and
        the error of the quadrature over n.
      after_1s_per_frequency: [F] over the samples that are judged (`ExtractionConfig.unjudged_samples`): by
        default those after the first second; None if the start is known or all are judged.
      resolution: as in `Curve`.
      samples_seen, curve: the n between which the limit is linear in log n, and its mean over components
        there; empty if the start is known.
      note: sentences about the limit; empty if it is that of a whole stream.
    """

    mse: float
    mse_per_frequency: tuple[float, ...]
    low: float
    high: float
    after_1s_per_frequency: tuple[float, ...] | None
    resolution: float
    samples_seen: tuple[int, ...] = ()
    curve: tuple[float, ...] = ()
    note: str = ""


def bayes_curve(
    task: ExtractionConfig,
    samples_seen: Sequence[int],
    streams: int | None = None,
    seed: int = _SEED,
) -> Curve:
    """Compute the least MSE of the selected clean component at the latest of n samples.

    Args:
      task: frequencies, rate, amplitude range, phase scale and start; the duration does not matter.
      samples_seen: the n, rising, at least 1.
      streams: number of streams to simulate, or None for up to 5,000.
      seed: of the streams.

    Raises:
      NoBayesLimit: the start is random and the components have no common period on the sample grid
        that a table can hold.
    """
    seen = tuple(int(n) for n in samples_seen)
    if task.start == "zero":
        return _exact_curve(seen, np.zeros((len(seen), len(task.frequencies))))
    period, turns = law.grid_period(task.frequencies, task.sampling_rate)
    starts = common_period(task.frequencies, task.sampling_rate)
    if law.is_mute(task):
        return _exact_curve(seen, _prior_variances(starts, period, turns, seen))
    if law.is_silent(task):
        return _exact_curve(seen, silent_variances(starts, period, turns, seen))
    streams = streams or int(np.clip(_HELD // starts, _FEWEST_STREAMS, _MOST_STREAMS))

    def simulate() -> dict[str, Any]:
        table = law.make_table(task)
        found = follow(task, table, starts, seen, streams, seed)
        values = {name: array.tolist() for name, array in found._asdict().items()}
        rounding = np.zeros(len(seen))
        if law.is_coarse(task, table):
            coarse = law.make_table(task, table.log_mass.shape[0] // 2)
            coarser = follow(task, coarse, starts, seen, streams, seed)
            rounding = np.abs(coarser.mean - found.mean).mean(axis=1)
        return values | {"resolution": table.blur, "rounding": rounding.tolist()}

    question = _question(task, seen, streams, seed)
    found = cached(question, simulate, lambda kept: _fits(kept, len(seen), len(turns), streams))
    mean, error = np.array(found["mean"]), 1.96 * np.array(found["error"])
    mse, rounding = mean.mean(axis=1), np.array(found["rounding"])
    if (rounding > _MOST_ROUNDING * np.maximum(mse, _NEGLIGIBLE)).any():
        raise NoBayesLimit(
            f"task.phase_scale {task.phase_scale:g} and task.amplitude_range "
            f"{tuple(task.amplitude_range)} make the noise too small for the largest table of its law over a "
            f"period of {period} samples: the Bayes limit of a random start would be wrong by a quarter."
        )
    low, high = np.maximum(mse - error - rounding, 0.0), mse + error
    # If no stream is ambiguous, the share of ambiguous ones is below 3 / streams (95 %).
    certain = (mse == 0) & (error == 0)
    high = np.where(certain, 0.5 * 3 / np.array(found["streams"]), high)
    return Curve(seen, mse, mean, low, high, found["resolution"], np.array(found["streams"]))


def _question(
    task: ExtractionConfig, seen: tuple[int, ...], streams: int, seed: int
) -> dict[str, Any]:
    """Return all inputs of a simulated curve, under which the cache keeps it."""
    return {
        "what": "bayes_curve",
        "frequencies": list(task.frequencies),
        "sampling_rate": task.sampling_rate,
        "amplitude_range": list(task.amplitude_range),
        "phase_scale": task.phase_scale,
        "samples_seen": list(seen),
        "streams": streams,
        "seed": seed,
    }


def _fits(kept: dict[str, Any], count: int, frequencies: int, streams: int) -> bool:
    """Return whether a cached answer has the shapes and ranges of one.

    Raises:
      KeyError, TypeError, ValueError: it lacks a part, or one is no array of numbers.
    """
    parts = {name: np.array(kept[name], float) for name in ("mean", "error", "rounding", "streams")}
    shapes = [parts["mean"].shape, *(parts[n].shape for n in ("error", "rounding", "streams"))]
    return (
        shapes == [(count, frequencies), (count,), (count,), (count,)]
        and all(bool(np.isfinite(part).all() and (part > -1e-6).all()) for part in parts.values())
        and bool((parts["mean"] <= 1).all())  # the mean square of a sine is 1/2
        and bool(((parts["streams"] >= 1) & (parts["streams"] <= streams)).all())
        and isinstance(kept["resolution"], float)
        and 0 <= kept["resolution"] < np.inf
    )


def _exact_curve(seen: tuple[int, ...], per_frequency: Float[np.ndarray, "n F"]) -> Curve:
    mse = per_frequency.mean(axis=1)
    return Curve(seen, mse, per_frequency, mse, mse, 0.0, np.zeros(len(seen), int))


def silent_variances(
    starts: int, period: int, turns: Int[np.ndarray, " F"], seen: tuple[int, ...]
) -> Float[np.ndarray, "n F"]:
    """Compute the variances [n, F] without noise: starts are ambiguous while all their samples are equal."""
    sines = np.sin(2 * np.pi * (np.arange(period)[:, None] * turns % period) / period)
    alike, found = np.zeros(starts, int), []
    for time in range(seen[-1]):
        clean = sines[(np.arange(starts) + time) % period]
        sample = np.round(clean.mean(axis=1) * 1e9).astype(np.int64)
        # A number for every sequence of samples so far: the number of the previous one, and the new sample.
        alike = np.unique(np.stack([alike, sample]), axis=1, return_inverse=True)[1].ravel()
        if time + 1 in seen:
            count = np.bincount(alike)[:, None]
            mean = np.stack([np.bincount(alike, part) for part in clean.T], axis=1) / count
            found.append(np.square(clean - mean[alike]).mean(axis=0))
        if len(np.unique(alike)) == starts:
            break  # every start is known from here on
    found += [np.zeros(len(turns))] * (len(seen) - len(found))
    return np.array(found)


def _prior_variances(
    starts: int, period: int, turns: Int[np.ndarray, " F"], seen: tuple[int, ...]
) -> Float[np.ndarray, "n F"]:
    """Compute the variances [n, F] without information: the variance of a sine over all starts."""
    places = np.arange(starts)[:, None] + np.array(seen) - 1  # [P, n]
    angles = 2 * np.pi * (places[..., None] * turns % period) / period
    return np.sin(angles).var(axis=0)


def stream_limit(task: ExtractionConfig) -> StreamLimit:
    """Compute the mean of the Bayes limit over a block, and over the samples that are judged.

    The limit is computed at n evenly spaced in log n and interpolated linearly in log n. For a start that is
    uniform over a whole period it never rises with n, so that beyond the largest n it lies between 0 and
    its last value.

    Raises:
      NoBayesLimit: as `bayes_curve`.
    """
    frequencies, total = len(task.frequencies), task.samples
    if task.start == "zero":
        return StreamLimit(0.0, (0.0,) * frequencies, 0.0, 0.0, None, 0.0)
    first, farthest = task.unjudged_samples, min(total, _FARTHEST)
    nodes = sorted({int(n) for n in np.rint(np.geomspace(1, farthest, _NODES))})
    starts = common_period(task.frequencies, task.sampling_rate)
    streams = int(np.clip(_HELD // starts, _FEWEST_STREAMS, _BLOCK_STREAMS))
    curve = bayes_curve(task, nodes, streams)
    weights = quadrature(nodes, 0, total)
    every_other = sorted({*nodes[::2], nodes[-1]})
    coarse = quadrature(every_other, 0, total) @ curve.mse[np.isin(nodes, every_other)]
    mse = float(weights @ curve.mse)
    # With half the nodes, a rule of second order has four times the error.
    error = abs(mse - float(coarse)) / 3
    beyond = float(curve.mse[-1]) * (1 - farthest / total)
    after = None
    if first:
        after = tuple(float(v) for v in quadrature(nodes, first, total) @ curve.mse_per_frequency)
    return StreamLimit(
        mse=mse,
        mse_per_frequency=tuple(float(v) for v in weights @ curve.mse_per_frequency),
        low=max(float(weights @ curve.low) - error - beyond, 0.0),
        high=float(weights @ curve.high) + error,
        after_1s_per_frequency=after,
        resolution=curve.resolution,
        samples_seen=curve.samples_seen,
        curve=tuple(float(v) for v in curve.mse),
    )


def quadrature(nodes: Sequence[int], first: int, last: int) -> Float[np.ndarray, " nodes"]:
    """Compute weights of the mean over n = first + 1 … last of a function linear in log n between nodes."""
    logs, weights = np.log(nodes), np.zeros(len(nodes))
    for begin in range(first, last, 1_000_000):
        n = np.arange(begin + 1, min(begin + 1_000_000, last) + 1)
        if len(nodes) == 1:
            weights[0] += n.size
            continue
        left = np.clip(np.searchsorted(nodes, n, side="right") - 1, 0, len(nodes) - 2)
        share = np.clip((np.log(n) - logs[left]) / (logs[left + 1] - logs[left]), 0.0, 1.0)
        weights += np.bincount(left, 1 - share, len(nodes))
        weights += np.bincount(left + 1, share, len(nodes))
    return weights / (last - first)
