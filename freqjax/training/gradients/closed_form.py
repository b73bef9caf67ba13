"""The truncated gradient of the online regime in closed form, with the optimizer step in the same loop.

With K = 1 and one stream the gradient can be written out. In the notation of `freqjax.networks.lstm`,
with the carry (c', h') before the row, a = [h', x, 1, 1] and all weights of the gates as one matrix W
[H + D + 2, 4H], whose last rows are the two biases, so that the gates' arguments are z = a W:

    e = ∂L/∂y                        δh = W_y e             δc = δh o (1 − tanh² c)
    δz_i = δc g i (1 − i)            δz_f = δc c' f (1 − f)
    δz_g = δc i (1 − g²)             δz_o = δh tanh(c) o (1 − o)
    ∂L/∂W = a ⊗ δz                   ∂L/∂W_y = h ⊗ e        ∂L/∂b_y = e

and δc f for a learned initial c, at the first row after a reset (Hochreiter & Schmidhuber 1997, their
truncation, reduced to one step). The norm of an outer product is the product of the norms, so that clipping
reads no weights. Most time is spent in the optimiser, which must process W and its moments.
`make_online_chunk` therefore packs them for the length of a chunk into a few arrays. The state is that of
`freqjax.training.update`, and so are the numbers, up to rounding; on a CPU the closed form is faster.
Axes: U updates in a chunk, P parameter arrays, H hidden, D inputs, O outputs; K = 1 and B = 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from freqjax.config.sections import Config, OptimizerConfig
from freqjax.networks import LstmCarry, Network, SingleLstm
from freqjax.tasks import Task
from freqjax.training.chunks import Chunk, ChunkInfo, summarise
from freqjax.training.gradients.packing import (
    Packed,
    Powers,
    pack_state,
    rates_and_factors,
    split_rest,
    squared_norms,
    unpack_state,
)
from freqjax.training.optimizers import Schedule, clip_scale, decays
from freqjax.training.streams import Stream
from freqjax.training.update import TrainState, UpdateInfo

# `packing.Packed` with W in blocks of columns, each [H + D + 2, 4H / blocks], and `rest` last.
_Blocks = tuple[jax.Array, ...]

# Largest number of elements of a block. XLA splits longer loops over several threads, whose synchronisation
# costs more than they save here; and a block and its moments stay in the L2 cache for all operations on them.
_BLOCK = 18_432
# A matrix that would need more blocks than this is not split, so that several threads process it.
_MOST_BLOCKS = 64


class _Row(NamedTuple):
    """Row that one update reads; with a leading axis U, the rows of a chunk.

    Attributes:
      x: [D + 2], the inputs and a 1 for each bias.
      x_power: Σ x² of the inputs.
      target: [O].
      reset: bool, the carry starts over before this row.
      next_x: [D + 2], of the next row; arbitrary in the last row of a chunk.
      next_reset: bool, likewise.
      factors: the factors of this update from `rates_and_factors`.
    """

    x: jax.Array
    x_power: jax.Array
    target: jax.Array
    reset: jax.Array
    next_x: jax.Array
    next_reset: jax.Array
    factors: tuple[jax.Array, ...]


class _Carry(NamedTuple):
    """State from update to update inside a chunk.

    Attributes:
      params: the parameters.
      moments: moments of the parameters, in the order of `pack_state`.
      z: [4H], the gates' arguments for the next row.
      c: [H].
      h: [H].
      h_power: Σ h².
    """

    params: _Blocks
    moments: tuple[_Blocks, ...]
    z: jax.Array
    c: jax.Array
    h: jax.Array
    h_power: jax.Array


class _Gradient(NamedTuple):
    """Gradient column ⊗ row, formed only inside the loop that uses it; or row, without a column."""

    column: jax.Array | None
    row: jax.Array

    def times(self, factor: Any) -> jax.Array:
        """Return the gradient times a scalar."""
        row = factor * self.row
        return row if self.column is None else self.column[:, None] * row[None]

    def squared(self, factor: Any) -> jax.Array:
        """Return its square times a scalar."""
        row = factor * jnp.square(self.row)
        return row if self.column is None else jnp.square(self.column)[:, None] * row[None]


# An update rule of `freqjax.training.optimizers`, with as few operations per weight as possible: ((weights,
# *moments), gradient, factors of this update) → (weights, *moments) after it.
_Rule = Callable[[tuple[jax.Array, ...], _Gradient, Any], tuple[jax.Array, ...]]


class _Found(NamedTuple):
    """Results of a row before the weights are updated.

    Attributes:
      loss: of the row.
      squared_norms: [P], of the gradient of each parameter array.
      gates: the gradient of W.
      rest: the gradient of the other parameters, in the layout of `Packed.rest`.
      carry: the carry after the row, with the weights before the update.
    """

    loss: jax.Array
    squared_norms: jax.Array
    gates: _Gradient
    rest: jax.Array
    carry: _Carry


def why_not(network: Network, task: Task, config: Config) -> str | None:
    """Return the reason that an online run has no closed form, as a sentence; None if it has one."""
    if config.train.streams != "sequential":
        return f"train.streams is {config.train.streams}: the closed form has one stream."
    if task.weighted:
        return "The rows have weights: the closed form counts each row once."
    if config.optimizer.clip != "global":
        return (
            f"optimizer.clip is {config.optimizer.clip}: the closed form clips by the global norm."
        )
    if config.network.recurrence == "pairs":
        return "network.recurrence is pairs: the closed form has all recurrent weights."
    if not isinstance(network, SingleLstm):
        return f"The network is a {type(network).__name__}: the closed form is that of one LSTM."
    return None


def make_online_chunk(
    network: Network, task: Task, config: Config, schedule: Schedule, groups: int
) -> Chunk:
    """Make the chunk of an online run for which `why_not` returns None; jit it, donate state.

    State, stream and info are those of `freqjax.training.chunks.make_chunk`, so that the two can be
    interchanged between chunks.

    Raises:
      ValueError: `why_not` returns a reason, which is the message.
    """
    reason = why_not(network, task, config)
    if not isinstance(network, SingleLstm) or reason is not None:
        raise ValueError(reason)
    lstm, rule, clip_norm = network, _make_rule(config.optimizer), config.optimizer.clip_norm

    def update(carry: _Carry, row: _Row) -> tuple[_Carry, tuple[jax.Array, jax.Array]]:
        found = differentiate(lstm, task, carry, row)
        scale = clip_scale(jnp.sqrt(jnp.sum(found.squared_norms)), clip_norm)
        return move(rule, found, scale, row), (found.loss, found.squared_norms)

    def chunk(state: TrainState, stream: Stream) -> tuple[TrainState, ChunkInfo]:
        updates = stream.inputs.shape[0]
        rates, factors = rates_and_factors(config.optimizer, schedule, state, updates)
        rows = _rows(stream, factors)
        carry = _begin(lstm, config.optimizer, state, rows)
        carry, (losses, norms) = jax.lax.scan(update, carry, rows)
        after = _end(lstm, config.optimizer, state, carry, updates)
        infos = UpdateInfo(losses[:, None, None], norms, rates)
        return after, summarise(infos, stream, state.params, after.params, groups)

    return chunk


def differentiate(network: SingleLstm, task: Task, carry: _Carry, row: _Row) -> _Found:
    """Compute loss, gradient and next carry of one row, by the equations in the module's docstring."""
    head_kernel, head_bias, learned_c = split_rest(carry.params[-1], network.setting)
    learned = learned_c.size > 0
    c_before = jnp.where(row.reset, learned_c if learned else 0.0, carry.c)
    zi, zf, zg, zo = jnp.split(carry.z, 4)
    i, f, g, o = jax.nn.sigmoid(zi), jax.nn.sigmoid(zf), jnp.tanh(zg), jax.nn.sigmoid(zo)
    c = f * c_before + i * g
    bounded = jnp.tanh(c)
    h = o * bounded
    y = jnp.sum(h[:, None] * head_kernel, axis=0) + head_bias
    loss, e = jax.value_and_grad(lambda y: task.objective.row_loss(y, row.target))(y)
    dh = jnp.sum(head_kernel * e[None], axis=1)
    dc = dh * o * (1 - bounded * bounded)
    dz = jnp.concatenate(
        [dc * g * i * (1 - i), dc * c_before * f * (1 - f), dc * i * (1 - g * g), dh * h * (1 - o)]
    )
    dlearned = jnp.where(row.reset, dc * f, 0.0) if learned else learned_c
    h_power, dz_power, e_power, c_power = (
        jnp.sum(jnp.square(array)) for array in (h, dz, e, dlearned)
    )
    powers = Powers(dz_power, jnp.where(row.reset, 0.0, carry.h_power), e_power, h_power, c_power)
    return _Found(
        loss=loss,
        squared_norms=squared_norms(network, row.x_power, powers),
        gates=_Gradient(_column(carry.h, row.x, row.reset), dz),
        rest=jnp.concatenate([(h[:, None] * e[None]).reshape(-1), e, dlearned]),
        carry=carry._replace(c=c, h=h, h_power=h_power),
    )


def _column(h: jax.Array, x: jax.Array, reset: jax.Array) -> jax.Array:
    """Return the vector a of a row, [H + D + 2], from h before it."""
    return jnp.concatenate([jnp.where(reset, 0.0, h), x])


def move(rule: _Rule, found: _Found, scale: Any, row: _Row) -> _Carry:
    """Update weights and moments with scale · gradient, and return the carry with them.

    The update is block by block, so that all operations on a block are done while it is in the cache; for the
    same reason the next row's z is computed here.
    """
    *blocks, rest = zip(found.carry.params, *found.carry.moments, strict=True)
    moved_rest = rule(rest, _Gradient(None, scale * found.rest), row.factors)
    moved, z, waiting = [], [], scale
    (column, dz), ahead = found.gates, _column(found.carry.h, row.next_x, row.next_reset)
    for block, part in zip(blocks, jnp.split(dz, len(blocks)), strict=True):
        moved.append(rule(block, _Gradient(column, waiting * part), row.factors))
        z.append(ahead @ moved[-1][0])
        # This adds zero, but makes the next block depend on this one.
        waiting = scale + 0.0 * z[-1][0]
    params, *moments = zip(*moved, moved_rest, strict=True)
    return found.carry._replace(params=params, moments=tuple(moments), z=jnp.concatenate(z))


def _make_rule(config: OptimizerConfig) -> _Rule:
    """Make the rule of `freqjax.training.optimizers.make_direction` with the step −rate · direction."""
    decay = config.weight_decay
    coupled = decays(config) and config.name != "adamw"
    decoupled = decays(config) and config.name == "adamw"

    def regularized(weights: jax.Array, gradient: _Gradient) -> _Gradient:
        if not coupled:
            return gradient
        return _Gradient(None, gradient.times(1.0) + decay * weights)

    def adam(arrays, gradient, factors):
        (p, m, v), (rate, epsilon, decay_rate) = arrays, factors
        gradient = regularized(p, gradient)
        m = config.beta1 * m + gradient.times(1 - config.beta1)
        v = config.beta2 * v + gradient.squared(1 - config.beta2)
        step = rate * m / (jnp.sqrt(v) + epsilon)
        if decoupled:
            step = step + decay_rate * (decay * p)
        return p - step, m, v

    def sgd(arrays, gradient, factors):
        p, trace = arrays
        gradient = regularized(p, gradient)
        trace = config.momentum * trace + gradient.times(1.0)
        return p - factors[0] * (gradient.times(1.0) + config.momentum * trace), trace

    def rmsprop(arrays, gradient, factors):
        p, v = arrays
        gradient = regularized(p, gradient)
        v = config.rms_decay * v + gradient.squared(1 - config.rms_decay)
        return p - gradient.times(factors[0]) / (jnp.sqrt(v) + config.epsilon), v

    return {"adam": adam, "adamw": adam, "sgd": sgd, "rmsprop": rmsprop}[config.name]


def _rows(stream: Stream, factors: tuple[jax.Array, ...]) -> _Row:
    """Return the rows of a chunk, [U, 1, 1, ·] → [U, ·]."""
    x, reset = stream.inputs[:, 0, 0], stream.resets[:, 0, 0]
    ones = jnp.ones_like(x, shape=(x.shape[0], 2))
    with_ones = jnp.concatenate([x, ones], axis=1)
    return _Row(
        x=with_ones,
        x_power=jnp.sum(jnp.square(x), axis=1),
        target=stream.targets[:, 0, 0],
        reset=reset,
        next_x=jnp.roll(with_ones, -1, axis=0),
        next_reset=jnp.roll(reset, -1),
        factors=factors,
    )


def _begin(network: SingleLstm, config: OptimizerConfig, state: TrainState, rows: _Row) -> _Carry:
    """Return the carry of a chunk of `rows` at its start, from `state`."""
    c, h = state.carry.c[0], state.carry.h[0]
    packed = pack_state(network, config, state)
    blocks = _block_count(*packed[0].gates.shape)
    params, *moments = ((*jnp.split(p.gates, blocks, axis=1), p.rest) for p in packed)
    first = _column(h, rows.x[0], rows.reset[0])
    z = jnp.concatenate([first @ block for block in params[:-1]])
    return _Carry(params, tuple(moments), z, c, h, jnp.sum(jnp.square(h)))


def _end(
    network: SingleLstm, config: OptimizerConfig, before: TrainState, carry: _Carry, updates: int
) -> TrainState:
    """Return the state after `updates` updates from `before`, which ended with `carry`."""
    arrays = (carry.params, *carry.moments)
    packed = tuple(Packed(jnp.concatenate(gates, axis=1), rest) for *gates, rest in arrays)
    return unpack_state(
        network, config, before, packed, LstmCarry(carry.c[None], carry.h[None]), updates
    )


def _block_count(rows: int, columns: int) -> int:
    """Return the number of equal blocks of columns into which a matrix is split."""
    fits = (
        n for n in range(1, _MOST_BLOCKS + 1) if columns % n == 0 and rows * columns <= n * _BLOCK
    )
    return next(fits, 1)
