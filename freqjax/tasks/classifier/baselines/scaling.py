"""Scaling of features by training rows, which also replaces what is missing.

Axes: N rows, K features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# Share of the magnitude of a feature's mean; one whose deviation is less is constant but for rounding.
_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True, eq=False)
class Scaler:
    """Mean and deviation of each feature over the training rows where it is a number.

    Attributes:
      mean: [K]; 0 for a feature that is NaN in all training rows.
      scale: [K], the deviation; infinite for a feature that does not vary, which makes it 0.
    """

    mean: Float[np.ndarray, " K"]
    scale: Float[np.ndarray, " K"]

    @classmethod
    def fit(cls, features: Float[np.ndarray, "N K"]) -> Scaler:
        """Measure training rows; NaN is missing."""
        there = ~np.isnan(features)
        count = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, features, 0).sum(axis=0, dtype=np.float64) / count
        # float32 throughout where the features are: they may take gigabytes.
        centred = np.where(there, features - mean.astype(features.dtype), 0)
        deviation = np.sqrt(np.einsum("nk,nk->k", centred, centred, dtype=np.float64) / count)
        constant = deviation <= _LEAST_DEVIATION * np.maximum(np.abs(mean), 1e-30)
        scale = np.where(constant, np.inf, deviation)
        return cls(mean.astype(features.dtype), scale.astype(features.dtype))

    def __call__(self, features: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N K"]:
        """Return features of mean 0 and deviation 1; what is missing is 0, the mean."""
        scaled = features - self.mean[None]
        scaled /= self.scale[None]
        return np.nan_to_num(scaled, copy=False, nan=0.0)
