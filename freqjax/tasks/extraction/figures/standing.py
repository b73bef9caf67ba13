"""Figure of the network's error beside those of the baselines and the least possible one."""

import math
from pathlib import Path

import numpy as np

from freqjax.figures import canvas
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

MARKERS = ("D", "^", "s", "v")


def standing(record: EvaluationRecord, baselines: Baselines, directory: str | Path) -> Path:
    """Draw the MSE of each frequency on a line: the network, every baseline, and the least possible.

    If the start is unknown, the first second is left out. Writes standing.png.
    """
    present = present_indices(record)
    figure, axes = canvas.subplots(10, 1.9 + 0.5 * len(present))
    axis, cut = axes[0, 0], slice(baselines.settled, record.targets.shape[1])
    network = np.array([mse_of(record, index, cut) for index in present])
    places = np.arange(len(present))
    others = {
        name: np.array([mse_of(record._replace(outputs=out), i, cut) for i in present])
        for name, out in baselines.outputs.items()
    }
    limit = _limit(baselines, present)
    low, high = log_limits(axis, [network, *others.values(), limit], ZERO_MSE, GOAL_MSE)
    axis.set(yscale="linear", xscale="log", xlim=(low, high), ylim=(len(present) - 0.4, -0.6))
    for (name, mse), marker in zip(others.items(), MARKERS * len(others), strict=False):
        axis.plot(mse, places, marker, color=canvas.GREY, mfc="none", ms=7, label=name)
    unnamed = {"least possible"}
    for place, index in enumerate(present):
        known = math.isfinite(network[place])
        at = max(network[place], low) if known else high
        axis.plot(at, place, "o" if known else "x", color=canvas.colour(index), ms=9,
                  label="network" if place == 0 else None)  # fmt: skip
        if limit[place] > 0:
            axis.plot([limit[place]] * 2, [place - 0.3, place + 0.3], color=canvas.INK, lw=2,
                      label=unnamed.pop() if unnamed else None)  # fmt: skip
    axis.axvline(ZERO_MSE, color=canvas.INK, lw=1, ls="--", zorder=1, label="predicting zero")
    axis.axvline(GOAL_MSE, color=canvas.GREY, lw=1, ls=":", zorder=1, label="goal, 0.01")
    axis.set_yticks(places, [f"{record.frequencies_hz[i]:g} Hz" for i in present])
    axis.set_ylabel("selected")
    when = f" after {baselines.settled / record.sampling_rate_hz:g} s" if baselines.settled else ""
    axis.set_xlabel(f"MSE{when} (no unit)")
    figure.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    canvas.set_headline(figure, _finding(network, limit, others))
    return canvas.save(figure, directory, "standing.png")


def _limit(baselines: Baselines, present: list[int]) -> np.ndarray:
    """Return the least possible MSE [present], nan if unknown."""
    values = baselines.bayes_mse_per_frequency
    return np.array([math.nan if values is None else values[index] for index in present])


def _finding(network: np.ndarray, limit: np.ndarray, others: dict[str, np.ndarray]) -> str:
    mine, least = float(np.mean(network)), float(np.mean(limit))
    if not math.isfinite(mine):
        return "The output is not finite"
    finding = f"Network {number(mine)}"
    if least == 0:
        finding += ", least possible 0 (the start is known)"
    elif math.isfinite(least):
        finding += f", {times(mine / least)} the least possible ({number(least)})"
    if others:
        best = min(others, key=lambda name: float(np.mean(others[name])))
        finding += f"; best baseline: {best}, {number(float(np.mean(others[best])))}"
    return finding
