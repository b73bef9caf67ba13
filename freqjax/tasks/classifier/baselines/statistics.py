"""Summary statistics of each channel over what is present of it: what a classifier without a network sees.

They know the distribution of a channel's values and the size of its steps, and not their order.
Axes: N rows, T samples, F channels, K features.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

# Quantiles: least, quartiles and largest.
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def summary_statistics(
    signals: Float[np.ndarray, "N T F"], mask: Bool[np.ndarray, "N T F"]
) -> Float[np.ndarray, "N K"]:
    """Compute the statistics of each channel: K = 9 F, those of one channel side by side.

    They are mean, standard deviation, minimum, quartiles, maximum, step (the root of the mean square of
    differences between samples that follow each other and are both present) and the share of samples that are
    present. A statistic of nothing is NaN.

    Args:
      signals: values where `mask` is False do not matter; they may be NaN.
      mask: which values are present.
    """
    count = mask.sum(axis=1)
    some = np.where(count > 0, count, np.nan)
    values = np.where(mask, signals, 0).astype(np.float64)
    mean = values.sum(axis=1) / some
    centred = np.where(mask, values - mean[:, None], 0)
    deviation = np.sqrt(np.sum(centred**2, axis=1) / some)
    both = mask[:, 1:] & mask[:, :-1]
    pairs = both.sum(axis=1)
    steps = np.where(both, np.diff(values, axis=1), 0)
    step = np.sqrt(np.sum(steps**2, axis=1) / np.where(pairs > 0, pairs, np.nan))
    quantiles = _quantiles(np.where(mask, values, np.inf), count)
    found = [mean, deviation, *quantiles, step, mask.mean(axis=1)]
    return np.stack(found, axis=2).reshape(len(signals), -1)


def _quantiles(values: np.ndarray, count: np.ndarray) -> list[np.ndarray]:
    """Return the quantiles [N, F] of values [N, T, F] that are infinite where absent; NaN of nothing.

    They lie on the line between the two nearest ranks, as NumPy's do by default. All rows are sorted at
    once: `np.nanquantile` takes them one by one.
    """
    ranked = np.sort(values, axis=1)
    last = np.maximum(count - 1, 0)
    found = []
    for quantile in _QUANTILES:
        place = quantile * last
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, last)
        below = np.take_along_axis(ranked, low[:, None], axis=1)[:, 0]
        above = np.take_along_axis(ranked, high[:, None], axis=1)[:, 0]
        there = count > 0
        below, above = np.where(there, below, np.nan), np.where(there, above, np.nan)
        found.append(below + (place - low) * (above - below))
    return found
