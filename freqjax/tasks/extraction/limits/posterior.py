"""Exact posterior of a stream's start along simulated streams.

Candidates are the P starts on the sample grid, with equal prior probability. Every sample multiplies each
candidate's weight by the probability of the sample's bin there. The posterior variance of a component
at the latest sample, averaged over streams, is the least MSE of any estimator; averaging it instead of
squared errors (Rao–Blackwell) gives the same mean with less variance.

A candidate whose weight is e^30 times smaller than the best is dropped. The odds of a wrong candidate
against the true one are a martingale of mean 1, so that the true one is ever dropped with a probability
below P · e^−30, 1e-10 for a thousand starts (Ville's inequality).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.limits.law import Table

_DROPPED = 30.0
# If the share of remaining candidates is below this, they are stored as a list instead of a table.
_SPARSE = 0.08
# Weight updates allowed between n and 2n samples seen; streams beyond that are dropped.
_WORK = 300_000_000
_FEWEST_STREAMS = 64
_CHUNK = 32


class Variances(NamedTuple):
    """Posterior variances after n samples, for each n asked for.

    Attributes:
      mean: [n, F] over the streams.
      error: [n] standard error of the mean over streams and components.
      streams: [n] streams simulated.
    """

    mean: Float[np.ndarray, "n F"]
    error: Float[np.ndarray, " n"]
    streams: Int[np.ndarray, " n"]


class _Weights:
    """Log-weights of B streams over P candidate starts, first as a table, later as a list.

    Attributes:
      dense: [B, P] float32, or None once stored as a list.
      stream, start, weight: [alive] each, ordered by stream; only once stored as a list.
    """

    def __init__(self, streams: int, starts: int) -> None:
        self.streams, self.starts = streams, starts
        self.dense: Float[np.ndarray, "B P"] | None = np.zeros((streams, starts), np.float32)
        self.stream = self.start = np.zeros(0, np.int64)
        self.weight = np.zeros(0, np.float32)

    @property
    def alive(self) -> int:
        return self.weight.size if self.dense is None else self.dense.size

    def update(
        self, log_mass: Float[np.ndarray, "N G"], bins: Int[np.ndarray, " B"], time: int
    ) -> None:
        """Update the weights with the bins [B] of sample `time`."""
        period = log_mass.shape[1]
        if self.dense is None:
            self.weight += log_mass[bins[self.stream], (self.start + time) % period]
            return
        # A row of the table is ordered by position: the candidates are two slices of it.
        first = time % period
        cut = min(self.starts, period - first)
        self.dense[:, :cut] += log_mass[bins, first : first + cut]
        if cut < self.starts:
            self.dense[:, cut:] += log_mass[bins, : self.starts - cut]

    def prune(self) -> None:
        """Shift the best weight of every stream to 0 and drop candidates far below it."""
        if self.dense is None:
            firsts = np.searchsorted(self.stream, np.arange(self.streams))
            self.weight -= np.maximum.reduceat(self.weight, firsts)[self.stream]
            self._keep(self.weight > -_DROPPED)
            return
        dense = self.dense - self.dense.max(axis=1, keepdims=True)
        alive = dense > -_DROPPED
        self.dense = dense
        if alive.mean() < _SPARSE:
            self.stream, self.start = np.nonzero(alive)
            self.weight, self.dense = dense[alive], None

    def thin(self, streams: int) -> None:
        """Keep the first `streams` streams only."""
        self.streams = streams
        if self.dense is None:
            self._keep(self.stream < streams)
        else:
            self.dense = self.dense[:streams].copy()

    def _keep(self, which: Bool[np.ndarray, " alive"]) -> None:
        self.stream, self.start = self.stream[which], self.start[which]
        self.weight = self.weight[which]

    def variances(self, sines: Float[np.ndarray, "G F"], time: int) -> Float[np.ndarray, "B F"]:
        """Compute the posterior variance of each component at sample `time`; needs a `prune` before it."""
        places = (np.arange(self.starts) + time) % len(sines)
        if self.dense is not None:
            weight = np.exp(self.dense.astype(np.float64))
            total = weight.sum(axis=1, keepdims=True)
            value = sines[places]
            first, second = weight @ value / total, weight @ np.square(value) / total
        else:
            weight = np.exp(self.weight.astype(np.float64))[:, None]
            value = sines[places[self.start]]
            firsts = np.searchsorted(self.stream, np.arange(self.streams))
            total = np.add.reduceat(weight, firsts)
            first = np.add.reduceat(weight * value, firsts) / total
            second = np.add.reduceat(weight * np.square(value), firsts) / total
        return np.maximum(second - np.square(first), 0.0)


def follow(
    task: ExtractionConfig,
    table: Table,
    starts: int,
    samples_seen: Sequence[int],
    streams: int,
    seed: int,
) -> Variances:
    """Simulate streams and return the posterior variances of the latest sample.

    Args:
      task: the law that streams are drawn from.
      table: of that law.
      starts: P, the candidates 0 … P − 1, samples.
      samples_seen: the n to report, rising.
      streams: B at first; it is reduced later if the posterior stays broad and would take long.
      seed: of the streams.
    """
    rng = np.random.default_rng(seed)
    # Evenly spread starts in random order: a subset is evenly spread, too.
    true = rng.permutation(((np.arange(streams) + rng.random()) * starts / streams).astype(int))
    weights, sines = _Weights(streams, starts), table.sines()
    mean = np.zeros((len(samples_seen), sines.shape[1]))
    error, followed = np.zeros(len(samples_seen)), np.zeros(len(samples_seen), int)
    bins = np.zeros((0, 0), np.int64)
    for time in range(samples_seen[-1]):
        if time % _CHUNK == 0:
            weights.prune()
            if time and time & (time - 1) == 0:
                affordable = int(_WORK / time / (weights.alive / weights.streams))
                weights.thin(min(weights.streams, max(affordable, _FEWEST_STREAMS)))
            if weights.alive == weights.streams:
                break  # every start is known: the variance is 0 from here on
            places = true[: weights.streams] + np.arange(time, time + _CHUNK)[:, None]
            bins = draw_bins(task, table, places, rng)
        weights.update(table.log_mass, bins[time % _CHUNK], time)
        if time + 1 in samples_seen:
            at = samples_seen.index(time + 1)
            weights.prune()
            found = weights.variances(sines, time)
            mean[at], followed[at] = found.mean(axis=0), weights.streams
            error[at] = found.mean(axis=1).std(ddof=1) / np.sqrt(weights.streams)
    followed[followed == 0] = weights.streams
    return Variances(mean, error, followed)


def draw_bins(
    task: ExtractionConfig, table: Table, places: Int[np.ndarray, " ..."], rng: np.random.Generator
) -> Int[np.ndarray, " ..."]:
    """Draw a sample at each place [...], counted in samples from time zero, and round it to its bin."""
    bins, period = table.log_mass.shape
    shape = (*places.shape, table.turns.size)
    cycles = (places[..., None] * table.turns % period) / period
    low, high = task.amplitude_range
    phase = task.phase_scale * rng.random(shape)
    noisy = rng.uniform(low, high, shape) * np.sin(2 * np.pi * (cycles + phase))
    blurred = noisy.mean(axis=-1) + table.blur * rng.standard_normal(places.shape)
    # The grid ends six blurs beyond the largest |S|: values outside practically never occur.
    return np.clip(np.rint(blurred / table.width).astype(np.int64) + bins // 2, 0, bins - 1)
