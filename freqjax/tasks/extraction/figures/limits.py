"""Figure of the limits: the least possible MSE against the samples seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas, ticks
from freqjax.figures.lines import label_ends
from freqjax.figures.words import number
from freqjax.tasks.extraction.figures.record import ZERO_MSE

FLOOR = 1e-6  # lower end of the axis; a limit below it counts as 0


def limit_curves(rows: Sequence[dict[str, Any]], directory: str | Path) -> Path:
    """Draw the MSE of the best estimator (solid, bars: its interval) and of the best linear one (dashed).

    Only rows with a random start are drawn: with a known start the limit is 0.

    Args:
      rows: of limits.json.
      directory: the folder of limits.png.
    """
    figure, axes = canvas.subplots(10, 5)
    axis, labels = axes[0, 0], []
    drawn = [row for row in rows if row["start"] == "random"]
    first = min((min(row["samples_seen"]) for row in drawn), default=1)
    last = max((max(row["samples_seen"]) for row in drawn), default=1)
    axis.set(xscale="log", yscale="log", ylim=(FLOOR, 1))
    ticks.decades(axis.xaxis)
    ticks.decades(axis.yaxis)
    axis.set_xlim(first / 1.1, max(last, 2 * first) * 1.1)
    for index, row in enumerate(drawn):
        colour, seen = canvas.LAYER_COLOURS[index % len(canvas.LAYER_COLOURS)], row["samples_seen"]
        linear = _above_the_floor(row["linear_mmse"])
        axis.plot(seen, linear, color=colour, lw=1.3, ls="--", marker="o", ms=2.5)
        end, name = linear[-1], f"scale {row['phase_scale']:g}, linear"
        labels.append((max(end, FLOOR), name, colour))
        if row["bayes_mse"] is None:
            continue
        bayes = _above_the_floor(row["bayes_mse"])
        axis.plot(seen, bayes, color=colour, lw=2, marker="o", ms=4)
        _draw_intervals(axis, row, colour, 1.035 ** (index - (len(drawn) - 1) / 2))
        name = f"scale {row['phase_scale']:g}" + (
            ", limit" if bayes[-1] >= FLOOR else ", limit → 0"
        )
        labels.append((max(bayes[-1], FLOOR), name, colour))
    axis.axhline(ZERO_MSE, color=canvas.INK, lw=1, ls=":", zorder=1)
    labels.append((ZERO_MSE, f"predicting zero, {ZERO_MSE:g}", canvas.INK))
    label_ends(axis, labels, spacing=0.05)
    axis.set(xlabel="samples seen", ylabel="MSE at the latest sample (no unit)")
    axis.set_title(
        "start unknown; solid: least possible (bars: 95 %, ▽: at most); dashed: linear estimator",
        loc="left", fontsize=10,
    )  # fmt: skip
    canvas.set_headline(figure, _finding(drawn))
    return canvas.save(figure, directory, "limits.png")


def _draw_intervals(axis: Axes, row: dict[str, Any], colour: str, shift: float) -> None:
    """Draw a thin bar for every interval; `shift` is a factor of its place that keeps bars of rows apart.

    An interval that reaches below the axis has a triangle at its upper end: the limit is at most that.
    """
    low, high = np.asarray(row["low"], float), np.asarray(row["high"], float)
    shown = (high > FLOOR) & (high > low)
    places = shift * np.asarray(row["samples_seen"], float)[shown]
    low, high = np.maximum(low[shown], FLOOR), high[shown]
    axis.vlines(places, low, high, color=colour, lw=1)
    for below, marker in ((low <= FLOOR, "v"), (low > FLOOR, "_")):
        axis.plot(places[below], high[below], marker, color=colour, ms=6, mfc="white", ls="none")
    axis.plot(places[low > FLOOR], low[low > FLOOR], "_", color=colour, ms=6, ls="none")


def _above_the_floor(values: Sequence[float]) -> np.ndarray:
    """Clip values to a log axis; values below the panel stay below it."""
    return np.maximum(np.asarray(values, float), FLOOR / 30)


def _finding(rows: Sequence[dict[str, Any]]) -> str:
    """Describe the last limits of the easiest and the hardest phase scale."""
    known = [row for row in rows if row["bayes_mse"] is not None]
    if not known:
        return "No limit is known: the components have no common period on the sample grid"
    ends = sorted((row["bayes_mse"][-1], row["phase_scale"]) for row in known)
    values = [
        f"{number(mse) if mse >= FLOOR else f'below {FLOOR:g}'} at phase_scale {scale:g}"
        for mse, scale in dict.fromkeys((ends[0], ends[-1]))
    ]
    seen = known[0]["samples_seen"][-1]
    return f"The least possible MSE after {seen:,} samples: " + ", ".join(values)
