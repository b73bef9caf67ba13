"""Backpropagation through time, by automatic differentiation of `Network.unroll`.

| `train.gradient` | regimes | an update starts from | the gradient stops at |
|---|---|---|---|
| truncated | online, tbptt | the state that the update before left | its first sample |
| full | full | the same; the update is the whole stream | its first sample |
| full | windows, examples | a fresh state, or one that M rows warmed up | the fresh state, or the warm one |

A network whose training pass differs from its evaluation (`freqjax.networks.TrainsApart`) is differentiated
through that pass.

A fresh state is `Network.init_carry`; if it is learned, the gradient is propagated into it, as at every reset
inside an update. These estimators have no memory besides the carry.
Axes: K samples of an update, B streams, G groups, M samples of warming up.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from freqjax.config.sections import Config
from freqjax.networks import Network, TrainsApart
from freqjax.networks.network import Carry, Params
from freqjax.tasks import Task
from freqjax.training.gradients.estimator import Estimate, Estimator, mean_loss
from freqjax.training.streams import Stream

# (mean loss, (the carry after it, losses [K, B]))
_Loss = tuple[Float[Array, ""], tuple[Any, Float[Array, "K B"]]]


class Backpropagation(Estimator):
    """Gradient of a mean loss over the window, which a subclass defines."""

    def __init__(self, network: Network, task: Task, dropout: jax.Array) -> None:
        """Store network and task; `dropout` is the key of dropout."""
        self._network, self._objective, self._dropout = network, task.objective, dropout
        self._groups = len(task.group_names)

    def gradient(
        self, params: Params, carry: Carry, memory: Any, window: Stream, step: Int[Array, ""]
    ) -> Estimate:
        """Compute the gradient of the mean loss with respect to the parameters."""
        key = jax.random.fold_in(self._dropout, step) if self._network.dropout else None
        grads, (carry, losses) = jax.grad(self._loss, has_aux=True)(params, carry, window, key)
        return Estimate(grads, carry, memory, losses)

    @abstractmethod
    def _loss(self, params: Params, carry: Carry, window: Stream, key: jax.Array | None) -> _Loss:
        """Compute the mean loss; with a `key`, features are dropped."""


class TruncatedGradient(Backpropagation):
    """Gradient through the samples of an update; the state is carried over from the previous update."""

    def _loss(self, params: Params, carry: Carry, window: Stream, key: jax.Array | None) -> _Loss:
        """Compute the weighted mean over the window's K·B rows."""
        carry, outputs = self._network.unroll(
            params, carry, window.inputs, window.resets, dropout_key=key
        )
        losses = self._objective.row_loss(outputs, window.targets)
        return mean_loss(losses, window.weights), (carry, losses)


class WholeGradient(Backpropagation):
    """Gradient through whole windows or sequences, each from a fresh state; the carry does not change."""

    def _loss(self, params: Params, carry: Carry, window: Stream, key: jax.Array | None) -> _Loss:
        """Compute the weighted mean over the rows that count towards a group."""
        warm = window.inputs.shape[0] - window.targets.shape[0]
        state = self._network.init_carry(params, window.inputs.shape[1])
        if warm:
            state, _ = self._network.unroll(
                params, state, window.inputs[:warm], window.resets[:warm]
            )
            state = jax.lax.stop_gradient(state)
        _, outputs = self._network.unroll(
            params, state, window.inputs[warm:], window.resets[warm:], dropout_key=key
        )
        losses = self._objective.row_loss(outputs, window.targets)
        counts = window.groups < self._groups
        if window.weights is None:
            return jnp.sum(jnp.where(counts, losses, 0)) / jnp.sum(counts), (carry, losses)
        return mean_loss(losses, jnp.where(counts, window.weights, 0)), (carry, losses)


class TrainingPassGradient(Estimator):
    """Gradient through the training pass of a network that trains otherwise than it is evaluated."""

    def __init__(self, network: TrainsApart, task: Task, dropout: jax.Array) -> None:
        """Store network and task; `dropout` is the key of everything random in the pass."""
        self._network, self._objective, self._key = network, task.objective, dropout
        self._groups = len(task.group_names)

    def gradient(
        self, params: Params, carry: Carry, memory: Any, window: Stream, step: Int[Array, ""]
    ) -> Estimate:
        """Compute the gradient of the mean loss of the rows that count, plus the penalty."""
        key = jax.random.fold_in(self._key, step)

        def loss(params: Params) -> tuple[Float[Array, ""], Float[Array, "K B"]]:
            found = self._network.training_pass(
                params, window.inputs, window.targets, window.resets, key=key, step=step
            )
            losses = self._row_losses(found.outputs, window.targets)
            weights = (window.groups < self._groups).astype(losses.dtype)
            if window.weights is not None:
                weights = weights * window.weights
            if found.counted is not None:
                weights = weights * found.counted
            return mean_loss(losses, weights) + found.penalty, losses

        grads, losses = jax.grad(loss, has_aux=True)(params)
        return Estimate(grads, carry, memory, losses)

    def _row_losses(self, outputs: Float[Array, "*M K B O"], targets: Any) -> Float[Array, "K B"]:
        """Return the loss of each row; of several members, the mean of theirs."""
        if outputs.ndim == targets.ndim:
            return self._objective.row_loss(outputs, targets)
        losses = jax.vmap(lambda own: self._objective.row_loss(own, targets))(outputs)
        return jnp.mean(losses, axis=0)


def truncated(network: Network, task: Task, config: Config, dropout: jax.Array) -> Estimator:
    """Make the estimator that `train.gradient` calls truncated."""
    del config
    return TruncatedGradient(network, task, dropout)


def full(network: Network, task: Task, config: Config, dropout: jax.Array) -> Estimator:
    """Make the estimator that `train.gradient` calls full."""
    if config.train.regime == "full":  # an update holds the whole stream
        return TruncatedGradient(network, task, dropout)
    if isinstance(network, TrainsApart):
        return TrainingPassGradient(network, task, dropout)
    return WholeGradient(network, task, dropout)
