"""Intervals of a score over groups: rows of one person resemble each other, so persons are drawn, not rows.

Two intervals are given. The bootstrap draws as many groups as there are, with replacement, and takes the
quantiles of the score. With few groups (below about 20) it is too narrow: the jackknife, which leaves out one
group at a time and uses Student's t with G − 1 degrees of freedom, is then the better.
Axes: N rows, G groups, R rows drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats
from jaxtyping import Float, Int, Shaped

# Of labels [N] and predictions [N] or [N, C] of the same rows, in that order.
Score = Callable[[np.ndarray, np.ndarray], float]
# Of the numbers of rows [R], of which some may be there more than once.
Statistic = Callable[[np.ndarray], float]


class Interval(NamedTuple):
    """A score with its interval over groups.

    Attributes:
      value: of all rows.
      low: lower end.
      high: upper end.
      error: standard error.
      groups: G.
      used: draws, or groups left out, on which the score is defined; the others do not count.
    """

    value: float
    low: float
    high: float
    error: float
    groups: int
    used: int


def reach(intervals: Sequence[Interval]) -> Float[np.ndarray, "2 K"]:
    """Return how far the ends of K intervals are below and above their values, [2, K], as error bars take it.

    That is 0 for an end beyond the value: quantiles of the draws may leave out the value of all rows.
    """
    values, low, high = (
        np.array([getattr(interval, name) for interval in intervals], np.float64)
        for name in ("value", "low", "high")
    )
    return np.maximum([values - low, high - values], 0.0)


def bootstrap(
    statistic: Statistic,
    groups: Int[np.ndarray, " N"],
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Draw groups with replacement and return the quantiles of a statistic (the cluster bootstrap).

    Field and Welsh (2007, "Bootstrapping clustered data") show it to be consistent as groups become many.
    Error and ends are NaN with a single group, or if the statistic is defined on fewer than two draws.

    Args:
      statistic: of the numbers of rows.
      groups: of each row.
      draws: how often all groups are drawn.
      level: of confidence, between 0 and 1.
      seed: of the draws.
    """
    members = _members(groups)
    random = np.random.default_rng(seed)
    value = float(statistic(np.arange(len(groups))))
    if len(members) < 2:
        return _unknown(value, len(members), 0)
    found = np.empty(draws)
    for n in range(draws):
        drawn = random.integers(0, len(members), len(members))
        found[n] = statistic(np.concatenate([members[g] for g in drawn]))
    kept = found[~np.isnan(found)]
    if len(kept) < 2:
        return _unknown(value, len(members), len(kept))
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    error = float(kept.std(ddof=1))
    return Interval(value, float(low), float(high), error, len(members), len(kept))


def jackknife(
    statistic: Statistic, groups: Int[np.ndarray, " N"], *, level: float = 0.95
) -> Interval:
    """Leave out one group at a time and return value ± t · error.

    The error is √((G − 1)/G · Σ (θ₍g₎ − θ₍·₎)²) (Efron and Tibshirani 1993, equation 11.5, with groups for
    rows), and t the quantile of Student's distribution with G − 1 degrees of freedom. Ends may lie beyond
    the range of the score. Error and ends are NaN if the statistic is defined fewer than two times.

    Args:
      statistic: of the numbers of rows.
      groups: of each row.
      level: of confidence, between 0 and 1.
    """
    members = _members(groups)
    rows = np.arange(len(groups))
    value = float(statistic(rows))
    if len(members) < 2:
        return _unknown(value, len(members), 0)
    each = [float(statistic(np.delete(rows, left_out))) for left_out in members]
    found = np.array([v for v in each if not math.isnan(v)])
    used = len(found)
    if used < 2:
        return _unknown(value, len(members), used)
    error = math.sqrt((used - 1) / used * float(np.sum((found - found.mean()) ** 2)))
    reach = float(scipy.stats.t.ppf((1 + level) / 2, used - 1)) * error
    return Interval(value, value - reach, value + reach, error, len(members), used)


def of_score(
    score: Score, labels: Shaped[np.ndarray, " N"], predictions: Shaped[np.ndarray, "N ..."]
) -> Statistic:
    """Return the score of rows as a statistic of their numbers.

    Args:
      score: of labels and predictions.
      labels: of each row.
      predictions: classes, scores or probabilities of each row, whichever the score takes.
    """
    return lambda rows: score(labels[rows], predictions[rows])


def of_difference(
    score: Score,
    labels: Shaped[np.ndarray, " N"],
    first: Shaped[np.ndarray, "N ..."],
    second: Shaped[np.ndarray, "N ..."],
) -> Statistic:
    """Return the score of the first predictions less that of the second, as a statistic of the same rows.

    Since both are judged on the same groups, what makes a group hard for both cancels.

    Args:
      score: of labels and predictions.
      labels: of each row.
      first: predictions of each row.
      second: other predictions of the same rows.
    """

    def statistic(rows: np.ndarray) -> float:
        return score(labels[rows], first[rows]) - score(labels[rows], second[rows])

    return statistic


def _unknown(value: float, groups: int, used: int) -> Interval:
    """Return a score whose error is not known."""
    return Interval(value, math.nan, math.nan, math.nan, groups, used)


def _members(groups: np.ndarray) -> list[np.ndarray]:
    """Return the numbers of the rows of each group."""
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.split(np.argsort(place, kind="stable"), np.cumsum(counts)[:-1])
