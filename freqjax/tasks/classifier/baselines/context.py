"""Features of the rows around a row, beside its own: windows of one recording that come before or after it.

Axes: N rows, W rows around, K features.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def neighbours(
    recordings: Int[np.ndarray, " N"], before: int, after: int = 0
) -> Int[np.ndarray, "N W"]:
    """Return the numbers of the W = before + after rows around each row; −1 where the recording has none.

    Args:
      recordings: of each row; the rows of one are in their order in time, with others between them or not.
      before: how many earlier rows, the nearest first.
      after: how many later ones, the nearest first; 0 for a context that is causal.
    """
    order = np.argsort(recordings, kind="stable")
    ranked = recordings[order]
    offsets = np.concatenate([-np.arange(1, before + 1), np.arange(1, after + 1)]).astype(np.int64)
    places = np.arange(len(order))[:, None] + offsets[None]
    inside = np.clip(places, 0, len(order) - 1)
    same = (places == inside) & (ranked[inside] == ranked[:, None])
    found = np.empty(places.shape, np.int64)
    found[order] = np.where(same, order[inside], -1)
    return found


def gathered(
    features: Float[np.ndarray, "N K"], rows: Int[np.ndarray, "N W"]
) -> Float[np.ndarray, "N W K"]:
    """Return the features of the rows around each row; NaN, which is missing, for row −1."""
    found = features[np.maximum(rows, 0)]
    found[rows < 0] = np.nan
    return found


def with_context(
    features: Float[np.ndarray, "N K"], context: Float[np.ndarray, "N W K"] | None
) -> Float[np.ndarray, "N P"]:
    """Return features of each row and of its context, side by side; P = K (1 + W).

    Args:
      features: of the row itself.
      context: of the rows around it, NaN where there are none; None adds nothing.
    """
    if context is None:
        return features
    return np.concatenate([features, context.reshape(len(features), -1)], axis=1)
