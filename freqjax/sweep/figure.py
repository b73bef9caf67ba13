"""A sweep in one picture: every replica, and for each axis what its values come to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from freqjax.figures import canvas
from freqjax.figures.words import number
from freqjax.sweep.results import is_solved
from freqjax.tasks.examination import GOAL_SHARE

_MOST_LABELS = 10


def sweep(
    rows: Sequence[dict[str, Any]],
    aggregates: Sequence[dict[str, Any]],
    axes: Sequence[str],
    directory: str | Path,
) -> Path:
    """Frozen test MSE over the values of each axis: dots are replicas, bars mean and 95 % interval.

    Args:
      rows: of sweep.json.
      aggregates: of sweep.json.
      axes: fields, a panel each.
      directory: where sweep.png goes.
    """
    figure, grid = canvas.subplots(max(5.0, 3.8 * len(axes)), 4.2, 1, len(axes))
    finite = [row["test_mse"] for row in rows if row["test_mse"]]
    zero = max(row["zero_predictor_mse"] for row in rows)
    goal = GOAL_SHARE * zero
    low = min([*finite, goal]) / 2
    for panel, name in zip(grid[0], axes, strict=True):
        own = [a for a in aggregates if a["axis"] == name]
        members: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            members.setdefault(str(row[name]), []).append(row)
        for place, value in enumerate(own):
            _column(panel, place, value, members[str(value["value"])], low, zero)
        panel.axhline(zero, color=canvas.INK, lw=1, ls="--", zorder=1, label="predicting zero")
        named = f"goal, {number(goal)}"
        panel.axhline(goal, color=canvas.GREY, lw=1, ls=":", zorder=1, label=named)
        panel.set(yscale="log", ylim=(low, 1.5 * max([*finite, zero])), xlim=(-0.7, len(own) - 0.3))
        every = -(-len(own) // _MOST_LABELS)
        ticks = range(0, len(own), every)
        panel.set_xticks(ticks, [_label(own[t]["value"]) for t in ticks])
        panel.set_xlabel(name)
    grid[0, 0].set_ylabel("frozen test MSE (no unit)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))
    figure.legend(
        named.values(), named, loc="outside lower center", ncols=4, frameon=False, fontsize=9
    )
    canvas.set_headline(figure, _finding(rows))
    return canvas.save(figure, directory, "sweep.png")


def _column(
    panel: Any,
    place: int,
    value: dict[str, Any],
    members: list[dict[str, Any]],
    low: float,
    zero: float,
) -> None:
    known = [row["test_mse"] for row in members if row["test_mse"] is not None]
    spread = np.linspace(-0.2, 0.2, len(known)) if len(known) > 1 else np.zeros(len(known))
    panel.plot(place + spread, known, "o", color=canvas.GREY, ms=4, alpha=0.6, label="replica")
    mean = value["test_mse_mean"]
    if mean is None:
        panel.plot(place, zero, "x", color=canvas.INK, ms=9, label="not finite")
        return
    if value["replicas"] == 1:  # the dot says it
        return
    ends = [value["test_mse_low"], value["test_mse_high"]]
    below, above = (0.0, 0.0) if None in ends else (mean - max(ends[0], low), ends[1] - mean)
    panel.errorbar(
        place, mean, [[max(below, 0.0)], [above]], fmt="D", color=canvas.colour(0), ms=6, capsize=4,
        zorder=3, label="mean, 95 % interval",
    )  # fmt: skip


def _label(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(f"{v:g}" for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _finding(rows: Sequence[dict[str, Any]]) -> str:
    solved = sum(map(is_solved, rows))
    finite = [row["test_mse"] for row in rows if row["test_mse"] is not None]
    if not finite:
        return "No replica gives a finite output"
    return f"{solved} of {len(rows)} replicas reach the goal; the lowest test MSE is {number(min(finite))}"
