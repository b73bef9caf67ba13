"""Figure of rotors: natural frequencies of pairs of units, or of complex units, before and after training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas, ticks

# |f − line| / line: a pair that ends nearer than this may produce the line. Its frequency is that of small
# oscillations; tanh makes large ones slower by some percent.
AT_LINE = 0.15
# Name of the speed of pairs, and a remark on it.
_OF_PAIRS = "frequency of small oscillations", "; tanh slows large ones"
ROW_SHARE = 0.72  # share of a row's height that its pairs fill


def rotors(
    before_hz: np.ndarray,
    after_hz: np.ndarray,
    owner: np.ndarray,
    frequencies_hz: Sequence[float],
    directory: str | Path,
    *,
    linear: bool = False,
) -> Path:
    """Draw the natural frequency of every pair of units before (open) and after training (filled).

    Each selector has a row, with its pairs from slow to fast; a last row holds the pairs of no selector.
    Pairs that end near their selector's line are emphasised.

    Args:
      before_hz: [P] natural frequencies before training, Hz; pairs whose frequency is not positive
        before and after are not drawn but counted in the title of the row.
      after_hz: [P] after training, Hz.
      owner: [P] int, index into frequencies_hz of the selector that opens the pair, or -1.
      frequencies_hz: [F] the task's lines, Hz.
      directory: the folder of rotors.png.
      linear: whether the arrays are of complex units of a linear recurrence, which no tanh slows, and not of
        pairs.

    Raises:
      ValueError: if the arrays are not all [P] with P ≥ 1, or an owner is not in -1 … F - 1.
    """
    pairs, lines = _Pairs.of(before_hz, after_hz, owner, len(frequencies_hz)), list(frequencies_hz)
    rows = [*range(len(lines)), *([-1] if (pairs.owner == -1).any() else [])]
    figure, axes = canvas.subplots(10, 0.9 + max(2.2, 1.25 * len(rows)), len(rows), 1, sharex=True)
    kind = "unit" if linear else "pair"
    found = sum(
        _draw_row(axis, pairs, lines, row, kind) > 0
        for axis, row in zip(axes[:, 0], rows, strict=True)
    )
    shown = np.concatenate([pairs.before[pairs.drawn], pairs.after[pairs.drawn], lines])
    axes[0, 0].set(xscale="log", xlim=(shown.min() / 1.25, shown.max() * 1.25))
    ticks.steps(axes[-1, 0].xaxis)
    what, limit = ("frequency", "") if linear else _OF_PAIRS
    axes[-1, 0].set_xlabel(f"{what} (Hz): before training ○ → after ●{limit}")
    figure.supylabel(f"{kind}s of a selector, slow to fast", fontsize=10)
    finding = (
        f"{found} of {len(lines)} lines have a {kind} within {100 * AT_LINE:g} % after training"
    )
    canvas.set_headline(figure, f"{finding} ({_counted(pairs.before.size, kind)})")
    return canvas.save(figure, directory, "rotors.png")


class _Pairs(NamedTuple):
    """Natural frequencies of P pairs, Hz, and the selector that opens each.

    Attributes:
      before: [P], before training.
      after: [P], after training.
      owner: [P] int, index of the selector, or -1.
    """

    before: np.ndarray
    after: np.ndarray
    owner: np.ndarray

    @staticmethod
    def of(before_hz: np.ndarray, after_hz: np.ndarray, owner: np.ndarray, lines: int) -> _Pairs:
        """Check the arrays of pairs of so many lines.

        Raises:
          ValueError: as `rotors`.
        """
        before, after = np.asarray(before_hz, np.float64), np.asarray(after_hz, np.float64)
        owner = np.asarray(owner)
        if before.ndim != 1 or not before.size or not before.shape == after.shape == owner.shape:
            shapes = f"{before.shape}, {after.shape} and {owner.shape}"
            raise ValueError(
                f"before_hz, after_hz and owner must all be [P] with P ≥ 1, got {shapes}"
            )
        if owner.min() < -1 or owner.max() >= lines:
            raise ValueError(
                f"owner must be in -1 … {lines - 1}, got {sorted(set(owner.tolist()))}"
            )
        return _Pairs(before, after, owner)

    @property
    def drawn(self) -> np.ndarray:
        """Flags of the pairs that turn both before and after: [P]."""
        there = np.isfinite(self.before) & np.isfinite(self.after)
        return there & (self.before > 0) & (self.after > 0)


def _draw_row(axis: Axes, pairs: _Pairs, lines: Sequence[float], row: int, kind: str) -> int:
    """Draw all lines and the pairs of one row, and return how many end at its line."""
    for index, line_hz in enumerate(lines):
        own = index == row
        style = {"color": canvas.colour(index), "alpha": 1.0 if own else 0.5}
        axis.axvline(line_hz, lw=1.6 if own else 1, ls="-" if own else ":", zorder=1, **style)
    line_hz = lines[row] if row >= 0 else math.nan
    of_row = pairs.owner == row
    mine = of_row & pairs.drawn
    at_line = _draw_pairs(axis, pairs.before[mine], pairs.after[mine], line_hz, row)
    title = _row_finding(line_hz, pairs.after[mine], at_line, kind)
    hidden = int(np.sum(of_row & ~pairs.drawn))
    title += f"; {hidden} without rotation, not drawn" if hidden else ""
    axis.set_title(title, loc="left", fontsize=10)
    return at_line


def _draw_pairs(axis: Axes, before: np.ndarray, after: np.ndarray, line_hz: float, row: int) -> int:
    """Draw the pairs of one row, and return how many end at its line."""
    colour = canvas.colour(row) if row >= 0 else canvas.GREY
    axis.set(yticks=[], ylim=(1, 0))
    axis.spines["left"].set_visible(False)
    at_line = np.abs(after - line_hz) <= AT_LINE * line_hz  # all False if the line is nan
    heights = 0.5 + ROW_SHARE * ((np.arange(before.size) + 0.5) / max(1, before.size) - 0.5)
    for height, i in zip(heights, np.argsort(before, kind="stable"), strict=True):
        strong = bool(at_line[i])
        style = {"color": colour, "alpha": 1.0 if strong else 0.45}
        axis.annotate(
            "", (after[i], height), (before[i], height),
            arrowprops=style | {"arrowstyle": "->", "lw": 2.0 if strong else 0.9, "shrinkA": 0,
                                "shrinkB": 0, "mutation_scale": 10 if strong else 7},
        )  # fmt: skip
        axis.plot(after[i], height, "o", ms=8 if strong else 3.5, zorder=4, **style)
        # On top, since a pair that began at the line hardly moves.
        axis.plot(before[i], height, "o", mfc="white", ms=5 if strong else 3.5, zorder=5, **style)
    return int(at_line.sum())


def _counted(number: int, kind: str) -> str:
    return f"{number} {kind}" if number == 1 else f"{number} {kind}s"


def _row_finding(line_hz: float, after: np.ndarray, at_line: int, kind: str) -> str:
    """Describe a row, as in '3 Hz: 1 of 8 pairs near the line, nearest 3.001 Hz'."""
    counted = _counted(after.size, kind)
    if math.isnan(line_hz):
        return f"no selector: {counted}"
    if not after.size:
        return f"{line_hz:g} Hz: no {kind}"
    nearest = float(after[np.argmin(np.abs(after - line_hz))])
    return f"{line_hz:g} Hz: {at_line} of {counted} near the line, nearest {nearest:.4g} Hz"
