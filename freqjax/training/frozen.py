"""Outputs of a network whose weights stand still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.config.sections import Config
from freqjax.networks import Network
from freqjax.tasks import Blocks, Task
from freqjax.training.combination import make_windows_forward

# Streams unrolled at once: the hidden states of more would not fit a small machine's memory.
_STREAMS = 16

# (params, blocks, reset) → outputs [B, T, O].
Forward = Callable[[Any, Blocks, str], np.ndarray]


def choose_forward(network: Network, config: Config) -> Forward:
    """The forward of the regime in `config`: over windows, or with a state that is carried."""
    if config.train.regime == "windows":
        return make_windows_forward(network, config.windows)
    return make_forward(network)


def make_forward(network: Network) -> Forward:
    """A function (params, blocks, reset) → outputs [B, T, O] with frozen weights.

    With `reset` "block" every block starts from `init_carry`, so blocks run side by side. Otherwise
    (`task.reset` epoch or never) one state is carried through all of them in order, as the rows come.

    Args:
      network: a causal network.
    """

    @jax.jit
    def unroll(params: Any, carry: Any, xs: jax.Array) -> tuple[Any, jax.Array]:
        return network.unroll(params, carry, xs, jnp.zeros(xs.shape[:2], bool))

    def side_by_side(params: Any, blocks: Blocks) -> np.ndarray:
        inputs = np.swapaxes(np.asarray(blocks.inputs), 0, 1)
        parts = []
        for first in range(0, inputs.shape[1], _STREAMS):
            part = inputs[:, first : first + _STREAMS]
            missing = min(_STREAMS, inputs.shape[1]) - part.shape[1]
            padded = np.pad(part, ((0, 0), (0, missing), (0, 0)))  # one shape, one compilation
            carry = network.init_carry(params, padded.shape[1])
            parts.append(np.asarray(unroll(params, carry, padded)[1])[:, : part.shape[1]])
        return np.swapaxes(np.concatenate(parts, axis=1), 0, 1)

    def carried_through(params: Any, blocks: Blocks) -> np.ndarray:
        carry, parts = network.init_carry(params, 1), []
        for block in np.asarray(blocks.inputs):
            carry, outputs = unroll(params, carry, block[:, None])
            parts.append(np.asarray(outputs)[:, 0])
        return np.stack(parts)

    def forward(params: Any, blocks: Blocks, reset: str) -> np.ndarray:
        return (side_by_side if reset == "block" else carried_through)(params, blocks)

    return forward


def make_frozen_losses(
    network: Network, task: Task, reset: str, groups: int
) -> Callable[[Any, Blocks], jax.Array]:
    """A pure function (params, blocks) → [G] mean loss of each group, traceable; as `make_forward` runs.

    Args:
      network: a causal network.
      task: whose loss it is.
      reset: `task.reset` of the config.
      groups: G.
    """

    def losses_of(params: Any, carry: Any, inputs: jax.Array, targets: jax.Array) -> Any:
        """[T, B, D], [T, B, O] → carry, [B] mean losses."""
        carry, outputs = network.unroll(params, carry, inputs, jnp.zeros(inputs.shape[:2], bool))
        return carry, jnp.mean(task.loss(outputs, targets), axis=0)

    def frozen(params: Any, blocks: Blocks) -> jax.Array:
        count = blocks.inputs.shape[0]
        streams = min(count, _STREAMS) if reset == "block" else 1

        def part(carry: Any, rows: tuple[jax.Array, jax.Array]) -> Any:
            start = network.init_carry(params, streams) if reset == "block" else carry
            return losses_of(params, start, *(jnp.swapaxes(a, 0, 1) for a in rows))

        def parts(array: jax.Array) -> jax.Array:
            missing = -count % streams
            padded = jnp.pad(array, ((0, missing), (0, 0), (0, 0)))
            return padded.reshape(-1, streams, *array.shape[1:])

        rows = (parts(jnp.asarray(blocks.inputs)), parts(jnp.asarray(blocks.targets)))
        _, losses = jax.lax.scan(part, network.init_carry(params, streams), rows)
        sums = jnp.zeros(groups).at[blocks.groups].add(losses.reshape(-1)[:count])
        return sums / jnp.zeros(groups).at[blocks.groups].add(1.0)

    return frozen


def group_means(outputs: np.ndarray, blocks: Blocks, task: Any) -> list[float]:
    """Mean loss of the rows of each group, float64."""
    losses = np.asarray(task.loss(jnp.asarray(outputs), jnp.asarray(blocks.targets)), np.float64)
    per_block = losses.reshape(len(losses), -1).mean(axis=1)
    groups = np.asarray(blocks.groups)
    return [float(per_block[groups == g].mean()) for g in range(len(task.group_names))]
