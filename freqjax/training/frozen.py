"""Frozen evaluation: outputs and losses of a network whose weights do not change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from freqjax import progress
from freqjax.config.sections import Config
from freqjax.networks import Network, Streams
from freqjax.networks.arrays import AnyArray
from freqjax.networks.network import Carry, Params
from freqjax.tasks import Batch, Sequences, Task, means_by_group
from freqjax.training.combination import make_windows_forward
from freqjax.training.streams import padding_resets

# Streams unrolled at once, which limits the memory of the hidden states.
_STREAMS = 16

# (params, sequences, reset) → outputs [B, T, O].
Forward = Callable[[Params, Sequences, str], Float[np.ndarray, "B T O"]]


def choose_forward(network: Network, config: Config) -> Forward:
    """Make the forward function of the regime: over windows, whole sequences, or with a carried state."""
    if config.train.regime == "windows":
        return make_windows_forward(network, config.windows)
    return make_forward(network)


def make_forward(network: Network) -> Forward:
    """Make a function (params, sequences, reset) → outputs [B, T, O] with frozen weights.

    With `reset` "block" every sequence starts from `init_carry`, so that they run side by side, as always in
    a bidirectional network, which then reads no padding. Otherwise (`task.reset` epoch or never) one state is
    carried through all sequences in order.
    """

    @jax.jit
    def unroll(
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"] | None,
    ) -> tuple[Carry, Float[Array, "T B O"]]:
        flags = jnp.zeros(xs.shape[:2], bool) if resets is None else resets
        return network.unroll(params, carry, xs, flags)

    def side_by_side(params: Params, sequences: Sequences) -> Float[np.ndarray, "B T O"]:
        inputs = np.swapaxes(np.asarray(sequences.inputs), 0, 1)
        resets = None
        if sequences.weights is not None and not isinstance(network, Streams):
            resets = padding_resets(np.asarray(sequences.weights)).T
        parts = []
        for first in progress.each("outputs", range(0, inputs.shape[1], _STREAMS)):
            part = inputs[:, first : first + _STREAMS]
            missing = min(_STREAMS, inputs.shape[1]) - part.shape[1]
            padded = np.pad(part, ((0, 0), (0, missing), (0, 0)))  # one shape for one compilation
            flags = resets
            if flags is not None:
                flags = np.pad(flags[:, first : first + _STREAMS], ((0, 0), (0, missing)))
            carry = network.init_carry(params, padded.shape[1])
            outputs = np.asarray(unroll(params, carry, padded, flags)[1])
            parts.append(outputs[:, : part.shape[1]])
        return np.swapaxes(np.concatenate(parts, axis=1), 0, 1)

    def carried_through(params: Params, sequences: Sequences) -> Float[np.ndarray, "B T O"]:
        carry, parts = network.init_carry(params, 1), []
        for block in progress.each("outputs", list(np.asarray(sequences.inputs))):
            carry, outputs = unroll(params, carry, block[:, None], None)
            parts.append(np.asarray(outputs)[:, 0])
        return np.stack(parts)

    def forward(params: Params, sequences: Sequences, reset: str) -> Float[np.ndarray, "B T O"]:
        together = reset == "block" or not isinstance(network, Streams)
        return (side_by_side if together else carried_through)(params, sequences)

    return forward


def make_frozen_losses(
    network: Network, task: Task, reset: str, groups: int
) -> Callable[[Params, Sequences], Float[Array, " G"]]:
    """Make a traceable function (params, sequences) → [G] weighted mean loss of each group.

    The state is carried as in `make_forward`.

    Args:
      network: a causal network.
      task: defines the loss.
      reset: `task.reset` of the config.
      groups: G.
    """

    def losses_of(
        params: Params,
        carry: Carry,
        inputs: Float[Array, "T B D"],
        targets: Float[Array, "T B O"],
        weights: Float[Array, "T B"] | None = None,
    ) -> tuple[Carry, tuple[Float[Array, " B"], Float[Array, " B"]]]:
        """Compute the carry, [B] sums of weighted losses and of weights from [T, B, D], [T, B, O], [T, B]."""
        carry, outputs = network.unroll(params, carry, inputs, jnp.zeros(inputs.shape[:2], bool))
        losses = task.objective.row_loss(outputs, targets)
        if weights is None:  # sequences of equal length and weight: the plain mean
            return carry, (jnp.mean(losses, axis=0), jnp.ones(losses.shape[1]))
        weighted = jnp.where(
            weights > 0, weights * losses, 0
        )  # the loss of a row with weight 0 is arbitrary
        return carry, (jnp.sum(weighted, axis=0), jnp.sum(weights, axis=0))

    def frozen(params: Params, blocks: Sequences) -> Float[Array, " G"]:
        count = blocks.inputs.shape[0]
        streams = min(count, _STREAMS) if reset == "block" else 1

        def part(carry: Carry, rows: tuple[jax.Array, ...]) -> Any:
            start = network.init_carry(params, streams) if reset == "block" else carry
            return losses_of(params, start, *(jnp.swapaxes(a, 0, 1) for a in rows))

        def parts(array: jax.Array) -> jax.Array:
            missing = -count % streams
            padded = jnp.pad(array, ((0, missing),) + ((0, 0),) * (array.ndim - 1))
            return padded.reshape(-1, streams, *array.shape[1:])

        arrays = (blocks.inputs, blocks.targets, blocks.weights)
        rows = tuple(parts(jnp.asarray(array)) for array in arrays if array is not None)
        _, found = jax.lax.scan(part, network.init_carry(params, streams), rows)
        losses, weights = (array.reshape(-1)[:count] for array in found)
        sums = jnp.zeros(groups).at[blocks.groups].add(losses)
        return sums / jnp.zeros(groups).at[blocks.groups].add(weights)

    return frozen


class FrozenNetwork:
    """Implementation of `freqjax.tasks.evaluation.Frozen`, which runs each split once."""

    def __init__(
        self,
        task: Task,
        network: Network,
        forward: Forward,
        params: Params,
        batches: Mapping[str, Batch],
        reset: str,
        initial: Callable[[], Params],
    ) -> None:
        """Store the network and its weights; nothing is run yet.

        Args:
          task: the task.
          network: its network.
          forward: the forward function of the network.
          params: the weights.
          batches: the splits.
          reset: `task.reset` of the config.
          initial: returns the weights that training began with.
        """
        self.network, self.params = network, params
        self._task, self._forward, self._initial = task, forward, initial
        self._batches, self._reset = batches, reset
        self._outputs: dict[str, np.ndarray] = {}

    def initial_params(self) -> Params:
        """Return the weights that training began with."""
        return self._initial()

    def batch(self, split: str) -> Batch | None:
        """Return the rows of a split (train, validation or test); None if the task has none."""
        return self._batches.get(split)

    def outputs(self, split: str) -> Float[np.ndarray, "B T O"]:
        """Return the outputs [B, T, O] on the rows of a split."""
        if split not in self._outputs:
            self._outputs[split] = self.run(self._batches[split], self._reset)
        return self._outputs[split]

    def run(self, batch: Batch, reset: str) -> Float[np.ndarray, "B T O"]:
        """Return the outputs [B, T, O] on `batch`, under a value of `task.reset`."""
        return self._forward(self.params, self._task.sequences(batch), reset)


class FrozenLosses(NamedTuple):
    """Losses of frozen weights on some rows.

    Attributes:
      mean: mean over all rows.
      worst: largest loss of the groups that have rows.
      per_group: [G] mean of each group; NaN for one without rows.
    """

    mean: float
    worst: float
    per_group: list[float]

    @staticmethod
    def of(per_group: Sequence[float], shares: Float[np.ndarray, " G"]) -> FrozenLosses:
        """Combine the means of the groups with `shares` [G], from `group_shares`."""
        there = shares > 0
        means = np.asarray(per_group, np.float64)[there]
        return FrozenLosses(
            float(np.sum(means * shares[there])), float(np.max(means)), list(per_group)
        )


def group_shares(rows: Sequences, groups: int) -> Float[np.ndarray, " G"]:
    """Return [G], the share of each group in a mean over all rows, float64."""
    weights = 1.0 if rows.weights is None else np.sum(np.asarray(rows.weights, np.float64), axis=1)
    totals = np.zeros(groups)
    np.add.at(totals, np.asarray(rows.groups), weights)
    return totals / totals.sum()


def group_means(outputs: Float[np.ndarray, "B T O"], rows: Sequences, task: Task) -> list[float]:
    """Return the weighted mean loss of the rows of each group, float64."""
    losses = task.objective.row_loss(jnp.asarray(outputs), jnp.asarray(rows.targets))
    return means_by_group(losses, rows, len(task.group_names))
