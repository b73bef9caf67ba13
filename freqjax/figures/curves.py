"""How training went: losses, frozen errors and gradients over the epochs."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from freqjax.figures import canvas
from freqjax.figures.findings import number
from freqjax.figures.lines import (
    draw_curve,
    epoch_axis,
    finish_mse_axis,
    label_ends,
    log_limits,
    mark_horizons,
)
from freqjax.figures.record import (
    ZERO_MSE,
    Baselines,
    Rows,
    by_layer,
    field,
    last_known,
    some_rows,
)

VANISHING_NORM, EXPLODING_NORM, USUAL_UPDATE_RATIO = 1e-7, 100.0, 1e-3


def learning_curves(
    rows: Rows,
    frequencies_hz: Sequence[float],
    directory: str | Path,
    baselines: Baselines | None = None,
) -> Path:
    """Loss while the weights move beside the error of frozen weights, in all and per frequency.

    Args:
        rows: parsed metrics.jsonl, at least one row; null and absent values are left out.
        frequencies_hz: [F] Hz.
        directory: where learning_curves.png goes.
        baselines: what is possible over whole streams, drawn beside the frozen errors.

    Raises:
        ValueError: if there are no rows.
    """
    epochs = field(some_rows(rows), "epoch")
    figure, axes = canvas.subplots(13, 4.3, 1, 3, sharey=True)
    moving, frozen = field(rows, "loss"), field(rows, "frozen_mse")
    drawn: list[np.ndarray] = [moving, frozen]
    ends: list[list[tuple[float, str, str]]] = [[], [], []]
    for values, name, colour in ((moving, "training", canvas.GREY), (frozen, "frozen", canvas.INK)):
        ends[0].append((draw_curve(axes[0, 0], epochs, values, colour), name, colour))
    for place, key in ((1, "loss_per_frequency"), (2, "frozen_mse_per_frequency")):
        for index, frequency_hz in enumerate(frequencies_hz):
            values = field(rows, key, index)
            drawn.append(values)
            end = draw_curve(axes[0, place], epochs, values, canvas.colour(index), raw=0.15)
            ends[place].append((end, f"{frequency_hz:g} Hz", canvas.colour(index)))
    possible = _possible(baselines)
    for value, _, _ in possible:
        axes[0, 2].axhline(value, color=canvas.GREY, lw=1.2, ls="-.", zorder=1)
    drawn += [np.array([value]) for value, _, _ in possible]
    ends[2] += possible
    staged = bool(np.isfinite(field(rows, "horizon_s")).any())
    moving_title = "loss while training" + (", over the horizon named on top" if staged else "")
    titles = ("all frequencies", moving_title, "frozen weights, training data")
    for axis, title, labels in zip(axes[0], titles, ends, strict=True):
        axis.set_title(title, loc="left", fontsize=10)
        epoch_axis(axis, epochs)
        mark_horizons(axis, rows)
        finish_mse_axis(axis, drawn, labels, axis is axes[0, 2], headroom=2.5 if staged else 1)
        if not any(math.isfinite(y) for y, _, _ in labels):
            axis.text(
                0.5, 0.4, "not measured", ha="center", color=canvas.GREY, transform=axis.transAxes
            )
    axes[0, 0].set_ylabel("MSE (no unit)")
    last_epoch = f"epoch {epochs[-1]:g}"
    said = f"After {last_epoch}: {number(last_known(moving))} while training"
    said += f", {number(last_known(frozen))} frozen" if np.isfinite(frozen).any() else ""
    canvas.set_headline(figure, f"{said} (predicting zero: {ZERO_MSE:g})")
    return canvas.save(figure, directory, "learning_curves.png")


def _possible(baselines: Baselines | None) -> list[tuple[float, str, str]]:
    """Height, name and colour of what can be drawn: a limit of 0 cannot, one at 0.5 is drawn already."""
    if baselines is None:
        return []
    known = ((baselines.bayes_mse, "least possible"), (baselines.linear_mmse, "least, linear"))
    return [
        (value, f"{name}, {number(value)}", canvas.GREY)
        for value, name in known
        if value is not None and 1e-9 < value < 0.9 * ZERO_MSE
    ]


def gradient_norms(rows: Rows, directory: str | Path) -> Path:
    """Gradient norm before clipping and update-to-weight ratio of every layer.

    Solid: mean over the epoch; faint: its largest. Rows without layers show the norm of all
    parameters together. Writes gradient_norms.png.

    Raises:
        ValueError: if there are no rows.
    """
    epochs = field(some_rows(rows), "epoch")
    figure, axes = canvas.subplots(12, 4.3, 1, 2)
    means = by_layer(rows, "grad_norm_per_layer") or {"all": field(rows, "grad_norm")}
    largest = by_layer(rows, "grad_norm_max_per_layer")
    ratios = by_layer(rows, "update_ratio_per_layer")
    colours = {
        layer: canvas.LAYER_COLOURS[i % len(canvas.LAYER_COLOURS)]
        for i, layer in enumerate(means | ratios)
    }
    # The size of a Gauss-Newton step does not follow the gradient's: its limits do not apply.
    second_order = any("horizon_s" in row for row in rows)
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
                # The running maximum: a spike is what this curve is for.
                faint = {"alpha": 0.4, "lw": 1.2, "raw": 0, "summary": np.max}
                draw_curve(axis, epochs, values, colours.get(layer, canvas.GREY), **faint)
            everything += list(largest.values())
            guides = () if second_order else limits
        else:
            guides = ((USUAL_UPDATE_RATIO, "usual"),)
        low, high = log_limits(axis, everything)
        for value, name in guides:  # within two decades of the data, else it would squash them
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
    def extreme(layers: dict[str, np.ndarray], pick: Any) -> tuple[str, float]:
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
