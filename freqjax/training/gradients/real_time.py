"""Real-time recurrent learning: sensitivities of the state are carried forward, instead of a gradient back.

| `train.gradient` | the gradient of a row's loss contains | exact |
|---|---|---|
| truncated | the effect of a weight at the row itself (`freqjax.training.gradients.bptt`) | no |
| snap1 | also that at earlier rows, through the unit's own state alone (SnAp-1, Menick et al. 2021) | no |
| rtrl | that at all rows since the state started over (Williams & Zipser 1989) | yes |

At weights that do not change, the sum of the rtrl gradients over a stream is the gradient of backpropagation
through all of it. While weights change, the carried state is the one that earlier weights led to. With
`train.state_correction` it is moved by its sensitivities times every change of the weights, to where the new
weights would have led, to first order. The memory is that of `freqjax.networks.RealTime`.
Axes: K = 1 sample of an update, B streams, O outputs.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from freqjax.config.sections import Config
from freqjax.config.training import REAL_TIME_GRADIENTS
from freqjax.errors import UserError
from freqjax.networks import Network, RealTime
from freqjax.networks.network import Carry, Params
from freqjax.tasks import Task
from freqjax.training.gradients.estimator import Estimate, Estimator, mean_loss
from freqjax.training.streams import Stream

# `train.gradient` → whether its sensitivities are the whole derivative.
EXACT = {name: name == "rtrl" for name in REAL_TIME_GRADIENTS}


class RealTimeGradient(Estimator):
    """Gradient of a row's mean loss over the streams, by the sensitivities of the carried state."""

    def __init__(self, network: RealTime, task: Task, *, exact: bool, corrects: bool) -> None:
        """Store network and task.

        Args:
          network: the network.
          task: its task.
          exact: whether the sensitivities are the whole derivative, or those through each unit's own state.
          corrects: whether the carry is corrected for each change of the weights.
        """
        self._network, self._objective = network, task.objective
        self._exact, self._corrects = exact, corrects

    def init(self, params: Params, streams: int) -> Any:
        """Return the sensitivities of the initial carry."""
        return self._network.sensitivities(params, streams, exact=self._exact)

    def gradient(
        self, params: Params, carry: Carry, memory: Any, window: Stream, step: Int[Array, ""]
    ) -> Estimate:
        """Advance state and sensitivities by the window's one row, and apply the chain rule to its loss."""
        del step
        carry, memory, reading = self._network.advance(
            params, carry, memory, window.inputs[0], window.resets[0]
        )

        def loss(
            outputs: Float[Array, "B O"],
        ) -> tuple[Float[Array, ""], Float[Array, "K B"]]:
            losses = self._objective.row_loss(outputs[None], window.targets)
            return mean_loss(losses, window.weights), losses

        slopes, losses = jax.grad(loss, has_aux=True)(reading.outputs)
        grads = jax.tree.map(lambda by: jnp.tensordot(slopes, by, axes=2), reading.by_params)
        return Estimate(grads, carry, memory, losses)

    def correct(self, carry: Carry, memory: Any, change: Any) -> Any:
        """Return the carry for the changed parameters, to first order, if it is corrected."""
        return self._network.correct(carry, memory, change) if self._corrects else carry


def real_time(network: Network, task: Task, config: Config, dropout: jax.Array) -> Estimator:
    """Make the estimator that `train.gradient` calls snap1 or rtrl.

    Raises:
      UserError: the network has no sensitivities.
    """
    del dropout  # which acts between layers
    train = config.train
    if not isinstance(network, RealTime):
        raise UserError(
            f"train.gradient is {train.gradient}: it must be auto or truncated where the network is a "
            f"{type(network).__name__}, which cannot carry sensitivities forward."
        )
    exact = EXACT[train.gradient]
    return RealTimeGradient(network, task, exact=exact, corrects=train.state_correction)
