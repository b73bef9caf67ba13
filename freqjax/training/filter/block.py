"""One block of rows of one group: the filter, and frozen copies of the weights it started from.

At the start of a block the initial carry is an unknown among the weights, Q is the identity, and weights are
in units of their prior standard deviations. Every sample is one update; nothing of the past is stored. Two
frozen copies, the candidates for the weights at the start, run over the same rows beside the filter; the
means of their losses are the shadow losses. Axes: P parts, n weights of a part, T rows of the block, M
inputs, N = P n.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from freqjax.networks.filtered import Recursion, correct
from freqjax.training.filter.square_root import observe, observe_apart


class Settings(NamedTuple):
    """Numbers that do not change within a block.

    Attributes:
      fixed: what the recursion reads besides the trained weights, as the biases of the gates [P, 2, 4].
      bias: bias of the head.
      scales: prior standard deviations.
      kept: see `Recursion.kept`.
      noise, underweight: see `square_root.observe`.
      corrected: 1 if the state is corrected for changes of the weights, else 0.
      recursion: the functions of the parts.
    """

    fixed: Float[Array, "*rest"]
    bias: Float[Array, ""]
    scales: Float[Array, "P n"]
    kept: Float[Array, "2 m"]
    noise: Float[Array, ""]
    underweight: Float[Array, ""]
    corrected: Float[Array, ""]
    recursion: Recursion


class Block(NamedTuple):
    """State of a block in progress.

    Attributes:
      trained: the present weights.
      state: the carried state.
      sensitivity: its derivatives.
      root: Q, of all weights or of each part's.
      candidates: the two frozen weights.
      shadows: their states.
      losses: [3] sums of the squared errors: prequential, and of the two shadows.
    """

    trained: Float[Array, "P n"]
    state: Any
    sensitivity: Any
    root: Float[Array, "*parts N N"]
    candidates: Float[Array, "2 P n"]
    shadows: Any
    losses: Float[Array, " 3"]


def begin(
    candidates: Float[Array, "2 P n"],
    preferred: Int[Array, ""] | int,
    before: Any,
    recursion: Recursion,
    *,
    apart: bool = False,
) -> Block:
    """Begin a block with the weights `candidates[preferred]` and their carry.

    Args:
      candidates: END and ESTIMATE.
      preferred: one of them.
      before: the state that goes on where it is no carry (`Recursion.begin`), or None.
      recursion: the functions of the parts.
      apart: whether the covariance of each part's weights is kept alone (`square_root.observe_apart`).
    """
    trained = candidates[preferred]
    state = recursion.begin(trained, before)
    root = jnp.eye(trained.shape[-1] if apart else trained.size, dtype=trained.dtype)
    return Block(
        trained=trained,
        state=state,
        sensitivity=recursion.sensitivity(state, trained.shape[-1]),
        root=jnp.tile(root, (len(trained), 1, 1)) if apart else root,
        candidates=candidates,
        shadows=recursion.begin(candidates, before),
        losses=jnp.zeros(3),
    )


def update(
    settings: Settings, block: Block, x: Float[Array, " M"], target: Float[Array, ""]
) -> Block:
    """Make one update with the row (x, target)."""
    recursion = settings.recursion
    before = jax.tree.map(lambda part: settings.kept[None] * part, block.sensitivity)
    state, sensitivity, output, derivatives = recursion.differentiate(
        block.trained, settings.fixed, block.state, before, x
    )
    error = target - settings.bias - output
    slope, numbers = derivatives * settings.scales, (settings.noise, settings.underweight)
    if block.root.ndim == 2:
        gain, root = observe(block.root, slope.reshape(-1), *numbers)
    else:
        gain, root = observe_apart(block.root, slope, *numbers)
    change = settings.scales * (gain * error).reshape(settings.scales.shape)
    state = correct(state, sensitivity, settings.corrected * change)
    shadows, outputs = jax.vmap(lambda w, s: recursion.advance(w, settings.fixed, s, x))(
        block.candidates, block.shadows
    )
    errors = jnp.append(error, target - settings.bias - outputs)
    return block._replace(
        trained=block.trained + change,
        state=state,
        sensitivity=sensitivity,
        root=root,
        shadows=shadows,
        losses=block.losses + jnp.square(errors),
    )


@functools.partial(jax.jit, donate_argnums=1)
def run(
    settings: Settings,
    block: Block,
    xs: Float[Array, "T M"],
    targets: Float[Array, " T"],
    first: Int[Array, ""] | int,
    last: Int[Array, ""] | int,
) -> Block:
    """Make the updates of rows first … last − 1 of a block; one program serves blocks of all lengths."""

    def body(row: Int[Array, ""], block: Block) -> Block:
        return update(settings, block, xs[row], targets[row])

    return jax.lax.fori_loop(first, last, body, block)
