"""Figure of the distribution of the network's errors."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas, ticks
from freqjax.tasks.extraction.figures.findings import distribution_finding
from freqjax.tasks.extraction.figures.record import GOAL_MSE, EvaluationRecord, present_indices

# Errors beyond this many times the bound of 95 % of them are not on the axis, but counted in words: a few
# large ones would make a spike of all others.
_SPREAD = 4.0
_FEWEST_BINS, _MOST_BINS = 15, 81
# 95 % of a normal distribution lie within this many standard deviations.
_NORMAL_95 = 1.96


class _Errors(NamedTuple):
    """Errors of one frequency, and the axis that shows their shape.

    Attributes:
      values: [N] the finite errors.
      within: bound of 95 % of their sizes.
      edges: [bins + 1] of the histogram, symmetrical about 0.
    """

    values: np.ndarray
    within: float
    edges: np.ndarray


def error_distribution(record: EvaluationRecord, directory: str | Path) -> Path:
    """Draw the density of output − target for each frequency, on an axis as wide as its own errors.

    Outlines: the normal density of the errors of a network that just reaches the goal, of the least possible
    error if it is known and not 0, and the density of predicting zero, whose error is a sine:
    1 / (π √(1 − e²)). Writes error_distribution.png.
    """
    present = present_indices(record)
    figure, axes = canvas.grid(len(present), 2.9)
    within: dict[str, float] = {}
    for axis, index in zip(axes, present, strict=True):
        name, outputs = (
            f"{record.frequencies_hz[index]:g} Hz",
            record.outputs[record.selected == index],
        )
        errors = _errors(outputs.astype(np.float64) - record.targets[record.selected == index])
        if errors is not None:
            within[name] = errors.within
            _draw_density(axis, errors, canvas.colour(index))
            _draw_references(axis, errors, _least(record, index))
        bound = "no finite output" if errors is None else f"95 % within ±{errors.within:.2g}"
        axis.set_title(f"{name}: {bound}", loc="left", fontsize=10)
        # The power of an axis below would touch its label.
        ticks.whole(axis.xaxis)
        ticks.powers(axis.yaxis)
        canvas.say_not_finite(axis, outputs)
    canvas.outer_labels(axes, "output − target (target peak = 1)", "density (per unit)")
    named = max((axis.get_legend_handles_labels() for axis in axes), key=lambda pair: len(pair[0]))
    if named[0]:
        figure.legend(*named, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    canvas.set_headline(figure, distribution_finding(within, _NORMAL_95 * math.sqrt(GOAL_MSE)))
    return canvas.save(figure, directory, "error_distribution.png")


def _errors(found: np.ndarray) -> _Errors | None:
    """Choose the axis of the finite errors among `found`; None if there are none."""
    values = found[np.isfinite(found)]
    if not values.size:
        return None
    sizes = np.abs(values)
    within = float(np.quantile(sizes, 0.95))
    reach = 1.05 * float(min(sizes.max(), _SPREAD * within) or sizes.max()) or 1.0
    bins = int(np.clip(2.5 * values.size ** (1 / 3), _FEWEST_BINS, _MOST_BINS)) // 2 * 2 + 1
    return _Errors(values, within, np.linspace(-reach, reach, bins + 1))


def _draw_density(axis: Axes, errors: _Errors, colour: str) -> None:
    """Draw the histogram, and say which share of the errors is beyond the axis."""
    counts, edges = np.histogram(errors.values, errors.edges)[0], errors.edges
    density = counts / np.diff(edges) / errors.values.size
    axis.stairs(density, edges, fill=True, color=colour, alpha=0.8, label="network")
    axis.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.15 * float(density.max())))
    beyond = 1 - counts.sum() / errors.values.size
    if beyond > 0:
        axis.text(
            0.98, 0.97, f"{100 * beyond:.2g} % beyond", fontsize=8, ha="right", va="top",
            transform=axis.transAxes,
        )  # fmt: skip


def _draw_references(axis: Axes, errors: _Errors, least: float | None) -> None:
    """Draw the densities of other errors over the same bins, none higher than twice the network's own."""
    edges, top = errors.edges, axis.get_ylim()[1]
    zero = np.diff(np.arcsin(np.clip(edges, -1, 1))) / np.diff(edges) / np.pi
    outlines = [
        (f"a network at the goal, MSE {GOAL_MSE:g}", _normal(edges, GOAL_MSE), canvas.INK, "-"),
        ("predicting zero", zero, canvas.GREY, "--"),
    ]
    if least is not None and 0 < least < GOAL_MSE / 2:
        outlines.append(("least possible error", _normal(edges, least), canvas.GREY, ":"))
    for name, density, colour, style in outlines:
        axis.stairs(density, edges, baseline=None, color=colour, lw=1.4, ls=style, label=name)
        top = max(top, min(1.1 * float(density.max()), 2 * axis.get_ylim()[1]))
    axis.set_ylim(0, top)


def _normal(edges: np.ndarray, variance: float) -> np.ndarray:
    """Return the mean density of a normal distribution about 0 in each bin."""
    below = np.array([math.erf(edge / math.sqrt(2 * variance)) / 2 for edge in edges])
    return np.diff(below) / np.diff(edges)


def _least(record: EvaluationRecord, index: int) -> float | None:
    """Return the least possible MSE of a frequency, None if it is unknown."""
    limits = None if record.baselines is None else record.baselines.bayes_mse_per_frequency
    return None if limits is None else float(limits[index])
