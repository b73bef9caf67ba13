"""Phases of a loss curve: the few intervals in which it falls, is constant or rises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

# Most phases, and most points of the curve that they are found from.
_MOST, _POINTS = 6, 24
# A relative change from one point to the next below this counts as constant.
_STILL = 0.03


class Phase(NamedTuple):
    """Interval of rows.

    Attributes:
      first: index of its first row.
      last: index of its last row.
      name: falls, stands or rises, or is not finite.
      rate: relative change of the loss per epoch; not finite if a loss is not.
    """

    first: int
    last: int
    name: str
    rate: float


def split(rows: Sequence[dict[str, Any]]) -> list[Phase]:
    """Split the `loss` of `rows` into at most six phases, in order; neighbours share their border row.

    The curve is sampled at up to 24 points, each the median of the rows around it, so that noise does not
    split a phase; if there are more than six, those that change least are joined to a neighbour.
    """
    if len(rows) == 1:
        return [Phase(0, 0, "stands", 0.0)]
    losses = np.array([math.nan if row["loss"] is None else row["loss"] for row in rows], float)
    borders = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _POINTS)).round().astype(int))
    reach = max(1, len(rows) // (2 * _POINTS))
    heights = [_middle(losses, int(b), reach) for b in borders]
    runs: list[list[int]] = []  # [first border, last border, direction]
    for k in range(len(borders) - 1):
        way = _direction(heights[k], heights[k + 1])
        if runs and runs[-1][2] == way:
            runs[-1][1] = k + 1
        else:
            runs.append([k, k + 1, way])
    while len(runs) > _MOST:
        _join_least(runs, heights)
    return [_phase(int(borders[a]), int(borders[b]), losses) for a, b, _ in runs]


def _middle(losses: np.ndarray, at: int, reach: int) -> float:
    around = losses[max(0, at - reach + 1) : at + reach]
    finite = around[np.isfinite(around)]
    return float(np.median(finite)) if finite.size else math.nan


def _direction(a: float, b: float) -> int:
    if not (math.isfinite(a) and math.isfinite(b)):
        return 1
    return 0 if abs(b - a) <= _STILL * abs(a) else (1 if b > a else -1)


def _join_least(runs: list[list[int]], heights: Sequence[float]) -> None:
    """Join the run that changes least to the one before it, or the first to the one after."""
    changes = [abs(_log_ratio(heights[a], heights[b])) for a, b, _ in runs]
    least = int(np.argmin(changes))
    keep = max(least, 1)
    a, b = runs[keep - 1][0], runs[keep][1]
    runs[keep - 1 : keep + 1] = [[a, b, _direction(heights[a], heights[b])]]


def _log_ratio(a: float, b: float) -> float:
    if not (math.isfinite(a) and math.isfinite(b) and a > 0 and b > 0):
        return math.inf
    return math.log(b / a)


def _phase(first: int, last: int, losses: np.ndarray) -> Phase:
    change = _log_ratio(float(losses[first]), float(losses[last]))
    if not math.isfinite(change):
        return Phase(first, last, "is not finite", math.nan)
    rate = math.expm1(change / max(last - first, 1))
    name = {-1: "falls", 0: "stands", 1: "rises"}[
        _direction(float(losses[first]), float(losses[last]))
    ]
    return Phase(first, last, name, rate)
