"""Level of a signal that arrives in chunks, in constant memory.

A recording may hold long silences and a few loud events, and neither should decide the gain. The power of
short blocks is sorted into bins of 1 dB. Blocks of zeros do not count. The reference is the power that 5 % of
the others exceed; the level is the rms of all blocks from 20 dB below it to 10 dB above it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

# Share of the blocks above the reference: fewer loud ones do not move it, nor do silences of up to the rest.
_ABOVE = 0.05
# Blocks within this range about the reference count, dB.
_BELOW_DB, _ABOVE_DB = 20, 10
# Periods of the slowest component in a block, so that its power does not depend on the phase.
_PERIODS = 4
_FEWEST = 256


class Level:
    """Powers of the blocks of a signal."""

    def __init__(self, slowest_hz: float, sampling_rate: float) -> None:
        """Choose blocks for components from `slowest_hz` on, of a signal at `sampling_rate`, both Hz."""
        self._block = max(_FEWEST, round(_PERIODS * sampling_rate / slowest_hz))
        self._bins: dict[int, tuple[int, float]] = {}
        self._held, self._sum = 0, 0.0
        self._total: complex = 0.0
        self._samples = 0

    @property
    def mean(self) -> complex:
        """Return the mean of all samples so far; complex of I/Q."""
        return self._total / max(self._samples, 1)

    def add(self, samples: Inexact[np.ndarray, " n"]) -> None:
        """Add the next samples [n]."""
        self._total += np.sum(samples, dtype=np.result_type(samples, np.float64)).item()
        self._samples += len(samples)
        while len(samples):
            part = samples[: self._block - self._held]
            samples = samples[len(part) :]
            self._sum += float(np.sum(np.square(np.abs(part), dtype=np.float64)))
            self._held += len(part)
            if self._held == self._block:
                _count(self._bins, self._sum / self._block)
                self._held, self._sum = 0, 0.0

    def value(self) -> float:
        """Return the level; 0 if all samples were zero."""
        bins = dict(self._bins)
        # The incomplete block at the end counts if it is half of one, or all that there is.
        if self._held and (2 * self._held >= self._block or not bins):
            _count(bins, self._sum / self._held)
        if not bins:
            return 0.0
        most = _ABOVE * sum(count for count, _ in bins.values())
        above, reference = 0, max(bins)
        for reference in sorted(bins, reverse=True):
            above += bins[reference][0]
            if above > most:
                break
        kept = [
            found
            for decibels, found in bins.items()
            if reference - _BELOW_DB <= decibels <= reference + _ABOVE_DB
        ]
        return float(np.sqrt(sum(power for _, power in kept) / sum(count for count, _ in kept)))


def _count(bins: dict[int, tuple[int, float]], power: float) -> None:
    """Count a block of a power in its bin of 1 dB: number of blocks, sum of their powers."""
    if power > 0:
        decibels = int(np.floor(10 * np.log10(power)))
        count, total = bins.get(decibels, (0, 0.0))
        bins[decibels] = (count + 1, total + power)
