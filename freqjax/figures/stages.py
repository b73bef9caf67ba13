"""Figure of the horizon curriculum: the horizon over the updates, and each group's error."""

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas, ticks
from freqjax.figures.history import History, Scale, last_known, positive
from freqjax.figures.lines import draw_guides, epoch_axis, label_ends, log_limits
from freqjax.figures.words import number

BACK_COLOUR = "#CC3311"  # Tol's vibrant red: no group has it
FEW_ROWS = 12  # are marked one by one


def curriculum(history: History, scale: Scale, directory: str | Path) -> Path:
    """Draw the horizon over the updates, and below it the loss of every group.

    Thin: loss over the horizon after the update; bold: frozen weights over the whole block. Red: from a
    return to a shorter horizon until the longest one is reached again.

    Args:
      history: the losses, and a horizon in at least one row.
      scale: names and reference levels of the losses.
      directory: the folder of curriculum.png.

    Raises:
      ValueError: if no row has a horizon.
    """
    history = history.where(np.isfinite(history.horizon))
    updates, horizons = history.updates, history.horizon
    if not updates.size:
        raise ValueError("no row has a horizon: there was no curriculum")
    heights = [1.6] + [1.0] * len(scale.groups)
    figure, axes = canvas.subplots(
        10, 0.9 + 1.35 * sum(heights), len(heights), 1, sharex=True, height_ratios=heights
    )
    top, panels = axes[0, 0], axes[1:, 0]
    _draw_horizons(top, updates, horizons, scale.unit)
    if _falls(horizons):
        told = "red: gone back, until the longest horizon is regained"
        top.set_title(told, loc="left", fontsize=10, color=BACK_COLOUR)
    curves = [_errors(history, index) for index in range(len(scale.groups))]
    low, high = log_limits(panels[0], [y for pair in curves for y in pair], *scale.guides)
    for index, (axis, (loss, frozen)) in enumerate(zip(panels, curves, strict=True)):
        axis.set(yscale="log", ylim=(low, high))
        ticks.decades(axis.yaxis)
        _draw_errors(axis, scale, updates, loss, frozen, index)
        title = f"{scale.groups[index]}: {number(last_known(frozen))} frozen"
        if not np.isfinite(frozen).any():
            title = f"{scale.groups[index]}: frozen error not measured"
        axis.set_title(title, loc="left", fontsize=10)
    for axis in axes[:, 0]:
        for start, stop in _retreats(horizons):
            left, right = (updates[max(i, 1) - 1 : i + 1].mean() for i in (start, stop))
            axis.axvspan(left, right, color=BACK_COLOUR, alpha=0.12, lw=0)
        epoch_axis(axis, updates)
        axis.set_xlabel("")
    axes[-1, 0].set_xlabel("update")
    panels[(len(panels) - 1) // 2].set_ylabel(scale.name)
    frozen_ends = [last_known(frozen) for _, frozen in curves]
    canvas.set_headline(figure, _finding(updates, horizons, frozen_ends, scale))
    return canvas.save(figure, directory, "curriculum.png")


def _errors(history: History, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return [E] loss over the horizon, after the update if that is known, and frozen loss."""
    loss = history.settled_losses[:, index]
    if not np.isfinite(loss).any():
        loss = history.losses[:, index]
    return loss, history.frozen_losses[:, index]


def _draw_horizons(axis: Axes, updates: np.ndarray, horizons: np.ndarray, unit: str) -> None:
    """Draw a step line, red where it falls; every horizon is named above its first step if it has space."""
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
    axis.set_ylim(low, high * (high / low) ** 0.12)
    ticks.steps(axis.yaxis)
    axis.set_ylabel(f"horizon ({unit})")
    _name_horizons(axis, updates, horizons)


def _name_horizons(axis: Axes, updates: np.ndarray, horizons: np.ndarray) -> None:
    """Write every horizon above the middle of its first step, unless that would cover another name."""
    span, (low, high) = max(float(np.ptp(updates)), 1.0), np.log(axis.get_ylim())
    taken: list[tuple[float, float]] = []
    for horizon in dict.fromkeys(_positive_known(horizons).tolist()):
        rows = np.flatnonzero(horizons == horizon)
        first_step = rows[: int(np.argmax(np.diff(rows, append=rows[-1] + 2) > 1)) + 1]
        at = float(updates[first_step].mean())
        x, y = at / span, (math.log(horizon) - low) / (high - low)
        if any(abs(x - u) < 0.045 and abs(y - v) < 0.12 for u, v in taken):
            continue
        taken.append((x, y))
        axis.annotate(
            f"{horizon:.3g}", (at, horizon), (0, 3), textcoords="offset points", fontsize=8,
            ha="center", va="bottom", color=canvas.INK,
        )  # fmt: skip


def _draw_errors(
    axis: Axes,
    scale: Scale,
    updates: np.ndarray,
    loss: np.ndarray,
    frozen: np.ndarray,
    index: int,
) -> None:
    """Draw both losses of a group; the lines are named in the first panel alone."""
    ends, colour = [], canvas.colour(index)
    for values, name, width in (
        (loss, "thin: at the horizon", 0.9),
        (frozen, "bold: whole block, frozen", 2.4),
    ):
        known = np.isfinite(positive(values))
        marker = "o" if known.sum() <= FEW_ROWS else None
        x, y = updates[known], values[known]
        axis.plot(x, y, color=colour, lw=width, marker=marker, ms=2 + width)
        ends.append((last_known(positive(values)), name, colour))
    guides = draw_guides(axis, scale)
    if index == 0:
        named = [(y, name, canvas.INK) for y, name, _ in ends]  # the words hold for every panel
        label_ends(axis, [*named, *guides], spacing=0.21)


def _falls(horizons: np.ndarray) -> list[int]:
    """Return the rows whose horizon is shorter than that of the row before."""
    return [int(i) + 1 for i in np.flatnonzero(np.diff(horizons) < 0)]


def _retreats(horizons: np.ndarray) -> list[tuple[int, int]]:
    """Return the ranges [start, stop) of rows below the longest horizon so far."""
    below = horizons < np.maximum.accumulate(horizons)
    changes = np.flatnonzero(np.diff(below, prepend=False, append=False))
    return [(int(a), min(int(b), below.size - 1)) for a, b in changes.reshape(-1, 2)]


def _positive_known(values: np.ndarray) -> np.ndarray:
    known = positive(values)
    return known[np.isfinite(known)]


def _finding(updates: np.ndarray, horizons: np.ndarray, frozen: list[float], scale: Scale) -> str:
    first, longest, falls = horizons[0], horizons.max(), len(_falls(horizons))
    way = (
        f"Horizon {first:g} {scale.unit} throughout"
        if first == longest
        else f"Horizon {first:g} → {longest:g} {scale.unit}"
    )
    if first != longest:
        way += f" by update {updates[np.argmax(horizons)]:g}"
    way += f", gone back {falls}×" if falls else ""
    known = [value for value in frozen if math.isfinite(value)]
    if not known:
        return f"{way}; frozen error not measured"
    if scale.goal is None:
        return f"{way}; after update {updates[-1]:g}, frozen errors of at most {number(max(known))}"
    solved = sum(value < scale.goal for value in known)
    way += f"; after update {updates[-1]:g}, {solved} of {len(frozen)}"
    return f"{way} frozen errors below {scale.goal:g}"
