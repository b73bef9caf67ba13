"""Batches of sequences with named inputs, and their conversion to a network's inputs.

Axes: B sequences, T samples, D inputs, O outputs, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from freqjax.networks.arrays import EitherArray


class Batch(NamedTuple):
    """B sequences of T samples each; every sequence belongs to one group.

    Attributes:
      inputs: name → [B, T, D_name] float32.
      targets: [B, T, O] float32, a target per sample; or [B, O], a target per sequence, which is compared
        with the output at the last sample present.
      group: [B] int32, the group under which a sequence's loss is reported.
      mask: [B, T] bool, whether a sample is present; or name → [B, T] bool, whether an input is present at
        a sample. None if nothing is missing.
      weight: [B] float32, weight of a sequence; 0 is padding. None for 1 each.
    """

    inputs: Mapping[str, Float[EitherArray, "B T D"]]
    targets: Float[EitherArray, "B T O"] | Float[EitherArray, "B O"]
    group: Int[EitherArray, " B"]
    mask: Bool[EitherArray, "B T"] | Mapping[str, Bool[EitherArray, "B T"]] | None = None
    weight: Float[EitherArray, " B"] | None = None


class Sequences(NamedTuple):
    """Batch in the form that training and evaluation use.

    Attributes:
      inputs: [B, T, D] float32, the named inputs side by side; 0 if an input is missing.
      targets: [B, T, O] float32; 0 if a sample is missing.
      groups: [B] int32.
      weights: [B, T] float32, weight of a sample's loss; None for 1 each.
    """

    inputs: Float[EitherArray, "B T D"]
    targets: Float[EitherArray, "B T O"]
    groups: Int[EitherArray, " B"]
    weights: Float[EitherArray, "B T"] | None = None


def sequences_of(batch: Batch, names: Sequence[str]) -> Sequences:
    """Concatenate the inputs `names` of `batch` in that order; traceable.

    Raises:
      KeyError: the batch lacks one of them.
    """
    host = isinstance(batch.targets, np.ndarray)
    xp: Any = np if host else jnp
    parts = []
    for name in names:
        part = batch.inputs[name]
        mask = batch.mask.get(name) if isinstance(batch.mask, Mapping) else batch.mask
        if mask is not None:
            part = xp.where(xp.asarray(mask)[..., None], part, 0.0)
        parts.append(part)
    inputs = parts[0] if len(parts) == 1 else xp.concatenate(parts, axis=-1)
    weights = _weights(batch, inputs.shape[:2], xp)
    targets = batch.targets
    if targets.ndim == 2:
        targets = xp.broadcast_to(targets[:, None], (*inputs.shape[:2], targets.shape[-1]))
    if batch.mask is not None or batch.weight is not None:
        # Missing values are arbitrary, even NaN, whose gradient would be NaN even at weight 0.
        there = samples_there(batch)
        there = xp.ones(inputs.shape[:2], bool) if there is None else xp.asarray(there, bool)
        if batch.weight is not None:
            there = there & (xp.asarray(batch.weight)[:, None] > 0)
        targets = xp.where(there[..., None], targets, 0.0)
    return Sequences(inputs, targets, batch.group, weights)


def without_burn_in(sequences: Sequences, samples: int) -> Sequences:
    """Return `sequences` with a weight of 0 for the first samples of each; traceable."""
    xp: Any = np if isinstance(sequences.targets, np.ndarray) else jnp
    shape = sequences.inputs.shape[:2]
    weights = xp.ones(shape, np.float32) if sequences.weights is None else sequences.weights
    counted = (np.arange(shape[1]) >= samples).astype(np.float32)
    return sequences._replace(weights=weights * counted[None])


def samples_there(batch: Batch) -> Bool[EitherArray, "B T"] | None:
    """Return [B, T] bool, the samples at which any input is present; None if nothing is missing."""
    if not isinstance(batch.mask, Mapping):
        return batch.mask
    if set(batch.mask) < set(batch.inputs):
        return None  # an input without a mask is present at every sample
    there = [jnp.asarray(mask, bool) for mask in batch.mask.values()]
    return jnp.any(jnp.stack(there), axis=0)


def _weights(batch: Batch, shape: tuple[int, int], xp: Any) -> Float[EitherArray, "B T"] | None:
    there = samples_there(batch)
    if there is None and batch.weight is None and batch.targets.ndim == 3:
        return None
    weights = xp.ones(shape, np.float32) if there is None else xp.asarray(there, np.float32)
    if batch.targets.ndim == 2:
        # The last sample present is the one after which the running count is constant.
        count = xp.cumsum(weights, axis=1)
        weights = weights * (count == count[:, -1:])
    if batch.weight is not None:
        weights = weights * xp.asarray(batch.weight, np.float32)[:, None]
    return weights


def means_by_group(
    losses: Float[EitherArray, "B ..."], sequences: Sequences, groups: int
) -> list[float]:
    """Return [G], the weighted mean of the row losses [B, T] of each group; NaN for one without rows."""
    losses = np.asarray(losses, np.float64).reshape(len(losses), -1)
    belongs = np.asarray(sequences.groups)
    if sequences.weights is None:
        per_sequence = losses.mean(axis=1)
        counts = np.ones(len(losses))
    else:
        weights = np.asarray(sequences.weights, np.float64)
        # The loss of a row with weight 0 is arbitrary, even NaN.
        losses = np.where(weights > 0, losses, 0)
        per_sequence, counts = (weights * losses).sum(axis=1), weights.sum(axis=1)
    found = []
    for group in range(groups):
        total = counts[belongs == group].sum()
        found.append(float(per_sequence[belongs == group].sum() / total) if total else np.nan)
    return found


def mean_of_all(losses: Float[EitherArray, "B ..."], sequences: Sequences) -> float:
    """Return the weighted mean of the row losses [B, T] over all groups, in float64."""
    everything = sequences._replace(groups=np.zeros(len(losses), np.int32))
    return means_by_group(losses, everything, 1)[0]
