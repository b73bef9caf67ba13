"""Normalisation of channels: to mean 0 and deviation 1 over what is present in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from freqjax.tasks.classifier.dataset import Part

# A channel whose deviation is below this share of its mean is constant but for rounding.
_CONSTANT = 1e-6


class Norm(NamedTuple):
    """Mean and deviation of the channels of a modality.

    Attributes:
      mean: [F] float32.
      deviation: [F] float32, above 0; 1 for a constant channel, or one that is never present.
    """

    mean: Float[np.ndarray, " F"]
    deviation: Float[np.ndarray, " F"]


def norms_of(train: Part) -> dict[str, Norm]:
    """Measure the channels of each modality over the samples that are present in training."""
    return {name: _norm(array, train.masks[name]) for name, array in train.inputs.items()}


def normalised(part: Part, norms: Mapping[str, Norm]) -> Part:
    """Return a part with each modality normalised; what is missing is 0 before and after."""
    inputs = {}
    for name, array in part.inputs.items():
        mean, deviation = norms[name]
        found = (array - mean) / deviation
        inputs[name] = np.where(part.masks[name][..., None], found, np.float32(0))
    return part._replace(inputs=inputs)


def _norm(array: Float[np.ndarray, "N T F"], mask: Bool[np.ndarray, "N T"]) -> Norm:
    """Measure the channels of a modality."""
    count, channels = int(mask.sum()), array.shape[2]
    if not count:
        return Norm(np.zeros(channels, np.float32), np.ones(channels, np.float32))
    present = mask[..., None]
    mean = array.sum(axis=(0, 1), where=present, dtype=np.float64) / count
    moved = array - mean
    variance = np.square(moved, out=moved).sum(axis=(0, 1), where=present) / count
    deviation = np.sqrt(variance)
    constant = deviation <= _CONSTANT * np.abs(mean)
    return Norm(mean.astype(np.float32), np.where(constant, 1, deviation).astype(np.float32))
