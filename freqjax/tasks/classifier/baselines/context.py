"""Features of a window and of its context, for classifiers that have no memory.

Axes: N windows, K features, P features with those of the context.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from freqjax.tasks.classifier.context import Context


def with_context(features: Float[np.ndarray, "N K"], context: Context) -> Float[np.ndarray, "N P"]:
    """Return features beside their means over the windows before, and over those behind, if there are any.

    A mean of nothing is NaN, which is missing. P is K, 2 K or 3 K.

    Args:
      features: of all windows of a part.
      context: of these windows.
    """
    found = [features]
    places = np.arange(context.index.shape[1])
    for side in (places < context.own, places > context.own):
        if side.any():
            found.append(_means(features, context.index[:, side], context.mask[:, side]))
    return np.concatenate(found, axis=1)


def _means(features: np.ndarray, index: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the means of the rows of `index` that are there; a column at a time, which bounds the memory."""
    total = np.zeros_like(features)
    for rows, there in zip(index.T, mask.T, strict=True):
        total[there] += features[rows[there]]
    count = mask.sum(axis=1)
    total[count == 0] = np.nan
    return total / np.maximum(count, 1).astype(features.dtype)[:, None]
