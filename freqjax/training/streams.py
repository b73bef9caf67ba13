"""Streams: sequences split into the windows of rows of each update.

Axes: U updates, K samples of an update, B streams, M samples of warming up.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from freqjax.config.sections import Config
from freqjax.networks.arrays import EitherArray
from freqjax.tasks import Sequences


class Stream(NamedTuple):
    """Windows of rows in the order of the updates.

    Attributes:
      inputs: [U, K, B, D] float32; [U, M + K, B, D] for windows that are warmed up.
      targets: [U, K, B, O] float32.
      groups: [U, K, B] int32, the group that a row's loss counts towards; G if it does not count.
      resets: [U, K, B] bool, whether the carried state starts over before a row; as many rows as inputs.
      weights: [U, K, B] float32, weight of a row in the loss; None for 1 each.
    """

    inputs: Float[Array, "*U rows B D"]
    targets: Float[Array, "*U K B O"]
    groups: Int[Array, "*U K B"]
    resets: Bool[Array, "*U rows B"]
    weights: Float[Array, "*U K B"] | None = None


def window_length(config: Config) -> int:
    """Return K, the samples of an update, for regimes in order; 0 for all samples of a stream."""
    return {"online": 1, "tbptt": config.train.truncation}.get(config.train.regime, 0)


def layout(blocks: Sequences, config: Config) -> Stream:
    """Lay sequences out in order, for the regimes that carry the state from update to update; traceable.

    Sequential: one stream (B = 1), block after block. Parallel: the blocks side by side.
    `task.reset` sets the flags: at every block's first row, at the first row of all, or nowhere.
    """
    count, samples = blocks.inputs.shape[:2]
    parallel = config.train.streams == "parallel"
    groups = jnp.broadcast_to(blocks.groups[:, None], (count, samples))
    first = jnp.zeros((count, samples), bool)
    if config.task.reset == "block" or (config.task.reset == "epoch" and parallel):
        first = first.at[:, 0].set(True)
    elif config.task.reset == "epoch":
        first = first.at[0, 0].set(True)

    def arrange(array: jax.Array) -> jax.Array:
        rows = (count * samples, 1, *array.shape[2:])
        array = jnp.swapaxes(array, 0, 1) if parallel else array.reshape(rows)
        window = window_length(config) or array.shape[0]
        return array.reshape(-1, window, *array.shape[1:])

    return Stream(
        inputs=arrange(jnp.asarray(blocks.inputs)),
        targets=arrange(jnp.asarray(blocks.targets)),
        groups=arrange(groups),
        resets=arrange(first),
        weights=None if blocks.weights is None else arrange(jnp.asarray(blocks.weights)),
    )


def padding_resets(weights: Float[EitherArray, "B T"]) -> Bool[EitherArray, "B T"]:
    """Flag the first sample of the padding at the end of every sequence.

    A bidirectional network starts over there, and so reads no padding. The outputs of a causal network that
    count do not change.

    Args:
      weights: [B, T] of `Sequences`, 0 from the beginning of the padding on; NumPy or JAX.

    Returns:
      [B, T] bool, without a flag in a sequence that has no padding.
    """
    xp: Any = np if isinstance(weights, np.ndarray) else jnp
    time = xp.arange(weights.shape[1])[None]
    last = xp.max(xp.where(weights > 0, time, -1), axis=1)
    return time == last[:, None] + 1
