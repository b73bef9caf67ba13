"""Phases of a loss curve: the few intervals in which it falls, is constant or rises.

Losses over different horizons cannot be compared, so that a phase of a curriculum is one horizon.
"""

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
      rate: relative change of the loss per epoch; nan if a loss is not positive, or there is one row.
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


def stages(rows: Sequence[dict[str, Any]], horizon: str) -> list[Phase]:
    """Split the rows of a curriculum where the column `horizon` changes; the phases share no row."""
    losses = np.array([math.nan if row["loss"] is None else row["loss"] for row in rows], float)
    starts = [i for i in range(len(rows)) if i == 0 or rows[i][horizon] != rows[i - 1][horizon]]
    found = []
    for first, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        phase = _phase(first, end - 1, losses)
        one = end - first == 1 and math.isfinite(losses[first])
        found.append(phase._replace(name="one epoch", rate=math.nan) if one else phase)
    return found


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
    before, after = float(losses[first]), float(losses[last])
    if not (math.isfinite(before) and math.isfinite(after)):
        return Phase(first, last, "is not finite", math.nan)
    name = {-1: "falls", 0: "stands", 1: "rises"}[_direction(before, after)]
    change = _log_ratio(before, after)
    if not math.isfinite(change):  # a loss of 0 or below has no rate
        return Phase(first, last, name, 0.0 if before == after else math.nan)
    return Phase(first, last, name, math.expm1(change / max(last - first, 1)))
