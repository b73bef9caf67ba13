"""Figure of the network's error beside those of the baselines and the least possible one."""

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas, ticks
from freqjax.figures.lines import log_limits
from freqjax.figures.words import number, times
from freqjax.tasks.extraction.figures.record import (
    GOAL_MSE,
    ZERO_MSE,
    Baselines,
    EvaluationRecord,
    mse_of,
    present_indices,
)

NETWORK, LEAST, ZERO = "network", "least possible", "predicting zero"
# Share of the height of a method that its dots fill, so that no frequency covers another.
_LANES = 0.62
# Decades between the smallest error and the left edge of the axis, where an error of 0 is drawn.
_ROOM = 0.7


def standing(record: EvaluationRecord, baselines: Baselines, directory: str | Path) -> Path:
    """Draw the MSE of every method, best first: a row each, with a dot for every frequency.

    The methods are the network, the baselines, predicting zero, and the least possible error if it is known.
    An error of 0 is drawn at the left edge of the log axis, with words. If the start is unknown, the first
    second is left out. Writes standing.png.
    """
    present = present_indices(record)
    methods = _in_order(_methods(record, baselines, present))
    lane = max(0.34, 0.13 * len(present))
    figure, axes = canvas.subplots(10, 1.7 + (lane + 0.16) * len(methods))
    axis = axes[0, 0]
    low, high = log_limits(axis, list(methods.values()), ZERO_MSE, GOAL_MSE)
    edge = low / 10**_ROOM
    axis.set(yscale="linear", xscale="log", xlim=(edge, high), ylim=(len(methods) - 0.4, -0.6))
    ticks.decades(axis.xaxis)
    for place, (name, mse) in enumerate(methods.items()):
        _draw_method(axis, place, mse, present, edge, high)
        axis.annotate(
            _mean(mse), (1.0, place), (8, 0), xycoords=("axes fraction", "data"), fontsize=9,
            textcoords="offset points", va="center", annotation_clip=False, color=canvas.INK,
            fontweight="bold" if name == NETWORK else "normal",
        )  # fmt: skip
    axis.axvline(ZERO_MSE, color=canvas.INK, lw=1, ls="--", zorder=1)
    axis.axvline(GOAL_MSE, color=canvas.GREY, lw=1, ls=":", zorder=1)
    for index in present:
        name, colour = f"{record.frequencies_hz[index]:g} Hz", canvas.colour(index)
        axis.plot([], [], "o", color=colour, ms=7, label=name)
    axis.plot([], [], color=canvas.GREY, lw=1, ls=":", label=f"goal, {GOAL_MSE:g}")
    axis.plot([], [], color=canvas.INK, lw=1, ls="--", label=f"{ZERO}, {ZERO_MSE:g}")
    axis.set_yticks(range(len(methods)), list(methods))
    axis.set_ylabel("method, best first")
    when = f" after {baselines.settled / record.sampling_rate_hz:g} s" if baselines.settled else ""
    axis.set_xlabel(f"MSE{when} (no unit); right: mean over the frequencies")
    figure.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    canvas.set_headline(figure, _finding(methods))
    return canvas.save(figure, directory, "standing.png")


def _methods(
    record: EvaluationRecord, baselines: Baselines, present: list[int]
) -> dict[str, np.ndarray]:
    """Return the MSE [present] of every method, nan where it is not finite."""
    cut = slice(baselines.settled, record.targets.shape[1])

    def errors(outputs: np.ndarray) -> np.ndarray:
        return np.array([mse_of(record._replace(outputs=outputs), i, cut) for i in present])

    found = {NETWORK: errors(record.outputs)}
    found |= {name: errors(outputs) for name, outputs in baselines.outputs.items()}
    found[ZERO] = errors(np.zeros_like(record.targets))
    limits = baselines.bayes_mse_per_frequency
    if limits is not None:
        found[LEAST] = np.array([float(limits[index]) for index in present])
    return found


def _in_order(methods: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sort the methods by their mean MSE; those that are not finite come last."""

    def mean(name: str) -> float:
        value = float(np.mean(methods[name]))
        return value if math.isfinite(value) else math.inf

    return {name: methods[name] for name in sorted(methods, key=mean)}


def _draw_method(
    axis: Axes, place: int, mse: np.ndarray, present: list[int], edge: float, high: float
) -> None:
    """Draw a dot for every frequency in its lane; an error of 0 is at the left edge, with words."""
    lanes = place + _LANES * ((np.arange(len(present)) + 0.5) / len(present) - 0.5)
    for lane, index, value in zip(lanes, present, mse, strict=True):
        marker, at = ("o", max(float(value), edge)) if value > 0 else ("<", edge)
        if not math.isfinite(value):
            marker, at = "x", high
        axis.plot(at, lane, marker, color=canvas.colour(index), ms=7, mew=2, clip_on=False)
    if (mse == 0).any():
        which = "0" if (mse == 0).all() else "0 at some frequencies"
        axis.annotate(
            f"{which}, left of every log axis", (edge, place), (9, 0), fontsize=9,
            textcoords="offset points", va="center", color=canvas.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )  # fmt: skip


def _mean(mse: np.ndarray) -> str:
    mean = float(np.mean(mse))
    return "0" if mean == 0 else number(mean)


def _finding(methods: dict[str, np.ndarray]) -> str:
    mine = float(np.mean(methods[NETWORK]))
    if not math.isfinite(mine):
        return "The output is not finite"
    finding = f"Network {number(mine)}"
    least = float(np.mean(methods[LEAST])) if LEAST in methods else math.nan
    if least == 0:
        finding += ", least possible 0 (the start is known)"
    elif math.isfinite(least):
        finding += f", {times(mine / least)} the least possible ({number(least)})"
    others = [name for name in methods if name not in (NETWORK, LEAST, ZERO)]
    if others:
        finding += f"; best baseline: {others[0]}, {number(float(np.mean(methods[others[0]])))}"
    return finding
