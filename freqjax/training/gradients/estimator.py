"""The contract of gradient estimators: how the gradient of an update is made.

An estimator is an object without state. What it has to remember from update to update, such as the
sensitivities of the carried state in real-time recurrent learning, is its memory: a pytree beside the carry
in `freqjax.training.update.TrainState`, made by `init`, saved with every checkpoint. A new estimator is a
subclass, with a line in `freqjax.training.gradients.ESTIMATORS` and its regimes in
`freqjax.config.training.GRADIENTS`.
Axes: K samples of an update, B streams.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from jaxtyping import Array, Float, Int

from freqjax.networks.network import Carry, Params
from freqjax.training.streams import Stream


class Estimate(NamedTuple):
    """The gradient of one update, and what goes on to the next.

    Attributes:
      grads: of the parameters, in their layout.
      carry: the network's carry after the window's last row.
      memory: the estimator's own.
      losses: [K, B] of every row, before the update.
    """

    grads: Params
    carry: Carry
    memory: Any
    losses: Float[Array, "K B"]


class Estimator(ABC):
    """Base of estimators; every method is pure and traceable."""

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
          params: of the network.
          carry: of the network, before the window.
          memory: as `init` or the update before left it.
          window: a `Stream` without its leading axis U.
          step: the number of the update, from 0; all that is random depends on it and on the seed alone.
        """

    def correct(self, carry: Carry, memory: Any, change: Any) -> Any:
        """Return the carry that the parameters, changed by `change`, go on from: `carry`, unless overridden.

        An estimator that knows how the carried state depends on the parameters can move it with them.
        """
        del memory, change
        return carry
