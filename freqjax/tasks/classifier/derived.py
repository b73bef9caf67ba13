"""Channels that are derived from those of a modality: their norm, and their means over time.

The norm of an accelerometer or a gyroscope does not depend on how the sensor is turned; the means over time
of an accelerometer are gravity, which does tell that. Both are computed before channels are normalised.
Axes: N windows, T samples, F channels.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from freqjax.tasks.classifier.dataset import Part

# Samples on either side over which a mean is taken.
_REACH = 12


def with_derived(part: Part) -> Part:
    """Return a part with derived channels behind each modality's own; the norm of two or more alone."""
    inputs = {}
    for name, values in part.inputs.items():
        mask = part.masks[name]
        found = [values, running_mean(values, mask)]
        if values.shape[2] > 1:
            found.append(np.linalg.norm(values, axis=2, keepdims=True))
        inputs[name] = np.concatenate(found, axis=2).astype(np.float32)
    return part._replace(inputs=inputs)


def running_mean(
    values: Float[np.ndarray, "N T F"], mask: Bool[np.ndarray, "N T"]
) -> Float[np.ndarray, "N T F"]:
    """Return the mean over the samples present within a reach of each sample; 0 where that is missing."""
    samples = values.shape[1]
    first = np.maximum(np.arange(samples) - _REACH, 0)
    last = np.minimum(np.arange(samples) + _REACH + 1, samples)

    def sums(array: np.ndarray) -> np.ndarray:
        total = np.cumsum(array, axis=1, dtype=np.float64)
        total = np.concatenate([np.zeros_like(total[:, :1]), total], axis=1)
        return total[:, last] - total[:, first]

    count = np.maximum(sums(mask[..., None]), 1)
    return np.where(mask[..., None], sums(np.where(mask[..., None], values, 0)) / count, 0)
