"""Whether the weights know the task or follow the target: the loss in training beside the frozen error."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas
from freqjax.figures.findings import number, times
from freqjax.figures.lines import draw_curve, epoch_axis, finish_mse_axis
from freqjax.figures.record import (
    GOAL_MSE,
    ZERO_MSE,
    Rows,
    field,
    last_known,
    longest_horizon,
    positive,
    some_rows,
    widest_gap,
)

CHASING_RATIO = 1.5  # frozen / prequential above this: the weights follow the target


def chasing_gap(
    rows: Rows, frequencies_hz: Sequence[float], test_mse: float | None, directory: str | Path
) -> Path:
    """The gap between the loss while the weights move and the error once they are frozen.

    With a gradient cut after one step the loss looks good because the weights follow the slowly
    moving target; frozen, the network does not know it. Where the horizon grew, only the rows at
    the longest one count: a loss over a second is no promise for ten.

    Args:
        rows: parsed metrics.jsonl, at least one row.
        frequencies_hz: [F] Hz.
        test_mse: frozen MSE on test data, None where unknown.
        directory: where chasing_gap.png goes.

    Raises:
        ValueError: if there are no rows.
    """
    rows = longest_horizon(some_rows(rows))
    epochs, moving = field(rows, "epoch"), field(rows, "loss")
    frozen = field(rows, "frozen_mse")
    per_frequency = [
        (field(rows, "loss_per_frequency", i), field(rows, "frozen_mse_per_frequency", i))
        for i in range(len(frequencies_hz))
    ]
    figure, axes = canvas.subplots(12, 4.4, 1, 2, width_ratios=(1.5, 1))
    left, right = axes[0]
    ends = [
        (
            draw_curve(left, epochs, moving, canvas.FREQUENCY_COLOURS[1]),
            "training",
            canvas.FREQUENCY_COLOURS[1],
        ),
        (
            draw_curve(left, epochs, frozen, canvas.FREQUENCY_COLOURS[0]),
            "frozen, train",
            canvas.colour(0),
        ),
    ]
    if test_mse is not None and math.isfinite(test_mse):
        left.axhline(test_mse, color=canvas.INK, lw=1.4, ls="-.")
        ends.append((test_mse, "frozen, test", canvas.INK))
    both = np.isfinite(moving) & np.isfinite(frozen)
    if both.any():
        x, low, high = epochs[both], moving[both], frozen[both]
        style = {"color": canvas.FREQUENCY_COLOURS[1], "alpha": 0.15, "lw": 0}
        left.fill_between(x, low, high, where=high > low, interpolate=True, **style)
    epoch_axis(left, epochs)
    left.set_ylabel("MSE (no unit)")
    drawn = [moving, frozen, np.array([np.nan if test_mse is None else test_mse])]
    # Losses near the zero predictor differ by a factor that a log axis down to 0.01 would hide.
    known = np.concatenate(drawn)
    finish_mse_axis(left, drawn, ends, linear=bool(np.all(known[np.isfinite(known)] > 0.1)))
    horizon = rows[-1].get("horizon_s")
    only = f", horizon {horizon:g} s" if horizon else ""
    left.set_title(f"all frequencies{only}", loc="left", fontsize=10)
    widest = widest_gap(moving, frozen)
    if widest is not None and frozen[widest] > max(GOAL_MSE, moving[widest]):
        _draw_gap(left, epochs[widest], moving[widest], frozen[widest])
    _draw_dumbbells(right, per_frequency, frequencies_hz, epochs, widest)
    canvas.set_headline(
        figure, _gap_finding(epochs, moving, frozen, per_frequency, frequencies_hz, test_mse)
    )
    return canvas.save(figure, directory, "chasing_gap.png")


def _gap_finding(
    epochs: np.ndarray,
    moving: np.ndarray,
    frozen: np.ndarray,
    per_frequency: list[tuple[np.ndarray, np.ndarray]],
    frequencies_hz: Sequence[float],
    test_mse: float | None,
) -> str:
    """The widest gap overall, else that of one frequency, else that there is none."""
    widest = widest_gap(moving, frozen)
    if widest is None:
        said = f"Frozen error not measured in training; loss {number(last_known(moving))}"
        return said if test_mse is None else f"{said}, frozen on test data {number(test_mse)}"
    gaps = [(frozen[widest] / moving[widest], "", widest, moving, frozen)]
    for frequency_hz, (loss, error) in zip(frequencies_hz, per_frequency, strict=True):
        at = widest_gap(loss, error)
        if at is not None and error[at] > GOAL_MSE:
            gaps.append((error[at] / loss[at], f", {frequency_hz:g} Hz", at, loss, error))
    last = f"{number(last_known(moving))} while training, {number(last_known(frozen))} frozen"
    if last_known(frozen) < GOAL_MSE:
        if test_mse is not None and not test_mse < GOAL_MSE:
            return f"Frozen weights fit the training data alone: {last}, {number(test_mse)} in test"
        return f"Frozen weights know the task after epoch {epochs[-1]:g}: {last}"
    # The whole comes first; a single frequency speaks only where the whole shows nothing.
    whole, worst = gaps[0], max(gaps, key=lambda gap: gap[0])
    ratio, name, at, loss, error = (
        whole if whole[0] >= CHASING_RATIO and frozen[widest] > GOAL_MSE else worst
    )
    numbers = f"{number(loss[at])} while training, {number(error[at])} frozen"
    where = f"epoch {epochs[at]:g}{name}"
    if ratio >= CHASING_RATIO and error[at] > GOAL_MSE:
        return f"The weights chase the target: {numbers} ({times(ratio)} at {where})"
    if last_known(frozen) > 0.8 * ZERO_MSE:
        return f"No gap, but nothing learned: {numbers} ({where})"
    return f"No chasing, frozen weights keep what the loss shows: {last} (epoch {epochs[-1]:g})"


def _draw_gap(axis: Axes, epoch: float, moving: float, frozen: float) -> None:
    """An arrow across the widest gap, with the ratio beside it."""
    axis.annotate(
        "", (epoch, frozen), (epoch, moving),
        arrowprops={"arrowstyle": "<->", "color": canvas.INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    low, high = axis.get_xlim()
    side = 1 if epoch < (low + high) / 2 else -1
    # A linear axis has room below; on a log axis the loss may lie on the edge.
    below = axis.get_yscale() == "linear"
    axis.annotate(
        f"frozen = {times(frozen / moving)} training",
        (epoch, moving if below else math.sqrt(moving * frozen)),
        (-4 * side if below else 8 * side, -10 if below else 0),
        textcoords="offset points", fontsize=10, color=canvas.INK,
        ha="left" if side > 0 else "right", va="top" if below else "center",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )  # fmt: skip


def _draw_dumbbells(
    axis: Axes,
    per_frequency: list[tuple[np.ndarray, np.ndarray]],
    frequencies_hz: Sequence[float],
    epochs: np.ndarray,
    at: int | None,
) -> None:
    """For every frequency, from the loss while training (open) to the frozen error (filled)."""
    axis.set_yticks(range(len(frequencies_hz)), [f"{f:g} Hz" for f in frequencies_hz])
    axis.set_ylim(len(frequencies_hz) - 0.5, -0.5)
    row = len(epochs) - 1 if at is None else at
    shown = [ZERO_MSE, GOAL_MSE]
    for i, (loss, error) in enumerate(per_frequency):
        moving, frozen = positive(loss)[row], positive(error)[row]
        axis.plot([moving, frozen], [i, i], color=canvas.colour(i), lw=2, alpha=0.5)
        axis.plot([moving], [i], "o", color=canvas.colour(i), mfc="white", mew=1.8, ms=8)
        axis.plot([frozen], [i], "o", color=canvas.colour(i), ms=8)
        shown += [value for value in (moving, frozen) if math.isfinite(value)]
        if math.isfinite(moving) and math.isfinite(frozen):
            axis.annotate(
                times(frozen / moving), (1.02, i), xycoords=("axes fraction", "data"),
                color=canvas.colour(i), fontsize=9, va="center", annotation_clip=False,
            )  # fmt: skip
    axis.set(xscale="log", xlim=(min(shown) / 2, max(shown) * 2))
    axis.set_xlabel(f"MSE (no unit); dotted: goal {GOAL_MSE:g}, dashed: predicting zero")
    axis.axvline(ZERO_MSE, color=canvas.INK, lw=1, ls="--", zorder=1)
    axis.axvline(GOAL_MSE, color=canvas.GREY, lw=1, ls=":", zorder=1)
    title = f"epoch {epochs[row]:g}: training (open) → frozen (filled)"
    axis.set_title(title, loc="left", fontsize=10)
