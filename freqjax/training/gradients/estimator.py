"""Interface of gradient estimators, which compute the gradient of an update.

An estimator is an object without state. Values that it needs from update to update, such as the sensitivities
of the carried state in real-time recurrent learning, are its memory: a pytree beside the carry in
`freqjax.training.update.TrainState`, made by `init`, saved with every checkpoint. A new estimator is a
subclass, with a line in `freqjax.training.gradients.ESTIMATORS` and its regimes in
`freqjax.config.training.GRADIENTS`.
Axes: K samples of an update, B streams.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from freqjax.networks.network import Carry, Params
from freqjax.training.streams import Stream


class Estimate(NamedTuple):
    """Gradient of one update, and the state for the next.

    Attributes:
      grads: gradient of the parameters, in their layout.
      carry: the network's carry after the window's last row.
      memory: the estimator's memory.
      losses: [K, B] loss of every row, before the update.
    """

    grads: Params
    carry: Carry
    memory: Any
    losses: Float[Array, "K B"]


class Estimator(ABC):
    """Base class of estimators; every method is pure and traceable."""

    def init(self, params: Params, streams: int) -> Any:
        """Return the memory before the first update of B = `streams` streams: none, unless overridden."""
        del params, streams
        return ()

    @abstractmethod
    def gradient(
        self, params: Params, carry: Carry, memory: Any, window: Stream, step: Int[Array, ""]
    ) -> Estimate:
        """Estimate the gradient of the mean loss over the rows of a window.

        Args:
          params: parameters of the network.
          carry: carry of the network before the window.
          memory: memory from `init` or the previous update.
          window: a `Stream` without its leading axis U.
          step: the number of the update, from 0; randomness depends only on it and on the seed.
        """

    def correct(self, carry: Carry, memory: Any, change: Any) -> Any:
        """Return the carry for the parameters after `change`: `carry` itself, unless overridden.

        An estimator that knows the derivative of the carry by the parameters can correct it for the change.
        """
        del memory, change
        return carry


def mean_loss(losses: Float[Array, "K B"], weights: Float[Array, "K B"] | None) -> Float[Array, ""]:
    """Compute the mean over all rows; with weights Σ w L / Σ w over the rows with weight, or 0 if none has.

    The losses of rows without weight are arbitrary.
    """
    if weights is None:
        return jnp.mean(losses)
    total = jnp.sum(jnp.where(weights > 0, weights * losses, 0))
    return total / jnp.maximum(jnp.sum(weights), jnp.finfo(losses.dtype).tiny)
