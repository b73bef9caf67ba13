"""Checks of the targets: steady sines of the selected frequency, the same in the training and the test rows.

What is wrong is named: by how many samples they come late, how much larger or offset they are, which
frequency they have, whose selector was exchanged, which rows lie off.
Axes: B blocks, T samples, G selectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from freqjax.tasks.batch import Batch
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.text import number

# Allowed differences between a selector's training and test targets in phase, rad, and amplitude: either
# contributes about half the goal to the MSE. So does an offset of this share of the amplitude.
PHASE, SCALE, OFFSET = 0.1, 0.1, 0.1
# A fit that leaves less than this share of the power is of a sine.
_SINE = 0.01
# Frequencies that differ by fewer cycles a block are the same.
_SAME_CYCLES = 0.05
# Rows whose distance from the sine is so many times the usual one lie off; so many may, or it is no sine.
_OFF, _MOST_OFF = 8.0, 0.3
# Phases that agree with a delay this well, rad, are explained by it.
_EXPLAINED = 0.05


class Fit(NamedTuple):
    """Least-squares sines of one frequency; B blocks.

    Attributes:
      phasors: [B] complex, A exp(iφ) of A sin(ωn + φ).
      offsets: [B].
      left: [B] mean square of what is left.
      power: [B] mean square about the mean.
    """

    phasors: np.ndarray
    offsets: np.ndarray
    left: np.ndarray
    power: np.ndarray


def fit_sines(targets: np.ndarray, cycles: float) -> Fit:
    """Fit a sine and a constant to every block [B, T] at a frequency in cycles per sample."""
    weights = np.linalg.lstsq(_basis(targets.shape[1], cycles), targets.T, rcond=None)[0]
    left = targets.T - _basis(targets.shape[1], cycles) @ weights
    return Fit(
        weights[0] + 1j * weights[1], weights[2], np.mean(left**2, axis=0), targets.var(axis=1)
    )


def targets_of(blocks: Batch, group: int) -> np.ndarray:
    """Return the targets [B, T] of a selector, float64."""
    return np.asarray(blocks.targets[..., 0], np.float64)[_blocks_of(blocks, group)]


def _blocks_of(blocks: Batch, group: int) -> np.ndarray:
    """Return the places of the blocks of a selector."""
    return np.flatnonzero(np.asarray(blocks.group) == group)


def cycles_of(config: ExtractionConfig, group: int) -> float:
    """Return the frequency of a selector in cycles per sample."""
    return config.frequencies[group] / config.sampling_rate


def actual_cycles(targets: np.ndarray) -> float | None:
    """Return the frequency of all blocks [B, T] in cycles per sample; None where they have no single one."""
    samples = targets.shape[1]
    grid = np.arange(0.25, samples / 2, 0.25) / samples
    left = [_share_left(targets, cycles) for cycles in grid]
    place = int(np.argmin(left))
    low, high = (grid[min(max(place + step, 0), len(grid) - 1)] for step in (-1, 1))
    for _ in range(40):  # golden section: the share has one minimum between neighbours of the grid
        a, b = high - 0.618 * (high - low), low + 0.618 * (high - low)
        if _share_left(targets, a) < _share_left(targets, b):
            high = b
        else:
            low = a
    best = (low + high) / 2
    return float(best) if _share_left(targets, best) < _SINE else None


def _share_left(targets: np.ndarray, cycles: float) -> float:
    fit = fit_sines(targets, cycles)
    return float(fit.left.sum() / max(fit.power.sum(), 1e-30))


def _basis(samples: int, cycles: float) -> np.ndarray:
    angle = 2 * np.pi * cycles * np.arange(samples)
    return np.stack([np.sin(angle), np.cos(angle), np.ones(samples)], axis=1)


def unsteady(config: ExtractionConfig, blocks: Batch, where: str, most: float) -> list[str]:
    """Name the selectors whose targets are not sines of their frequency, by an MSE above `most`, and why."""
    found = []
    for group, frequency in enumerate(config.frequencies):
        targets = targets_of(blocks, group)
        left = residual(config, blocks, group)
        if left <= most:
            continue
        said = f"the {where} targets of {frequency:g} Hz"
        held = _held(targets)
        off = (
            "" if held else _rows_off(targets, cycles_of(config, group), _blocks_of(blocks, group))
        )
        actual = None if off else actual_cycles(targets)
        if off:
            found.append(f"{said} have {off}")
        elif actual is not None and _differs(config, actual, group):
            found.append(f"{said} are sines of {_whose(config, actual, group)}")
        else:
            found.append(
                f"{said} are not steady sines: the best fit has an MSE of {number(left)}{held}"
            )
    return found


def residual(config: ExtractionConfig, blocks: Batch, group: int) -> float:
    """Return the MSE of the best sine of a selector's frequency in the worst of its blocks."""
    return float(fit_sines(targets_of(blocks, group), cycles_of(config, group)).left.max())


def _differs(config: ExtractionConfig, cycles: float, group: int) -> bool:
    return abs(cycles - cycles_of(config, group)) * config.samples > _SAME_CYCLES


def _whose(config: ExtractionConfig, cycles: float, group: int) -> str:
    """Name a frequency: that of another selector, or a number."""
    for other, frequency in enumerate(config.frequencies):
        if other != group and not _differs(config, cycles, other):
            return f"{frequency:g} Hz: the selectors are exchanged"
    return f"{cycles * config.sampling_rate:.4g} Hz"


def _rows_off(targets: np.ndarray, cycles: float, blocks: np.ndarray) -> str:
    """Name the rows that lie off an otherwise steady sine; empty where there are none, or too many.

    `blocks` [B] are the numbers of the blocks in their file, from 0.
    """
    basis, count, first = _basis(targets.shape[1], cycles), 0, ""
    for block, row in zip(blocks, targets, strict=True):
        weights, distance = np.ones(len(row)), np.abs(row)
        for _ in range(15):  # least absolute deviations, by reweighting
            root = np.sqrt(weights)[:, None]
            fitted = np.linalg.lstsq(root * basis, root[:, 0] * row, rcond=None)[0]
            distance = np.abs(row - basis @ fitted)
            weights = 1 / np.maximum(distance, 1e-6)
        off = distance > np.float64(
            max(_OFF * float(np.median(distance)), 1e-3 * float(np.abs(row).max()))
        )
        if off.mean() > _MOST_OFF:
            return ""
        if off.any() and not first:
            at = int(np.argmax(off))
            first = f"the first in block {block + 1}, sample {at + 1} ({row[at]:.3g})"
        count += int(off.sum())
    return f"{count} row{'s' if count > 1 else ''} off the sine, {first}" if count else ""


def _held(targets: np.ndarray) -> str:
    """Tell for how long targets stand still; empty where they do not."""
    still = np.diff(targets, axis=1) == 0
    longest = max((_longest(row) for row in still), default=0)
    return f", and they stand still for {longest + 1} samples" if longest > 2 else ""


def _longest(flags: np.ndarray) -> int:
    longest = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        longest = max(longest, run)
    return longest


class Disagreement(NamedTuple):
    """Differences between the training and the test targets; G selectors.

    Attributes:
      phases: [G] rad, by which the training targets lead; zeros where the start is not known.
      scales: [G] their amplitude / that of the test targets.
      offsets: [G] the larger offset of the two, as a share of the amplitude.
    """

    phases: np.ndarray
    scales: np.ndarray
    offsets: np.ndarray

    @property
    def phase(self) -> float:
        """The largest difference in phase, rad."""
        return float(np.abs(self.phases).max())

    @property
    def scale(self) -> float:
        """The largest difference in amplitude, as a share."""
        return float(np.abs(self.scales - 1).max())

    @property
    def offset(self) -> float:
        """The largest offset in size, as a share of the amplitude, with its sign."""
        return float(self.offsets[np.abs(self.offsets).argmax()])


def disagreement(config: ExtractionConfig, train: Batch, test: Batch) -> Disagreement:
    """Compare the training with the test targets of every selector."""
    phases, scales, offsets = [], [], []
    for group in range(len(config.frequencies)):
        ours, theirs = (
            fit_sines(targets_of(blocks, group), cycles_of(config, group))
            for blocks in (train, test)
        )
        sizes = [max(float(np.abs(fit.phasors).mean()), 1e-9) for fit in (ours, theirs)]
        scales.append(sizes[0] / sizes[1])
        shifts = [
            float(fit.offsets.mean()) / size
            for fit, size in zip((ours, theirs), sizes, strict=True)
        ]
        offsets.append(max(shifts, key=abs))
        known = config.start == "zero"
        phases.append(float(np.angle(ours.phasors[0] / theirs.phasors[0])) if known else 0.0)
    return Disagreement(np.array(phases), np.array(scales), np.array(offsets))


def name_phases(config: ExtractionConfig, phases: np.ndarray, groups: Sequence[int]) -> str | None:
    """Name phases by which sines lead: "the other sign", or "7 samples early"; None where neither fits.

    Args:
      config: frequencies and rate.
      phases: [N] rad.
      groups: [N] the selector of each.
    """
    if (np.abs(np.abs(phases) - np.pi) < PHASE).all():
        return "have the other sign"
    omega = 2 * np.pi * np.array([cycles_of(config, g) for g in groups])
    shifts = np.arange(-(config.samples - 1), config.samples)
    shifts = shifts[np.argsort(np.abs(shifts), kind="stable")]
    off = np.abs(np.angle(np.exp(1j * (phases[:, None] - omega[:, None] * shifts)))).max(axis=0)
    best = int(shifts[np.argmax(off < max(_EXPLAINED, 1.05 * off.min()))])
    if off.min() > _EXPLAINED + float(omega.max()) / 2 or best == 0:
        return None
    plural = "s" if abs(best) > 1 else ""
    return f"come {abs(best)} sample{plural} {'early' if best > 0 else 'late'}"
