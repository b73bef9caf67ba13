"""The closed form of `freqjax.training.gradients.closed_form` as one fused loop in C++, called from XLA.

online.cc makes one pass over the weights per update, XLA several, which dominate the time.
State, stream and numbers are those of `freqjax.training.gradients.closed_form`, up to rounding.
Axes: U updates in a chunk, A the weights and their moments, H hidden, D inputs, O outputs.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from freqjax.config import sections as configs
from freqjax.native import library
from freqjax.networks import LstmCarry, Network, SingleLstm
from freqjax.tasks import Task
from freqjax.training.chunks import Chunk, ChunkInfo, summarise
from freqjax.training.gradients.packing import (
    Packed,
    Powers,
    pack_state,
    rates_and_factors,
    squared_norms,
    unpack_state,
)
from freqjax.training.optimizers import Schedule, decays
from freqjax.training.streams import Stream
from freqjax.training.update import TrainState, UpdateInfo

# Indices in `kRules` of online.cc: of the rule without weight decay, and with it.
_RULES = {"adam": (0, 1), "adamw": (0, 2), "sgd": (3, 4), "rmsprop": (5, 6)}


def why_not(network: Network, task: Task, config: configs.Config) -> str | None:
    """Return the reason that the loop does not support a run, as a sentence, or None."""
    if config.train.streams != "sequential":
        return f"train.streams is {config.train.streams}: the native loop has one stream."
    if config.optimizer.clip != "global":
        return (
            f"optimizer.clip is {config.optimizer.clip}: the native loop clips by the global norm."
        )
    if config.network.recurrence == "pairs":
        return "network.recurrence is pairs: the native loop has all recurrent weights."
    if not isinstance(network, SingleLstm):
        return f"The network is a {type(network).__name__}: the native loop is that of one LSTM."
    if not task.objective.squared:
        return (
            f"The objective is the {task.objective.label}: the native loop has the squared error."
        )
    if task.weighted:
        return "The rows have weights: the native loop counts each row once."
    return None


def make_native_chunk(
    network: Network, task: Task, config: configs.Config, schedule: Schedule, groups: int
) -> Chunk:
    """Make the chunk of an online run for which `why_not` returns None; jit it, donate state.

    State, stream and info are those of `freqjax.training.chunks.make_chunk`.

    Raises:
      UserError: the library cannot be loaded.
    """
    assert isinstance(network, SingleLstm)
    lstm, optimizer = network, config.optimizer
    library.load()

    def chunk(state: TrainState, stream: Stream) -> tuple[TrainState, ChunkInfo]:
        updates = stream.inputs.shape[0]
        rates, factors = rates_and_factors(optimizer, schedule, state, updates)
        packed = pack_state(lstm, optimizer, state)
        packed, carry, losses, powers = _run(optimizer, packed, state.carry, stream, factors)
        after = unpack_state(lstm, optimizer, state, packed, carry, updates)
        x_power = jnp.sum(jnp.square(stream.inputs[:, 0, 0]), axis=1)
        norms = squared_norms(lstm, x_power, powers)
        infos = UpdateInfo(losses[:, None, None], norms, rates)
        return after, summarise(infos, stream, state.params, after.params, groups)

    return chunk


def _run(
    optimizer: configs.OptimizerConfig,
    packed: tuple[Packed, ...],
    carry: LstmCarry,
    stream: Stream,
    factors: tuple[jax.Array, ...],
) -> tuple[tuple[Packed, ...], LstmCarry, jax.Array, Powers]:
    """Make the U updates; return `packed` and carry after them, the losses [U] and the powers, [U] each."""
    gates, rest = (jnp.stack(arrays) for arrays in zip(*packed, strict=True))
    c, h = carry.c[0], carry.h[0]
    updates = stream.inputs.shape[0]
    results = [gates, rest, c, h]
    shapes = [*(a.shape for a in results), (updates,), (updates, len(Powers._fields))]
    call = jax.ffi.ffi_call(
        library.ONLINE,
        [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes],
        vmap_method="sequential",
    )
    rule = _RULES[optimizer.name][decays(optimizer)]
    gates, rest, c, h, losses, powers = call(
        stream.inputs[:, 0, 0],
        stream.targets[:, 0, 0],
        stream.resets[:, 0, 0],
        jnp.stack(factors, axis=1),
        _constants(optimizer),
        *results,
        rule=rule,
    )
    after = tuple(Packed(*arrays) for arrays in zip(gates, rest, strict=True))
    return after, LstmCarry(c[None], h[None]), losses, Powers(*powers.T)


def _constants(optimizer: configs.OptimizerConfig) -> jax.Array:
    """Return the values of `Constants` in online.cc; 1 − β is rounded once, as in optax."""
    first = optimizer.momentum if optimizer.name == "sgd" else optimizer.beta1
    second = optimizer.rms_decay if optimizer.name == "rmsprop" else optimizer.beta2
    clip_norm = jnp.inf if optimizer.clip_norm is None else optimizer.clip_norm
    values = (clip_norm, optimizer.weight_decay, first, 1 - first, second, 1 - second)
    return jnp.stack([jnp.asarray(v, jnp.float32) for v in (*values, optimizer.epsilon)])
