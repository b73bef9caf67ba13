"""Lines over epochs or seconds: curves, their axes, and labels beside them."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from freqjax.figures import canvas, ticks
from freqjax.figures.history import History, Scale, last_known, positive
from freqjax.figures.words import number

MANY_ROWS = 200  # more than these are smoothed
_NAME_ROWS, _NAME_HEIGHT = 3, 0.042  # rows of names of horizons, and the share of an axis of each


def draw_curve(
    axis: Axes,
    epochs: np.ndarray,
    values: np.ndarray,
    colour: str,
    raw: float = 0.3,
    summary: Callable[..., np.ndarray] = np.median,
    **style: Any,
) -> float:
    """Draw a curve over epochs and return its last value.

    Few points are marked; many are drawn with opacity `raw` under their running `summary`.
    """
    style = {"color": colour, "lw": 1.8, **style}
    known = np.isfinite(positive(values))
    x, y = epochs[known], values[known]
    if y.size <= MANY_ROWS:
        axis.plot(x, y, marker="o" if y.size <= MANY_ROWS / 5 else None, ms=4, **style)
        return last_known(y)
    if raw:
        axis.plot(x, y, color=colour, lw=0.6, alpha=raw)
    width = y.size // 60 * 2 + 1
    padded = np.pad(y, width // 2, mode="edge")
    smooth = summary(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    axis.plot(x, smooth, **style)
    return float(smooth[-1])


def epoch_axis(axis: Axes, epochs: np.ndarray) -> None:
    """Set the ticks of the x axis to whole epochs, with a margin even around a single one."""
    first, last = epochs[0], epochs[-1]
    margin = max(0.02 * (last - first), 0.3 if last > first else 0.5)
    axis.set_xlim(first - margin, last + margin)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    axis.set_xlabel("epoch")


def mark_horizons(axis: Axes, history: History, named: bool) -> None:
    """Draw a dotted line at every change of the horizon; name it at the top if `named`.

    A horizon is named where it is first reached, in the highest of a few rows that has space there.
    """
    horizons, epochs = history.horizon, history.epochs
    changes = [i for i in range(len(epochs)) if i == 0 or horizons[i] != horizons[i - 1]]
    free, told = [-math.inf] * _NAME_ROWS, set()
    for i in (i for i in changes if math.isfinite(horizons[i])):
        axis.axvline(epochs[i], color=canvas.PALE, lw=0.8, ls=":")
        row = next((r for r, start in enumerate(free) if epochs[i] >= start), None)
        name = f"{horizons[i]:.3g}"
        if not named or row is None or name in told:
            continue
        axis.text(
            epochs[i], 0.995 - _NAME_HEIGHT * row, name, fontsize=7, va="top",
            color=canvas.text_colour(canvas.GREY), transform=axis.get_xaxis_transform(),
        )  # fmt: skip
        told.add(name)
        free[row] = epochs[i] + 0.022 * (len(name) + 1) * max(epochs[-1] - epochs[0], 1)


def log_limits(axis: Axes, series: Iterable[np.ndarray], *include: float) -> tuple[float, float]:
    """Make the y axis logarithmic, with margins around the positive values and those to include."""
    known = np.concatenate([positive(np.asarray(values)) for values in (*series, include)])
    known = np.maximum(known[np.isfinite(known)], 1e-15)
    low, high = (float(known.min()), float(known.max())) if known.size else (0.1, 1.0)
    room = max(1.6, math.sqrt(30 * low / high))  # a decade and a half at least
    low, high = low / room, high * room
    axis.set_yscale("log")
    ticks.decades(axis.yaxis)
    axis.set_ylim(low, high)
    return low, high


def finish_loss_axis(
    axis: Axes,
    scale: Scale,
    series: Iterable[np.ndarray],
    ends: Iterable[tuple[float, str, str]],
    name_guides: bool = True,
    linear: bool = False,
    headroom: float = 1.0,
) -> None:
    """Set up the y axis of a loss: logarithmic, with constant predictor, goal and labels of all lines."""
    low, high = log_limits(axis, series, *scale.guides)
    axis.set_ylim(low, high * headroom)
    if linear:
        axis.set(yscale="linear", ylim=(0, high / 1.3))
    guides = draw_guides(axis, scale)
    label_ends(axis, [*ends, *(guides if name_guides else [])])


def draw_guides(axis: Axes, scale: Scale) -> list[tuple[float, str, str]]:
    """Draw constant predictor and goal across the axis, and return their heights, names and colours."""
    axis.axhline(scale.constant, color=canvas.INK, lw=1, ls="--", zorder=1)
    guides = [(scale.constant, f"{scale.constant_name}, {number(scale.constant)}", canvas.INK)]
    if scale.goal is not None:
        axis.axhline(scale.goal, color=canvas.GREY, lw=1, ls=":", zorder=1)
        guides.append((scale.goal, f"goal, {number(scale.goal)}", canvas.GREY))
    return guides


def label_ends(
    axis: Axes, labels: Iterable[tuple[float, str, str]], spacing: float = 0.062
) -> None:
    """Label lines to the right of the axis at their last height, shifted apart if they would overlap."""
    scale, left = axis.transScale + axis.transLimits, axis.get_xlim()[0]
    wanted = [
        (float(np.clip(scale.transform((left, y))[1], 0.0, 1.0)), name, colour)
        for y, name, colour in labels
        if math.isfinite(y)
    ]
    if not wanted:
        return
    # From the bottom up; the labels of lines that nearly coincide are in the given order, top down.
    wanted = sorted(reversed(wanted), key=lambda label: round(label[0], 2))
    heights = np.array([height for height, _, _ in wanted])
    steps = min(spacing, 1 / len(wanted)) * np.arange(len(wanted))
    # The mean of positions shifted only up and only down keeps a group of labels at its place.
    pushed_up = np.maximum.accumulate(heights - steps) + steps
    pushed_down = np.minimum.accumulate((heights - steps)[::-1])[::-1] + steps
    places = (pushed_up + pushed_down) / 2
    places = np.minimum(places, 1 - steps[::-1])
    for at, (height, name, colour) in zip(np.maximum(places, steps), wanted, strict=True):
        line = {"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkA": 0, "shrinkB": 0}
        axis.annotate(
            name, (1.0, height), (1.035, at), xycoords="axes fraction", textcoords="axes fraction",
            color=canvas.text_colour(colour), fontsize=9, va="center", annotation_clip=False,
            arrowprops=line | {"relpos": (0, 0.5)},
        )  # fmt: skip
