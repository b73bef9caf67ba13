"""Figure of weight chasing: the loss while training beside the frozen error."""

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas
from freqjax.figures.history import History, Scale, last_known, positive, widest_gap
from freqjax.figures.lines import draw_curve, epoch_axis, finish_loss_axis
from freqjax.figures.words import number, times

CHASING_RATIO = 1.5  # frozen / prequential above this: the weights follow the target
_NEAR = 0.2  # losses above this share of the constant's are drawn on a linear axis


def chasing_gap(
    history: History, scale: Scale, test_loss: float | None, directory: str | Path
) -> Path:
    """Draw the gap between the loss while the weights move and the loss once they are frozen.

    With a gradient truncated after one step the loss is low because the weights follow the slowly moving
    target; with frozen weights the error is large. If the horizon grew, only the epochs on whole blocks are
    drawn: before, the two losses are over different samples. If there is no such epoch, the figure says so.

    Args:
      history: the losses.
      scale: names and reference levels of the losses.
      test_loss: frozen loss on test data, None if unknown.
      directory: the folder of chasing_gap.png.
    """
    whole = history.over_whole_blocks(scale.block)
    if not whole.epochs.size:
        return _say_why_not(history, scale, directory)
    left_out, history = history.epochs.size - whole.epochs.size, whole
    epochs, moving, frozen = history.epochs, history.loss, history.frozen
    figure, axes = canvas.subplots(12, 4.4, 1, 2, width_ratios=(1.5, 1))
    left, right = axes[0]
    moving_colour, frozen_colour = canvas.colour(1), canvas.colour(0)
    ends = [
        (draw_curve(left, epochs, moving, moving_colour), "training", moving_colour),
        (
            draw_curve(left, epochs, frozen, frozen_colour),
            f"frozen, {scale.frozen_on}",
            frozen_colour,
        ),
    ]
    if test_loss is not None and math.isfinite(test_loss):
        left.axhline(test_loss, color=canvas.INK, lw=1.4, ls="-.")
        ends.append((test_loss, "frozen, test", canvas.INK))
    both = np.isfinite(moving) & np.isfinite(frozen)
    if both.any():
        x, low, high = epochs[both], moving[both], frozen[both]
        style = {"color": moving_colour, "alpha": 0.15, "lw": 0}
        left.fill_between(x, low, high, where=high > low, interpolate=True, **style)
    epoch_axis(left, epochs)
    left.set_ylabel(scale.name)
    drawn = [moving, frozen, np.array([np.nan if test_loss is None else test_loss])]
    # Losses near the constant predictor's differ by a factor that is not visible on a long log axis.
    known = np.concatenate(drawn)
    near = bool(np.all(known[np.isfinite(known)] > _NEAR * scale.constant))
    finish_loss_axis(left, scale, drawn, ends, linear=near)
    horizon = history.horizon[-1]
    only = f", horizon {horizon:g} {scale.unit}" if horizon > 0 else ""
    if left_out:
        only += f"\nnot drawn: {left_out} epochs on shorter horizons, so on other samples"
    left.set_title(f"{scale.everything}{only}", loc="left", fontsize=10)
    widest = widest_gap(moving, frozen)
    if widest is not None and frozen[widest] <= moving[widest]:
        widest = None  # no gap: the last epoch is shown
    if widest is not None and frozen[widest] > max(_goal(scale), moving[widest]):
        _draw_gap(left, epochs[widest], moving[widest], frozen[widest])
    _draw_dumbbells(right, history, scale, widest)
    canvas.set_headline(figure, _gap_finding(history, scale, test_loss))
    return canvas.save(figure, directory, "chasing_gap.png")


def _say_why_not(history: History, scale: Scale, directory: str | Path) -> Path:
    """Draw no gap but the reason: no loss while training is of the samples of the frozen loss."""
    longest = f"{np.nanmax(history.horizon):g} {scale.unit}"
    block = f"{scale.block:g} {scale.unit}"
    figure = canvas.blank(12, 1.6)
    figure.text(
        0.01, 0.35,
        f"Loss while training: over the horizon, at most the first {longest} of every block.\n"
        f"Frozen loss: over the whole block of {block}.\n"
        "Their ratio compares different samples; learning_curves.png shows both.",
        fontsize=10, va="center", color=canvas.INK,
    )  # fmt: skip
    canvas.set_headline(figure, f"No gap can be measured: no epoch was on whole blocks of {block}")
    return canvas.save(figure, directory, "chasing_gap.png")


def _goal(scale: Scale) -> float:
    """Return the goal, or 0 if none is set: no loss is below 0."""
    return 0.0 if scale.goal is None else scale.goal


def _gap_finding(history: History, scale: Scale, test_loss: float | None) -> str:
    """Describe the widest gap of the mean loss, else that of one group, else that there is none."""
    epochs, moving, frozen, goal = history.epochs, history.loss, history.frozen, _goal(scale)
    widest = widest_gap(moving, frozen)
    if widest is None:
        said = f"Frozen error not measured in training; loss {number(last_known(moving))}"
        return said if test_loss is None else f"{said}, frozen on test data {number(test_loss)}"
    gaps = [(frozen[widest] / moving[widest], "", widest, moving, frozen)]
    for group, loss, error in zip(
        scale.groups, history.losses.T, history.frozen_losses.T, strict=True
    ):
        at = widest_gap(loss, error)
        if at is not None and error[at] > goal:
            gaps.append((error[at] / loss[at], f", {group}", at, loss, error))
    last = f"{number(last_known(moving))} while training, {number(last_known(frozen))} frozen"
    if last_known(frozen) < goal:
        if test_loss is not None and not test_loss < goal:
            return (
                f"Frozen weights fit the training data alone: {last}, {number(test_loss)} in test"
            )
        return f"Frozen weights know the task after epoch {epochs[-1]:g}: {last}"
    # The mean loss comes first; single groups are used only if it shows no gap.
    whole, worst = gaps[0], max(gaps, key=lambda gap: gap[0])
    ratio, name, at, loss, error = (
        whole if whole[0] >= CHASING_RATIO and frozen[widest] > goal else worst
    )
    numbers = f"{number(loss[at])} while training, {number(error[at])} frozen"
    where = f"epoch {epochs[at]:g}{name}"
    if ratio >= CHASING_RATIO and error[at] > goal:
        return f"The weights chase the target: {numbers} ({times(ratio)} at {where})"
    if last_known(frozen) > 0.8 * scale.constant:
        return f"No gap, but nothing learned: {numbers} ({where})"
    return f"No chasing, frozen weights keep what the loss shows: {last} (epoch {epochs[-1]:g})"


def _draw_gap(axis: Axes, epoch: float, moving: float, frozen: float) -> None:
    """Draw an arrow across the widest gap, with the ratio beside it."""
    axis.annotate(
        "", (epoch, frozen), (epoch, moving),
        arrowprops={"arrowstyle": "<->", "color": canvas.INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    low, high = axis.get_xlim()
    side = 1 if epoch < (low + high) / 2 else -1
    # A linear axis has space below the loss; on a log axis the loss may be at the edge.
    below = axis.get_yscale() == "linear"
    axis.annotate(
        f"frozen = {times(frozen / moving)} training",
        (epoch, moving if below else math.sqrt(moving * frozen)),
        (-4 * side if below else 8 * side, -10 if below else 0),
        textcoords="offset points", fontsize=10, color=canvas.INK,
        ha="left" if side > 0 else "right", va="top" if below else "center",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )  # fmt: skip


def _draw_dumbbells(axis: Axes, history: History, scale: Scale, at: int | None) -> None:
    """Draw a line for each group from the loss while training (open) to the frozen one (filled)."""
    axis.set_yticks(range(len(scale.groups)), scale.groups)
    axis.set_ylim(len(scale.groups) - 0.5, -0.5)
    row = len(history.epochs) - 1 if at is None else at
    shown = list(scale.guides)
    for i in range(len(scale.groups)):
        moving, frozen = (positive(a[:, i])[row] for a in (history.losses, history.frozen_losses))
        axis.plot([moving, frozen], [i, i], color=canvas.colour(i), lw=2, alpha=0.5)
        axis.plot([moving], [i], "o", color=canvas.colour(i), mfc="white", mew=1.8, ms=8)
        axis.plot([frozen], [i], "o", color=canvas.colour(i), ms=8)
        shown += [value for value in (moving, frozen) if math.isfinite(value)]
        if math.isfinite(moving) and math.isfinite(frozen):
            axis.annotate(
                times(frozen / moving), (1.02, i), xycoords=("axes fraction", "data"),
                color=canvas.text_colour(canvas.colour(i)), fontsize=9, va="center", annotation_clip=False,
            )  # fmt: skip
    drawable = [value for value in shown if math.isfinite(value) and value > 0]
    if drawable:  # a log axis shows no other values
        axis.set(xscale="log", xlim=(min(drawable) / 2, max(drawable) * 2))
    goal = "" if scale.goal is None else f"dotted: goal {scale.goal:g}, "
    axis.set_xlabel(f"{scale.name}; {goal}dashed: {scale.constant_name}")
    axis.axvline(scale.constant, color=canvas.INK, lw=1, ls="--", zorder=1)
    if scale.goal is not None:
        axis.axvline(scale.goal, color=canvas.GREY, lw=1, ls=":", zorder=1)
    title = f"epoch {history.epochs[row]:g}: training (open) → frozen (filled)"
    axis.set_title(title, loc="left", fontsize=10)
