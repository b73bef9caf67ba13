"""One update: an estimator computes the gradient of a window, an optimizer the change of the parameters.

Axes: K samples of a window, B streams, P parameter arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from freqjax.config.sections import Config
from freqjax.networks import Network
from freqjax.networks.network import Carry, Params
from freqjax.tasks import Task
from freqjax.training.gradients import Estimator, make_estimator
from freqjax.training.optimizers import Optimizer, make_direction
from freqjax.training.streams import Stream


class TrainState(NamedTuple):
    """State from update to update, which is also the state on the device that a resume needs.

    Attributes:
      params: the network's parameters.
      opt_state: the update rule's moments.
      carry: the network's carry after the last row, without gradient.
      step: int32, updates made.
      schedule_start: int32, the update at which the schedule began.
      rate_scale: float32, factor of the learning rate from the schedule plateau.
      memory: memory of the gradient estimator, beside the carry; empty if it has none.
    """

    params: Params
    opt_state: Any
    carry: Carry
    step: Int[Array, ""]
    schedule_start: Int[Array, ""]
    rate_scale: Float[Array, ""]
    memory: Any = ()


class UpdateInfo(NamedTuple):
    """Report of one update.

    Attributes:
      losses: [K, B], loss of every row, before the update.
      squared_norms: [P], squared gradient norm of each parameter array before clipping.
      rate: learning rate.
    """

    losses: Float[Array, "K B"]
    squared_norms: Float[Array, " P"]
    rate: Float[Array, ""]


def state_of(
    network: Network, task: Task, config: Config, params: Params, streams: int
) -> TrainState:
    """Return the initial state with parameters `params`, for B = `streams` streams."""
    return TrainState(
        params=params,
        opt_state=make_direction(config.optimizer).init(params),
        carry=network.init_carry(params, streams),
        step=jnp.zeros((), jnp.int32),
        schedule_start=jnp.zeros((), jnp.int32),
        rate_scale=jnp.ones((), jnp.float32),
        memory=make_estimator(network, task, config).init(params, streams),
    )


def make_update(
    estimator: Estimator, optimizer: Optimizer
) -> Callable[[TrainState, Stream], tuple[TrainState, UpdateInfo]]:
    """Make the pure function of one update on one window (`Stream` without its leading axis U)."""

    def update(state: TrainState, window: Stream) -> tuple[TrainState, UpdateInfo]:
        found = estimator.gradient(state.params, state.carry, state.memory, window, state.step)
        leaves = jax.tree.leaves(found.grads)
        squared_norms = jnp.stack([jnp.sum(jnp.square(g)) for g in leaves])
        rate = optimizer.schedule(state.step, state.schedule_start) * state.rate_scale
        change, opt_state = optimizer.change(found.grads, state.opt_state, state.params, rate)
        state = state._replace(
            params=jax.tree.map(lambda p, c: p + c, state.params, change),
            opt_state=opt_state,
            carry=estimator.correct(found.carry, found.memory, change),
            memory=found.memory,
            step=state.step + 1,
        )
        return state, UpdateInfo(found.losses, squared_norms, rate)

    return update
