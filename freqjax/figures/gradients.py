"""Figure of the gradients and of the sizes of the updates over the epochs, layer by layer."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas
from freqjax.figures.history import Rows, by_layer, field, positive
from freqjax.figures.lines import draw_curve, epoch_axis, label_ends, log_limits

# Curves nearer to each other than this share of a log axis coincide in print.
_APART = 0.012
VANISHING_NORM, EXPLODING_NORM, USUAL_UPDATE_RATIO = 1e-7, 100.0, 1e-3


def gradient_norms(rows: Rows, directory: str | Path, second_order: bool = False) -> Path:
    """Draw the gradient norm before clipping and the update-to-weight ratio of every layer.

    Solid: mean over the epoch; faint: maximum, if it differs. Layers whose curves coincide share one line,
    which is labelled with all their names. Rows without layers show the norm of all parameters together.
    The size of a Gauss-Newton step is not proportional to the gradient's: for a `second_order` method the
    thresholds of gradients are not drawn. Writes gradient_norms.png.

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
    limits = () if second_order else ((VANISHING_NORM, "vanishing"), (EXPLODING_NORM, "exploding"))
    usual = ((USUAL_UPDATE_RATIO, "usual"),)
    panels = (
        (axes[0, 0], means, largest, limits, "gradient norm (loss per unit of weight)"),
        (axes[0, 1], ratios, {}, usual, "norm of update / norm of weights (no unit)"),
    )
    for axis, layers, above, guides, label in panels:
        low, high = log_limits(axis, [*layers.values(), *above.values()])
        ends = _draw_layers(axis, epochs, layers, above, colours)
        for value, name in guides:  # only within two decades of the data
            if low / 100 <= value <= high * 100:
                axis.axhline(value, color=canvas.GREY, lw=1, ls="--")
                ends.append((value, f"{name}, {value:g}", canvas.GREY))
                low, high = min(low, value / 2), max(high, value * 2)
        axis.set_ylim(low, high)
        axis.set_ylabel(label)
        epoch_axis(axis, epochs)
        label_ends(axis, ends)
    differs = any(not _coincide(means.get(name, v), v, 10.0) for name, v in largest.items())
    faint = " (faint: largest)" if differs else ""
    axes[0, 0].set_title(f"mean over the epoch{faint}", loc="left", fontsize=10)
    axes[0, 1].set_title("how far an update moves a layer", loc="left", fontsize=10)
    canvas.set_headline(figure, _gradient_finding(means, largest, second_order))
    return canvas.save(figure, directory, "gradient_norms.png")


def _draw_layers(
    axis: Axes,
    epochs: np.ndarray,
    layers: dict[str, np.ndarray],
    largest: dict[str, np.ndarray],
    colours: dict[str, str],
) -> list[tuple[float, str, str]]:
    """Draw a line for all layers that coincide, and the faint ones that differ from it.

    Returns:
      height, name and colour of the label of every layer; those of one line have its height and colour.
    """
    low, high = axis.get_ylim()
    ends: list[tuple[float, str, str]] = []
    drawn: list[tuple[np.ndarray, float, str]] = []
    faint: list[np.ndarray] = []
    for layer, values in layers.items():
        same = next((d for d in drawn if _coincide(d[0], values, high / low)), None)
        if same is None:
            end = draw_curve(axis, epochs, values, colours[layer])
            same = (values, end, colours[layer])
            drawn.append(same)
        ends.append((same[1], layer, same[2]))
        above = largest.get(layer)
        if above is None or any(_coincide(other, above, high / low) for other in [same[0], *faint]):
            continue
        faint.append(above)
        # The running maximum, since this curve must show spikes.
        draw_curve(axis, epochs, above, same[2], raw=0, summary=np.max, alpha=0.4, lw=1.2)
    for layer in largest.keys() - layers.keys():
        draw_curve(axis, epochs, largest[layer], canvas.GREY, raw=0, summary=np.max, alpha=0.4)
    # Labels of one line follow each other, and the later ones say that they belong to the first.
    order = list(dict.fromkeys(end for end, _, _ in ends))
    ends.sort(key=lambda end: order.index(end[0]))
    return [
        (y, f"= {name}" if i and ends[i - 1][::2] == (y, colour) else name, colour)
        for i, (y, name, colour) in enumerate(ends)
    ]


def _coincide(one: np.ndarray, other: np.ndarray, span: float) -> bool:
    """Return whether two curves look like one on a log axis whose ends have the ratio `span`."""
    known, same = np.isfinite(positive(one)), np.isfinite(positive(other))
    if not known.any() or not np.array_equal(known, same):
        return False
    apart = np.abs(np.log(one[known] / other[known]))
    return bool(apart.max() < _APART * math.log(span))


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
            f"Largest gradient norm {high:.3g} ({high_name}); "
            "Gauss-Newton steps do not follow its size"
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
