"""Optimizers: clipping, update rules and learning-rate schedules.

An update rule gives a direction of descent; the change of the parameters is −(learning rate) · direction, so
that the rate can follow the schedule, and fall on a plateau, without a change of the rule's state. The rules
have PyTorch's definitions, with which the tests compare them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from freqjax.config.sections import OptimizerConfig
from freqjax.networks.network import Params

# (updates made, updates made when the schedule began) → learning rate.
Schedule = Callable[[Int[Array, ""], Int[Array, ""]], Float[Array, ""]]

# JAX counts updates in int32.
_LARGEST_COUNT = 2**31 - 1
# Lower bound of the norm of weights in adaptive clipping, so that weights of 0 can grow.
_LEAST_NORM = 1e-3


class Optimizer:
    """Conversion of gradients to changes of the parameters: clipping, update rule, learning rate.

    Attributes:
      schedule: learning rate by updates made.
    """

    def __init__(self, config: OptimizerConfig, schedule: Schedule) -> None:
        """Store the names and numbers of `config`; numbers may be traced."""
        self._config, self.schedule = config, schedule
        self._rule = make_direction(config)

    def change(
        self, grads: Params, opt_state: Any, params: Params, rate: Float[Array, ""]
    ) -> tuple[Any, Any]:
        """Return the change of the parameters, and the new state of the rule."""
        clipped = self._clip(grads, params)
        directions, opt_state = self._rule.update(clipped, opt_state, params)
        return jax.tree.map(lambda d: -rate * d, directions), opt_state

    def _clip(self, grads: Params, params: Params) -> Any:
        config = self._config
        if config.clip == "adaptive":
            return clip_adaptively(grads, params, config.clip_ratio)
        scale = clip_scale(global_norm(grads), config.clip_norm)
        return jax.tree.map(lambda g: g * scale, grads)


def make_direction(config: OptimizerConfig) -> optax.GradientTransformation:
    """Make the optax chain that turns (clipped) gradients into the direction of descent.

    - adam: Kingma & Ba 2015; weight decay, if any, is added to the gradient.
    - adamw: the same with decoupled decay (Loshchilov & Hutter 2019).
    - sgd: Nesterov momentum (Sutskever et al. 2013).
    - rmsprop: Tieleman & Hinton 2012, ε outside the root.
    """
    adam = optax.scale_by_adam(config.beta1, config.beta2, config.epsilon)
    rule = {
        "adam": adam,
        "adamw": adam,
        "sgd": optax.trace(config.momentum, nesterov=True),
        "rmsprop": optax.scale_by_rms(config.rms_decay, config.epsilon, eps_in_sqrt=False),
    }[config.name]
    if not decays(config):
        return rule
    decay = optax.add_decayed_weights(config.weight_decay)
    return optax.chain(rule, decay) if config.name == "adamw" else optax.chain(decay, rule)


def decays(config: OptimizerConfig) -> bool:
    """Return whether the rule has weight decay; a traced decay has a value for every replica."""
    return not isinstance(config.weight_decay, float | int) or config.weight_decay != 0


def clip_scale(
    norm: Float[Array, ...], clip_norm: Float[Array, ...] | float | None
) -> Float[Array, ...] | float:
    """Return the factor that limits gradients of norm `norm` to `clip_norm`."""
    if clip_norm is None:
        return 1.0
    return jnp.minimum(1.0, clip_norm / jnp.maximum(norm, jnp.finfo(norm.dtype).tiny))


def global_norm(grads: Params) -> Float[Array, ""]:
    """Return the norm of all gradients as one vector."""
    return jnp.sqrt(jnp.sum(jnp.stack([jnp.sum(jnp.square(g)) for g in jax.tree.leaves(grads)])))


def clip_adaptively(grads: Params, params: Params, ratio: Float[Array, ""] | float) -> Any:
    """Limit each unit's gradient to `ratio` times the norm of the unit's weights (Brock et al. 2021).

    A unit is a column of a kernel, its weights from all inputs (of a recurrent layer a gate of a unit), or a
    whole vector, such as a bias. The output layer, `head`, is not clipped, as in the paper.
    """

    def clip(
        path: Any, gradient: Float[Array, ...], weights: Float[Array, ...]
    ) -> Float[Array, ...]:
        if getattr(path[0], "key", None) == "head":
            return gradient
        most = ratio * jnp.maximum(_unit_norms(weights), _LEAST_NORM)
        return gradient * clip_scale(_unit_norms(gradient), most)

    return jax.tree_util.tree_map_with_path(clip, grads, params)


def _unit_norms(array: Float[Array, ...]) -> Float[Array, ...]:
    """Return the norms of an array's columns, or of a whole vector, in a shape that broadcasts with it."""
    axis = 0 if array.ndim > 1 else None
    return jnp.sqrt(jnp.sum(jnp.square(array), axis=axis, keepdims=True))


def make_schedule(
    config: OptimizerConfig, updates: int | Int[Array, ""], updates_per_epoch: int
) -> Schedule:
    """Make the learning rate, a function of the updates made and of those made when the schedule began.

    - constant and plateau: `learning_rate` throughout (the plateau's factor is applied separately).
    - cosine: linear warm-up over `warmup_fraction` of the updates from the begin to the
      end of the run, then half a cosine down to
      `final_fraction` of the peak at the end (Loshchilov & Hutter 2017).
    - warm_restarts: half cosines that start over after `restart_epochs` epochs, each
      `restart_factor` times as long as the last (the same paper).

    Args:
      config: names and constants.
      updates: number of updates of the whole run.
      updates_per_epoch: number of updates of an epoch.
    """
    peak, final = config.learning_rate, config.learning_rate * config.final_fraction

    def half_cosine(progress: Float[Array, ""]) -> Float[Array, ""]:
        return final + (peak - final) * 0.5 * (1 + jnp.cos(jnp.pi * jnp.clip(progress, 0, 1)))

    def constant(step: Int[Array, ""], begin: Int[Array, ""]) -> Float[Array, ""]:
        return jnp.full_like(step, peak, dtype=jnp.float32)

    def cosine(step: Int[Array, ""], begin: Int[Array, ""]) -> Float[Array, ""]:
        count, total = step - begin, updates - begin
        warmup = jnp.round(config.warmup_fraction * total)
        rising = peak * (count + 1) / (warmup + 1)
        falling = half_cosine((count - warmup) / jnp.maximum(total - warmup, 1))
        return jnp.where(count < warmup, rising, falling)

    first, factor = config.restart_epochs * updates_per_epoch, config.restart_factor
    if max(first, factor) > _LARGEST_COUNT:  # a cycle that no run reaches the end of
        first, factor = float(first), float(factor)

    def warm_restarts(step: Int[Array, ""], begin: Int[Array, ""]) -> Float[Array, ""]:
        count = step - begin
        if factor == 1:
            return half_cosine((count % first) / first)
        # Cycle n begins after first · (factorⁿ − 1)/(factor − 1) updates.
        passed = count / first * (factor - 1) + 1
        cycle = jnp.floor(jnp.log(passed) / math.log(factor) + 1e-6)
        passed_before = first * (factor**cycle - 1) / (factor - 1)
        return half_cosine((count - passed_before) / (first * factor**cycle))

    return {
        "constant": constant,
        "plateau": constant,
        "cosine": cosine,
        "warm_restarts": warm_restarts,
    }[config.schedule]


@dataclass
class Plateau:
    """Rule that multiplies the rate once the loss has stopped improving (reduce on plateau).

    An improvement is a fall by more than `min_delta` in absolute terms, so that negative losses work
    as well; NaN is never an improvement. After `patience` epochs without one the next such epoch
    multiplies `scale` by `factor` and the count starts over.
    """

    factor: float
    patience: int
    min_delta: float
    scale: float = 1.0
    best: float = math.inf
    waited: int = 0

    def observe(self, loss: float) -> float:
        """Update the state with an epoch's loss and return the scale for the next epoch."""
        if loss < self.best - self.min_delta or (math.isfinite(loss) and math.isinf(self.best)):
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.scale, self.waited = self.scale * self.factor, 0
        return self.scale
