"""The horizon curriculum: how far it had come when, and what each frequency's error was there."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from freqjax.figures import canvas
from freqjax.figures.findings import number
from freqjax.figures.lines import epoch_axis, label_ends, log_limits
from freqjax.figures.record import (
    GOAL_MSE,
    ZERO_MSE,
    Rows,
    field,
    last_known,
    positive,
    some_rows,
)

BACK_COLOUR = "#CC3311"  # Tol's vibrant red: no frequency has it
FEW_ROWS = 12  # are marked one by one


def curriculum(rows: Rows, frequencies_hz: Sequence[float], directory: str | Path) -> Path:
    """The horizon over the updates, and below it the error of every frequency.

    Thin: loss over the horizon after the update; bold: frozen weights over the whole block. Red:
    the curriculum went back, and until it had regained its longest horizon.

    Args:
        rows: parsed metrics.jsonl, at least one row with horizon_s.
        frequencies_hz: [F] Hz.
        directory: where curriculum.png goes.

    Raises:
        ValueError: if no row has a horizon.
    """
    rows = [row for row in some_rows(rows) if row.get("horizon_s") is not None]
    if not rows:
        raise ValueError("no row has horizon_s: there was no curriculum")
    updates, horizons = field(rows, "step"), field(rows, "horizon_s")
    heights = [1.6] + [1.0] * len(frequencies_hz)
    figure, axes = canvas.subplots(
        10, 0.9 + 1.35 * sum(heights), len(heights), 1, sharex=True, height_ratios=heights
    )
    top, panels = axes[0, 0], axes[1:, 0]
    _draw_horizons(top, updates, horizons)
    if _falls(horizons):
        told = "red: gone back, until the longest horizon is regained"
        top.set_title(told, loc="left", fontsize=10, color=BACK_COLOUR)
    curves = [_errors(rows, index) for index in range(len(frequencies_hz))]
    low, high = log_limits(panels[0], [y for pair in curves for y in pair], ZERO_MSE, GOAL_MSE)
    for index, (axis, (loss, frozen)) in enumerate(zip(panels, curves, strict=True)):
        axis.set(yscale="log", ylim=(low, high))
        _draw_errors(axis, updates, loss, frozen, canvas.colour(index))
        title = f"{frequencies_hz[index]:g} Hz: {number(last_known(frozen))} frozen"
        if not np.isfinite(frozen).any():
            title = f"{frequencies_hz[index]:g} Hz: frozen error not measured"
        axis.set_title(title, loc="left", fontsize=10)
    for axis in axes[:, 0]:
        for start, stop in _retreats(horizons):
            left, right = (updates[max(i, 1) - 1 : i + 1].mean() for i in (start, stop))
            axis.axvspan(left, right, color=BACK_COLOUR, alpha=0.12, lw=0)
        epoch_axis(axis, updates)
        axis.set_xlabel("")
    axes[-1, 0].set_xlabel("update")
    panels[(len(panels) - 1) // 2].set_ylabel("MSE (no unit)")
    frozen_ends = [last_known(frozen) for _, frozen in curves]
    canvas.set_headline(figure, _finding(updates, horizons, frozen_ends))
    return canvas.save(figure, directory, "curriculum.png")


def _errors(rows: Rows, index: int) -> tuple[np.ndarray, np.ndarray]:
    """[rows] loss at the horizon, after the update where that is known, and frozen MSE."""
    loss = field(rows, "settled_loss_per_frequency", index)
    if not np.isfinite(loss).any():
        loss = field(rows, "loss_per_frequency", index)
    return loss, field(rows, "frozen_mse_per_frequency", index)


def _draw_horizons(axis: Axes, updates: np.ndarray, horizons: np.ndarray) -> None:
    """A step line, red where it falls, with the horizons themselves as ticks."""
    marker = "o" if updates.size <= FEW_ROWS else None
    axis.plot(
        updates, horizons, color=canvas.INK, drawstyle="steps-mid", lw=1.8, marker=marker, ms=4
    )
    for i in _falls(horizons):
        at = updates[i - 1 : i + 1].mean()
        axis.annotate(
            "", (at, horizons[i]), (at, horizons[i - 1]),
            arrowprops={"arrowstyle": "-|>", "color": BACK_COLOUR, "lw": 1.6, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
    log_limits(axis, [horizons])
    low, high = axis.get_ylim()
    ticks: list[float] = []
    for horizon in sorted({float(h) for h in _positive_known(horizons)}, reverse=True):
        if not ticks or ticks[-1] / horizon > (high / low) ** 0.09:
            ticks.append(horizon)
    axis.yaxis.set_major_locator(FixedLocator(ticks))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_ylabel("horizon (s)")


def _draw_errors(
    axis: Axes, updates: np.ndarray, loss: np.ndarray, frozen: np.ndarray, colour: str
) -> None:
    ends = []
    for values, name, width in (
        (loss, "at the horizon", 0.9),
        (frozen, "whole block, frozen", 2.4),
    ):
        known = np.isfinite(positive(values))
        marker = "o" if known.sum() <= FEW_ROWS else None
        x, y = updates[known], values[known]
        axis.plot(x, y, color=colour, lw=width, marker=marker, ms=2 + width)
        ends.append((last_known(positive(values)), name, colour))
    axis.axhline(ZERO_MSE, color=canvas.INK, lw=1, ls="--", zorder=1)
    axis.axhline(GOAL_MSE, color=canvas.GREY, lw=1, ls=":", zorder=1)
    guides = [(ZERO_MSE, f"predicting zero, {ZERO_MSE:g}", canvas.INK),
              (GOAL_MSE, f"goal, {GOAL_MSE:g}", canvas.GREY)]  # fmt: skip
    label_ends(axis, [*ends, *guides], spacing=0.21)


def _falls(horizons: np.ndarray) -> list[int]:
    """Rows whose horizon is shorter than that of the row before."""
    return [int(i) + 1 for i in np.flatnonzero(np.diff(horizons) < 0)]


def _retreats(horizons: np.ndarray) -> list[tuple[int, int]]:
    """[start, stop) of the rows below the longest horizon so far."""
    below = horizons < np.maximum.accumulate(horizons)
    changes = np.flatnonzero(np.diff(below, prepend=False, append=False))
    return [(int(a), min(int(b), below.size - 1)) for a, b in changes.reshape(-1, 2)]


def _positive_known(values: np.ndarray) -> np.ndarray:
    known = positive(values)
    return known[np.isfinite(known)]


def _finding(updates: np.ndarray, horizons: np.ndarray, frozen: list[float]) -> str:
    first, longest, falls = horizons[0], horizons.max(), len(_falls(horizons))
    way = (
        f"Horizon {first:g} s throughout"
        if first == longest
        else f"Horizon {first:g} → {longest:g} s"
    )
    if first != longest:
        way += f" by update {updates[np.argmax(horizons)]:g}"
    way += f", gone back {falls}×" if falls else ""
    known = [value for value in frozen if math.isfinite(value)]
    if not known:
        return f"{way}; frozen error not measured"
    solved = sum(value < GOAL_MSE for value in known)
    return f"{way}; after update {updates[-1]:g}, {solved} of {len(frozen)} frozen errors below {GOAL_MSE:g}"
