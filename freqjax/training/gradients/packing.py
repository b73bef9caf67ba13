"""Packing of the train state into the few arrays that the loops of the online regime use, and back.

The weights of the gates are one matrix W [H + D + 2, 4H], the rows of W_h above those of W_i and the two
biases; all other parameters are one vector, and the moments have the same layout. Factors that all weights of
an update share are computed for a whole chunk at once.
Axes: U updates in a chunk, H hidden, D inputs, O outputs, P parameter arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from freqjax.config.sections import OptimizerConfig
from freqjax.networks import LstmCarry, SingleLstm
from freqjax.networks.weights import LstmSetting, LstmWeights
from freqjax.training.optimizers import Schedule, decays
from freqjax.training.update import TrainState

# Fields of a rule's optax state that have the parameters' layout.
_MOMENTS = {"adam": ("mu", "nu"), "adamw": ("mu", "nu"), "sgd": ("trace",), "rmsprop": ("nu",)}


class Packed(NamedTuple):
    """Packed parameters, or arrays with their layout.

    Attributes:
      gates: W, [H + D + 2, 4H].
      rest: W_y row by row, b_y and, if it is learned, c: [H·O + O] or [H·O + O + H].
    """

    gates: jax.Array
    rest: jax.Array


class Powers(NamedTuple):
    """Sums of squares from which the norm of a row's gradient is computed, [] each or, for a chunk, [U].

    Attributes:
      dz: sum for ∂L/∂z.
      h_before: sum for h before the row, 0 after a reset.
      e: sum for ∂L/∂y.
      h: sum for h.
      c: sum for the gradient of the learned initial c; 0 if it is not learned.
    """

    dz: jax.Array
    h_before: jax.Array
    e: jax.Array
    h: jax.Array
    c: jax.Array


def squared_norms(network: SingleLstm, x_power: jax.Array, powers: Powers) -> jax.Array:
    """Compute [P] or [U, P], the squared norm of each parameter array's gradient.

    The norm of an outer product is the product of the norms.
    """
    norms = LstmWeights(
        input_kernel=x_power * powers.dz,
        input_bias=powers.dz,
        recurrent_kernel=powers.h_before * powers.dz,
        recurrent_bias=powers.dz,
        head_kernel=powers.h * powers.e,
        head_bias=powers.e,
        carry=powers.c,
    )
    return jnp.stack(jax.tree.leaves(network.tree(norms)), axis=-1)


def pack_state(
    network: SingleLstm, config: OptimizerConfig, state: TrainState
) -> tuple[Packed, ...]:
    """Pack the parameters of `state`, and the moments of its update rule."""
    held = _rule_state(config, state.opt_state)
    moments = (getattr(held, name) for name in _MOMENTS[config.name])
    return tuple(_pack(network, tree) for tree in (state.params, *moments))


def unpack_state(
    network: SingleLstm,
    config: OptimizerConfig,
    before: TrainState,
    packed: tuple[Packed, ...],
    carry: LstmCarry,
    updates: int,
) -> TrainState:
    """Return the state after `updates` updates from `before`, given `packed` in the order of `pack_state`."""
    params, *moments = (_unpack(network, arrays) for arrays in packed)
    held = _rule_state(config, before.opt_state)
    held = held._replace(**dict(zip(_MOMENTS[config.name], moments, strict=True)))
    if "count" in held._fields:
        held = held._replace(count=held.count + updates)
    return before._replace(
        params=params,
        opt_state=_with_rule_state(config, before.opt_state, held),
        carry=carry,
        step=before.step + updates,
    )


def rates_and_factors(
    config: OptimizerConfig, schedule: Schedule, state: TrainState, updates: int
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Compute the learning rates of the next U = `updates` updates, and the factors common to all weights.

    Returns:
      The rates [U]; and for adam and adamw the factor of m, the term added to √v, and the rates, for the
      other rules only the rates, [U] each.
    """
    later = jnp.arange(updates, dtype=state.step.dtype)
    rates = jax.vmap(schedule, (0, None))(state.step + later, state.schedule_start)
    rates = rates * state.rate_scale
    held = _rule_state(config, state.opt_state)
    if "count" not in held._fields:
        return rates, (rates,)
    # m̂ / (√v̂ + ε) with the bias corrections factored out (Kingma & Ba 2015, end of section 2): one root and
    # one division per weight. 1 − βᵗ is computed as in optax, to have the same rounding.
    counts = held.count + later + 1
    root = jnp.sqrt(1 - config.beta2**counts)
    return rates, (rates * root / (1 - config.beta1**counts), config.epsilon * root, rates)


def split_rest(rest: jax.Array, setting: LstmSetting) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Split into W_y [H, O], b_y [O] and the learned c, [H], or [0] if it is not learned."""
    shape = (setting.hidden_size, setting.output_size)
    kernel, bias, c = jnp.split(rest, [shape[0] * shape[1], shape[0] * shape[1] + shape[1]])
    return kernel.reshape(shape), bias, c


def _rule_state(config: OptimizerConfig, opt_state: Any) -> Any:
    """Return the state of the rule, which `make_direction` chains with weight decay, if there is any."""
    if not decays(config):
        return opt_state
    return opt_state[0] if config.name == "adamw" else opt_state[1]


def _with_rule_state(config: OptimizerConfig, opt_state: Any, held: Any) -> Any:
    """Undo `_rule_state`: return `opt_state` with `held` in its place."""
    if not decays(config):
        return held
    return (held, opt_state[1]) if config.name == "adamw" else (opt_state[0], held)


def _pack(network: SingleLstm, tree: Any) -> Packed:
    """Pack `tree`, which has the layout of the parameters."""
    weights = network.weights(tree)
    gates = [weights.recurrent_kernel, weights.input_kernel]
    gates += [weights.input_bias[None], weights.recurrent_bias[None]]
    rest = [weights.head_kernel.reshape(-1), weights.head_bias]
    rest += [weights.carry] if "carry" in tree else []
    return Packed(jnp.concatenate(gates), jnp.concatenate(rest))


def _unpack(network: SingleLstm, packed: Packed) -> Any:
    """Undo `_pack`."""
    hidden, inputs = network.setting.hidden_size, network.setting.input_size
    recurrent, into, biases = jnp.split(packed.gates, [hidden, hidden + inputs], axis=0)
    head_kernel, head_bias, c = split_rest(packed.rest, network.setting)
    weights = LstmWeights(into, biases[0], recurrent, biases[1], head_kernel, head_bias, c)
    return network.tree(weights)
