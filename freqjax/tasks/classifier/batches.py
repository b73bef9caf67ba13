"""Batches of a classifier: the windows of sequences, gathered from a part of the data.

Axes: S sequences, W windows of a sequence, C classes.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from freqjax.tasks.batch import Batch
from freqjax.tasks.classifier.dataset import Part


def batch_of(part: Part, index: Any, classes: int, second: int) -> Batch:
    """Gather the windows of sequences, from arrays of NumPy or JAX.

    Args:
      part: the windows, as the network reads them.
      index: [S, W] number of each window; negative where a sequence is shorter.
      classes: C.
      second: outputs of a second label; 0 for none.
    """
    xp: Any = np if isinstance(index, np.ndarray) else jnp
    there = index >= 0
    rows = xp.maximum(index, 0)
    inputs = {}
    for name, values in part.inputs.items():
        own = xp.asarray(values)[rows].reshape(*index.shape, -1)
        inputs[name] = xp.where(there[..., None], own, 0)
    for name, mask in part.masks.items():
        own = xp.asarray(mask)[rows]
        inputs[f"{name}_present"] = (there[..., None] & own).astype(np.float32)
    targets = [_one_hot(xp.asarray(part.label)[rows], classes, xp)]
    if second:
        targets.append(_one_hot(xp.asarray(part.auxiliary)[rows], second, xp))
    group = xp.asarray(part.group)[rows[xp.arange(len(index)), xp.argmax(there, axis=1)]]
    return Batch(inputs, xp.concatenate(targets, axis=-1), group, there)


def _one_hot(labels: Any, classes: int, xp: Any) -> Any:
    """Return [..., C]; zeros for a label of −1."""
    numbers = xp.arange(classes).reshape((1,) * labels.ndim + (-1,))
    return (labels[..., None] == numbers).astype(np.float32)
