"""Figure of the cosine at each position of a sequence."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from matplotlib.ticker import MaxNLocator

from freqjax.figures import canvas
from freqjax.figures.lines import label_ends
from freqjax.figures.words import number
from freqjax.tasks.autoencoder.figures.record import Record, cosines
from freqjax.tasks.autoencoder.judged import difference

# Positions that are marked one by one.
_FEW = 30


class ByPosition(NamedTuple):
    """Mean cosine at each position.

    Attributes:
      mean: [T]; NaN where nothing is known.
      error: [T], its standard error over groups; NaN with fewer than two groups.
      count: [T], sequences that have a vector there.
    """

    mean: Float[np.ndarray, " T"]
    error: Float[np.ndarray, " T"]
    count: Int[np.ndarray, " T"]


def by_position(each: Float[np.ndarray, "N T"], groups: Int[np.ndarray, " N"]) -> ByPosition:
    """Return mean and standard error over groups of the cosines that are not NaN at each position."""
    samples = each.shape[1]
    mean, error = np.full(samples, np.nan), np.full(samples, np.nan)
    known = np.isfinite(each)
    for t in np.flatnonzero(known.any(axis=0)):
        values = each[known[:, t], t]
        zeros, ones = np.zeros(len(values)), np.ones(len(values), np.int64)
        found = difference(values, zeros, ones, groups[known[:, t]])
        mean[t], error[t] = found.mean, np.nan if found.error is None else found.error
    return ByPosition(mean, error, known.sum(axis=0))


def cosine_by_position(record: Record, folder: Path) -> Path:
    """Draw the mean cosine at each position beside other methods, and how many sequences are so long."""
    test = record.dataset.test
    found = by_position(cosines(record.outputs, test), test.group)
    figure, axes = canvas.subplots(8.5, 5.2, 2, 1, sharex=True, height_ratios=(3.2, 1))
    axis, below = axes[:, 0]
    times = np.arange(1, test.mask.shape[1] + 1)
    marker = "o" if len(times) <= _FEW else None
    ends = []
    for index, (name, outputs) in enumerate(record.others.items()):
        shade = canvas.colour(index)
        mean = by_position(cosines(outputs, test), test.group).mean
        axis.plot(times, mean, color=shade, lw=1.4, marker=marker, ms=3)
        ends.append((_last(mean), name, shade))
    known = np.isfinite(found.error)
    low, high = found.mean - found.error, found.mean + found.error
    axis.fill_between(times, low, high, where=known, color=canvas.INK, alpha=0.18, lw=0)
    axis.plot(times, found.mean, color=canvas.INK, lw=2.2, marker=marker, ms=4)
    ends.append((_last(found.mean), "network", canvas.INK))
    axis.set_ylabel("mean cosine (no unit)")
    if known.any():
        axis.set_title("shade: standard error over groups", loc="left", fontsize=10)
    axis.set_xlim(0.5, len(times) + 0.5)
    if not np.isfinite(found.mean).any():
        canvas.say_not_finite(axis, record.outputs[test.mask])
    label_ends(axis, ends)
    below.bar(times, test.mask.sum(axis=0), width=0.9, color=canvas.PALE)
    below.set_ylabel("sequences")
    below.set_xlabel("position in the sequence (vectors)")
    below.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    below.yaxis.set_major_locator(MaxNLocator(3, integer=True, min_n_ticks=1))
    canvas.set_headline(figure, _finding(found))
    return canvas.save(figure, folder, "cosine_by_position.png")


def _last(values: Float[np.ndarray, " T"]) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else float("nan")


def _finding(found: ByPosition) -> str:
    known = np.flatnonzero(np.isfinite(found.mean))
    if not len(known):
        return "The output is not finite: it has no cosine"
    first, last = known[0], known[-1]
    said = f"Test cosine {number(float(found.mean[first]))} at position {first + 1}"
    if first == last:
        return said
    best = known[np.argmax(found.mean[known])]
    said += f", {number(float(found.mean[last]))} at position {last + 1}"
    return f"{said}; highest: {number(float(found.mean[best]))} at position {best + 1}"
