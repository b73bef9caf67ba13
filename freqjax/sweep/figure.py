"""Figure of a sweep: every replica, and the mean loss for each value of an axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from freqjax.config.laws import Law
from freqjax.figures import canvas, ticks
from freqjax.figures.words import number
from freqjax.sweep.results import is_halved, shown
from freqjax.sweep.standards import Names, is_solved

_MOST_LABELS = 10
# A logarithmic axis over more than this has room for its decades alone.
_WIDE = 20


def sweep(
    rows: Sequence[dict[str, Any]],
    aggregates: Sequence[dict[str, Any]],
    axes: Sequence[str],
    laws: Mapping[str, Law],
    names: Names,
    directory: str | Path,
) -> Path:
    """Draw the frozen test loss over each axis: dots are replicas, bars mean and 95 % interval.

    An axis with a law has a place for each number, logarithmic if the law is; its means are those of the
    parts of the law in `aggregates`, each a line from end to end of its part.

    Args:
      rows: of sweep.json.
      aggregates: of sweep.json.
      axes: fields, one panel each.
      laws: field → law of the axes that have one.
      names: names in the rows.
      directory: the folder of sweep.png.
    """
    figure, grid = canvas.subplots(max(5.0, 3.8 * len(axes)), 4.2, 1, len(axes))
    finite = [row[names.test] for row in rows if row[names.test]]
    constant = max(row[names.constant] for row in rows)
    goal = None if names.goal_share is None else names.goal_share * constant
    low = min([*finite, constant if goal is None else goal]) / 2
    for panel, name in zip(grid[0], axes, strict=True):
        own = [a for a in aggregates if a["axis"] == name]
        if name in laws:
            _drawn(panel, laws[name], rows, own, names.test, low, constant)
        else:
            _listed(panel, rows, own, names.test, low, constant)
        panel.axhline(
            constant, color=canvas.INK, lw=1, ls="--", zorder=1, label=names.constant_name
        )
        if goal is not None:
            named = f"goal, {number(goal)}"
            panel.axhline(goal, color=canvas.GREY, lw=1, ls=":", zorder=1, label=named)
        panel.set(yscale="log", ylim=(low, 1.5 * max([*finite, constant])))
        panel.set_xlabel(name)
    grid[0, 0].set_ylabel(f"frozen test {names.label} (no unit)")
    shown = {}
    for panel in grid[0]:
        handles, labels = panel.get_legend_handles_labels()
        shown |= dict(zip(labels, handles, strict=True))
    figure.legend(
        shown.values(), shown, loc="outside lower center", ncols=4, frameon=False, fontsize=9
    )
    canvas.set_headline(figure, _finding(rows, names))
    return canvas.save(figure, directory, "sweep.png")


def _listed(
    panel: Axes,
    rows: Sequence[dict[str, Any]],
    own: Sequence[dict[str, Any]],
    key: str,
    low: float,
    constant: float,
) -> None:
    """Draw an axis of listed values, a column each; `own` are its aggregates of the loss `key`."""
    members: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        members.setdefault(str(row[own[0]["axis"]]), []).append(row)
    for place, value in enumerate(own):
        _column(panel, place, value, members[str(value["value"])], key, low, constant)
    panel.set_xlim(-0.7, len(own) - 0.3)
    ticks = range(0, len(own), -(-len(own) // _MOST_LABELS))
    panel.set_xticks(ticks, [_label(own[t]["value"]) for t in ticks])


def _drawn(
    panel: Axes,
    law: Law,
    rows: Sequence[dict[str, Any]],
    own: Sequence[dict[str, Any]],
    key: str,
    low: float,
    constant: float,
) -> None:
    """Draw an axis of drawn values; `own` are the aggregates of the loss `key` in parts of its law."""
    axis = own[0]["axis"]
    known = [row for row in rows if row[key] is not None]
    lost = [row[axis] for row in rows if row[key] is None]
    _dots(panel, [row[axis] for row in known], known, key)
    if lost:
        panel.plot(
            lost, [constant] * len(lost), "x", color=canvas.INK, ms=7, ls="", label="not finite"
        )
    for part in own:
        if part[f"{key}_mean"] is not None:
            _part(panel, law, part, key, low)
    if law.is_log:
        panel.set_xscale("log")
        (ticks.decades if law.high > _WIDE * law.low else ticks.steps)(panel.xaxis)
        edge = (law.high / law.low) ** 0.05
        panel.set_xlim(law.low / edge, law.high * edge)
    else:
        edge = 0.05 * (law.high - law.low)
        panel.set_xlim(law.low - edge, law.high + edge)


def _part(panel: Axes, law: Law, part: dict[str, Any], key: str, low: float) -> None:
    """Draw the mean over the draws in a part of a law over the width of the part, and its interval."""
    first, last = part["value"]
    middle = math.sqrt(first * last) if law.is_log else (first + last) / 2
    mean, below, above = (part[f"{key}_{name}"] for name in ("mean", "low", "high"))
    style = {"color": canvas.colour(0), "zorder": 3}
    panel.plot([first, last], [mean, mean], lw=2.5, label="mean of the draws in a part", **style)
    if below is None:
        return
    ends = [[max(mean - max(below, low), 0.0)], [above - mean]]
    panel.errorbar(middle, mean, ends, lw=1, capsize=3, label="its 95 % interval", **style)


def _column(
    panel: Axes,
    place: int,
    value: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    key: str,
    low: float,
    constant: float,
) -> None:
    """Draw the replicas with one value of an axis; `value` is their aggregate of the loss `key`."""
    known = [row for row in rows if row[key] is not None]
    spread = np.linspace(-0.2, 0.2, len(known)) if len(known) > 1 else np.zeros(len(known))
    _dots(panel, list(place + spread), known, key)
    mean = value[f"{key}_mean"]
    if mean is None:
        panel.plot(place, constant, "x", color=canvas.INK, ms=9, label="not finite")
        return
    if value["replicas"] == 1:  # the dot is the mean
        return
    ends = [value[f"{key}_low"], value[f"{key}_high"]]
    below, above = (0.0, 0.0) if None in ends else (mean - max(ends[0], low), ends[1] - mean)
    panel.errorbar(
        place, mean, [[max(below, 0.0)], [above]], fmt="D", color=canvas.colour(0), ms=6, capsize=4,
        zorder=3, label="mean, 95 % interval",
    )  # fmt: skip


def _dots(panel: Axes, places: Sequence[float], rows: Sequence[dict[str, Any]], key: str) -> None:
    """Draw a dot for each replica of `rows`, an open one if it was halved."""
    style = {"color": canvas.GREY, "ms": 4, "alpha": 0.6, "ls": ""}
    both = list(zip(places, rows, strict=True))
    for halved, fill, label in ((False, "full", "replica"), (True, "none", "halved replica")):
        own = [(place, row[key]) for place, row in both if is_halved(row) is halved]
        if own:
            panel.plot(*zip(*own, strict=True), marker="o", fillstyle=fill, label=label, **style)


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else shown(value)


def _finding(rows: Sequence[dict[str, Any]], names: Names) -> str:
    solved = sum(is_solved(row, names) for row in rows)
    finite = [row[names.test] for row in rows if row[names.test] is not None]
    if not finite:
        return "No replica gives a finite output"
    has_goal = names.goal_share is not None or names.goal is not None
    reached = "reach the goal" if has_goal else "are better than every baseline"
    lowest = f"the lowest test {names.label} is {number(min(finite))}"
    halved = sum(map(is_halved, rows))
    stopped = f"; {halved} were halved" if halved else ""
    return f"{solved} of {len(rows)} replicas {reached}; {lowest}{stopped}"
