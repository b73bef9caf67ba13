"""Plain LSTM in JAX for comparison: autodiff and optax, without freqjax.

The four gates are one matrix; everything else is left to JAX. Axes: T time, B streams, D inputs, H hidden.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax


class State(NamedTuple):
    """State between updates: parameters, moments, and (c, h), each [B, H], of every layer."""

    params: Any
    moments: Any
    carry: Any


def init_params(inputs: int, hidden: int, layers: int) -> Any:
    """Draw weights as PyTorch does, U(−1/√H, 1/√H)."""
    random, bound = np.random.default_rng(0), hidden**-0.5

    def draw(*shape: int) -> jax.Array:
        return jnp.asarray(random.uniform(-bound, bound, shape), jnp.float32)

    def layer(width: int) -> dict[str, jax.Array]:
        return {
            "input": draw(width, 4 * hidden),
            "input_bias": draw(4 * hidden),
            "recurrent": draw(hidden, 4 * hidden),
            "recurrent_bias": draw(4 * hidden),
        }

    return {
        "layers": [layer(inputs if number == 0 else hidden) for number in range(layers)],
        "head": draw(hidden, 1),
        "head_bias": draw(1),
    }


def zero_carry(streams: int, hidden: int, layers: int) -> Any:
    """Return (c, h) of every layer, all 0."""
    shape = (streams, hidden)
    return [(jnp.zeros(shape), jnp.zeros(shape)) for _ in range(layers)]


def step(params: Any, carry: Any, x: jax.Array) -> tuple[Any, jax.Array]:
    """Process one sample by all layers: x [B, D] → carry, y [B, 1]."""
    after = []
    for layer, (c, h) in zip(params["layers"], carry, strict=True):
        z = x @ layer["input"] + layer["input_bias"][None] + h @ layer["recurrent"]
        i, f, g, o = jnp.split(z + layer["recurrent_bias"][None], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        x = jax.nn.sigmoid(o) * jnp.tanh(c)
        after.append((c, x))
    return after, x @ params["head"] + params["head_bias"][None]


def mse(params: Any, carry: Any, xs: jax.Array, targets: jax.Array) -> jax.Array:
    """Compute the mean squared error of whole streams, xs [T, B, D] and targets [T, B, 1]."""
    _, ys = jax.lax.scan(partial(step, params), carry, xs)
    return jnp.mean(jnp.square(ys - targets))


def make_online_chunk(clip_norm: float, learning_rate: float) -> tuple[Any, Any]:
    """Return optax's Adam with clipping, and the jitted (state, (xs, targets)) → state, losses [T]."""
    optimizer = optax.chain(optax.clip_by_global_norm(clip_norm), optax.adam(learning_rate))

    def loss(params: Any, carry: Any, x: jax.Array, target: jax.Array):
        carry, y = step(params, carry, x)
        return jnp.mean(jnp.square(y - target)), carry

    def update(state: State, row: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
        value_and_grad = jax.value_and_grad(loss, has_aux=True)
        (value, carry), grads = value_and_grad(state.params, state.carry, *row)
        updates, moments = optimizer.update(grads, state.moments, state.params)
        return State(optax.apply_updates(state.params, updates), moments, carry), value

    @partial(jax.jit, donate_argnums=0)
    def chunk(state: State, rows: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
        return jax.lax.scan(update, state, rows)

    return optimizer, chunk
