"""Losses of the replicas of a sweep over the updates, and the means of each setting.

Axes: E epochs with a loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from freqjax.figures.history import field, positive
from freqjax.sweep.page.reading import Row, Swept
from freqjax.sweep.page.settings import Setting
from freqjax.sweep.results import mean_interval

# Numbers of all curves of a panel together, and the fewest epochs that a replica keeps.
_MOST, _FEWEST = 300_000, 20


class Line(NamedTuple):
    """Losses of a replica.

    Attributes:
      replica: its number.
      updates: [E].
      losses: [E], positive.
    """

    replica: int
    updates: Float[np.ndarray, " E"]
    losses: Float[np.ndarray, " E"]


class Curve(NamedTuple):
    """Losses of a setting.

    Attributes:
      lines: of its replicas.
      updates: [E] at which every replica has a finite loss.
      mean: [E] over the replicas.
      low, high: [E] the ends of the 95 % interval of the mean; nan of a single replica.
    """

    lines: Sequence[Line]
    updates: Float[np.ndarray, " E"]
    mean: Float[np.ndarray, " E"]
    low: Float[np.ndarray, " E"]
    high: Float[np.ndarray, " E"]


def curves_of(swept: Swept, settings: Sequence[Setting], key: str) -> list[Curve]:
    """Return a curve of each setting.

    Args:
      swept: the sweep.
      settings: some of its settings.
      key: of the losses in metrics.jsonl.
    """
    every = stride(swept)
    return [
        _curve([(r, thinned(swept.metrics.get(r, []), every)) for r in setting.replicas], key)
        for setting in settings
    ]


def stride(swept: Swept) -> int:
    """Return k if every k-th epoch is drawn, so that a sweep of any size has a page of bounded size."""
    longest = max((len(rows) for rows in swept.metrics.values()), default=0)
    kept = max(_MOST // max(len(swept.metrics), 1), _FEWEST)
    return max(-(-longest // kept), 1)


def thinned(rows: Sequence[Row], every: int) -> list[Row]:
    """Return the rows of every k-th epoch, the first and the last."""
    ends = len(rows) - 1
    return [row for n, row in enumerate(rows) if row["epoch"] % every == 0 or n in (0, ends)]


def _curve(members: Sequence[tuple[int, list[Row]]], key: str) -> Curve:
    lines = [_line(replica, rows, key) for replica, rows in members]
    by_epoch = [
        {
            row["epoch"]: (row["step"], loss)
            for row, loss in zip(rows, positive(field(rows, key)), strict=True)
            if np.isfinite(loss)
        }
        for _, rows in members
    ]
    shared = sorted(set.intersection(*map(set, by_epoch))) if by_epoch else []
    means = [mean_interval([each[epoch][1] for each in by_epoch]) for epoch in shared]
    columns = np.array(means, np.float64).reshape(len(shared), 3)  # None becomes nan
    updates = np.array([by_epoch[0][epoch][0] for epoch in shared], np.float64)
    return Curve(lines, updates, columns[:, 0], columns[:, 1], columns[:, 2])


def _line(replica: int, rows: Sequence[Row], key: str) -> Line:
    losses, updates = positive(field(rows, key)), field(rows, "step")
    known = np.isfinite(losses)
    return Line(replica, updates[known], losses[known])


def floor_of(curves: Sequence[Curve]) -> float:
    """Return half the lowest loss, which is drawn in place of what a logarithmic axis has no place for."""
    lowest = [line.losses.min() for curve in curves for line in curve.lines if line.losses.size]
    return min(lowest, default=1.0) / 2
