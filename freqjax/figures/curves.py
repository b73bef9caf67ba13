"""Figure of the losses while training and with frozen weights over the epochs."""

import math
from pathlib import Path

import numpy as np

from freqjax.figures import canvas
from freqjax.figures.history import History, Scale, last_known
from freqjax.figures.lines import draw_curve, epoch_axis, finish_loss_axis, mark_horizons
from freqjax.figures.words import number


def learning_curves(history: History, scale: Scale, directory: str | Path) -> Path:
    """Draw the loss while training beside that of frozen weights, for all groups and for each group.

    Args:
      history: the losses.
      scale: names and reference levels; the least possible losses are drawn beside the frozen losses.
      directory: the folder of learning_curves.png.
    """
    epochs, moving, frozen = history.epochs, history.loss, history.frozen
    figure, axes = canvas.subplots(13, 4.3, 1, 3, sharey=True)
    drawn: list[np.ndarray] = [moving, frozen]
    ends: list[list[tuple[float, str, str]]] = [[], [], []]
    for values, name, colour in ((moving, "training", canvas.GREY), (frozen, "frozen", canvas.INK)):
        ends[0].append((draw_curve(axes[0, 0], epochs, values, colour), name, colour))
    for place, losses in ((1, history.losses), (2, history.frozen_losses)):
        for index, (name, values) in enumerate(zip(scale.groups, losses.T, strict=True)):
            drawn.append(values)
            end = draw_curve(axes[0, place], epochs, values, canvas.colour(index), raw=0.15)
            ends[place].append((end, name, canvas.colour(index)))
    for value, name in scale.possible:
        axes[0, 2].axhline(value, color=canvas.GREY, lw=1.2, ls="-.", zorder=1)
        ends[2].append((value, f"{name}, {number(value)}", canvas.GREY))
        drawn.append(np.array([value]))
    staged = history.is_staged
    moving_title = "loss while training"
    if staged:
        moving_title += f", over the horizon on top ({scale.unit})"
    data = {"train": "training"}.get(scale.frozen_on, scale.frozen_on)
    titles = (scale.everything, moving_title, f"frozen weights, {data} data")
    for axis, title, labels in zip(axes[0], titles, ends, strict=True):
        axis.set_title(title, loc="left", fontsize=10)
        epoch_axis(axis, epochs)
        mark_horizons(axis, history, named=axis is axes[0, 1])
        named = axis is axes[0, 2]
        finish_loss_axis(axis, scale, drawn, labels, named, headroom=4 if staged else 1)
        if not any(math.isfinite(y) for y, _, _ in labels):
            axis.text(
                0.5, 0.4, "not measured", ha="center", color=canvas.text_colour(canvas.GREY),
                transform=axis.transAxes,
            )  # fmt: skip
    axes[0, 0].set_ylabel(scale.name)
    said = f"After epoch {epochs[-1]:g}: {number(last_known(moving))} while training"
    said += f", {number(last_known(frozen))} frozen" if np.isfinite(frozen).any() else ""
    said += f" ({scale.constant_name}: {number(scale.constant)})"
    canvas.set_headline(figure, said)
    return canvas.save(figure, directory, "learning_curves.png")
