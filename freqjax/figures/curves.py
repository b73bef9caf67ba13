"""Figures of the course of training: losses, frozen errors and gradients over the epochs."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from freqjax.figures import canvas
from freqjax.figures.history import History, Rows, Scale, by_layer, field, last_known
from freqjax.figures.lines import (
    draw_curve,
    epoch_axis,
    finish_loss_axis,
    label_ends,
    log_limits,
    mark_horizons,
)
from freqjax.figures.words import number

VANISHING_NORM, EXPLODING_NORM, USUAL_UPDATE_RATIO = 1e-7, 100.0, 1e-3


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
    moving_title = "loss while training" + (", over the horizon named on top" if staged else "")
    data = {"train": "training"}.get(scale.frozen_on, scale.frozen_on)
    titles = (scale.everything, moving_title, f"frozen weights, {data} data")
    for axis, title, labels in zip(axes[0], titles, ends, strict=True):
        axis.set_title(title, loc="left", fontsize=10)
        epoch_axis(axis, epochs)
        mark_horizons(axis, history, scale.unit)
        named = axis is axes[0, 2]
        finish_loss_axis(axis, scale, drawn, labels, named, headroom=2.5 if staged else 1)
        if not any(math.isfinite(y) for y, _, _ in labels):
            axis.text(
                0.5, 0.4, "not measured", ha="center", color=canvas.GREY, transform=axis.transAxes
            )
    axes[0, 0].set_ylabel(scale.name)
    said = f"After epoch {epochs[-1]:g}: {number(last_known(moving))} while training"
    said += f", {number(last_known(frozen))} frozen" if np.isfinite(frozen).any() else ""
    said += f" ({scale.constant_name}: {number(scale.constant)})"
    canvas.set_headline(figure, said)
    return canvas.save(figure, directory, "learning_curves.png")


def gradient_norms(rows: Rows, directory: str | Path, second_order: bool = False) -> Path:
    """Draw the gradient norm before clipping and the update-to-weight ratio of every layer.

    Solid: mean over the epoch; faint: maximum. Rows without layers show the norm of all parameters
    together. The size of a Gauss-Newton step is not proportional to the gradient's: for a `second_order`
    method the thresholds of gradients are not drawn. Writes gradient_norms.png.

    Raises:
      ValueError: if there are no rows.
    """
    if not rows:
        raise ValueError("there are no rows to draw")
    epochs = field(rows, "epoch")
    figure, axes = canvas.subplots(12, 4.3, 1, 2)
    means = by_layer(rows, "grad_norm_per_layer") or {"all": field(rows, "grad_norm")}
    largest = by_layer(rows, "grad_norm_max_per_layer")
    ratios = by_layer(rows, "update_ratio_per_layer")
    colours = {
        layer: canvas.LAYER_COLOURS[i % len(canvas.LAYER_COLOURS)]
        for i, layer in enumerate(means | ratios)
    }
    limits = ((VANISHING_NORM, "vanishing"), (EXPLODING_NORM, "exploding"))
    panels = (
        (axes[0, 0], means, "gradient norm (loss per unit of weight)"),
        (axes[0, 1], ratios, "norm of update / norm of weights (no unit)"),
    )
    for axis, layers, label in panels:
        ends = [
            (draw_curve(axis, epochs, values, colours[layer]), layer, colours[layer])
            for layer, values in layers.items()
        ]
        everything = list(layers.values())
        if axis is axes[0, 0]:
            for layer, values in largest.items():
                # The running maximum, since this curve must show spikes.
                faint = {"alpha": 0.4, "lw": 1.2, "raw": 0, "summary": np.max}
                draw_curve(axis, epochs, values, colours.get(layer, canvas.GREY), **faint)
            everything += list(largest.values())
            guides = () if second_order else limits
        else:
            guides = ((USUAL_UPDATE_RATIO, "usual"),)
        low, high = log_limits(axis, everything)
        for value, name in guides:  # only within two decades of the data
            if low / 100 <= value <= high * 100:
                axis.axhline(value, color=canvas.GREY, lw=1, ls="--")
                ends.append((value, f"{name}, {value:g}", canvas.GREY))
                low, high = min(low, value / 2), max(high, value * 2)
        axis.set_ylim(low, high)
        axis.set_ylabel(label)
        epoch_axis(axis, epochs)
        label_ends(axis, ends)
    axes[0, 0].set_title("mean over the epoch (faint: largest)", loc="left", fontsize=10)
    axes[0, 1].set_title("how far an update moves a layer", loc="left", fontsize=10)
    canvas.set_headline(figure, _gradient_finding(means, largest, second_order))
    return canvas.save(figure, directory, "gradient_norms.png")


def _gradient_finding(
    means: dict[str, np.ndarray], largest: dict[str, np.ndarray], second_order: bool
) -> str:
    def extreme(layers: dict[str, np.ndarray], pick: Callable[..., Any]) -> tuple[str, float]:
        values = {k: pick(v[np.isfinite(v)]) for k, v in layers.items() if np.isfinite(v).any()}
        name = pick(values, key=values.__getitem__) if values else "none"
        return name, values.get(name, math.nan)

    (low_name, low), (high_name, high) = extreme(means, min), extreme(largest or means, max)
    if second_order and not math.isnan(low):
        return (
            f"Gradients grow with the horizon, to {high:.2g} ({high_name}); "
            "Gauss-Newton steps do not follow their size"
        )
    if high > EXPLODING_NORM:
        return f"Exploding gradient: {high_name} reaches {high:.2g} (limit {EXPLODING_NORM:g})"
    if low < VANISHING_NORM:
        return f"Vanishing gradient: {low_name} falls to {low:.2g} (limit {VANISHING_NORM:g})"
    if math.isnan(low):
        return "No gradient norm was recorded"
    return (
        f"Gradients neither vanish nor explode: {low:.2g} ({low_name}) to {high:.2g} ({high_name})"
    )
