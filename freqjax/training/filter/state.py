"""State of strict online learning, and the arrays of it that the beginning and the end of a block move.

Nothing is computed here. Each function is one program, where every step by itself would be a program to load.
Axes: F groups, P parts of a group, n weights of a part.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from freqjax.networks.filtered import CARRY, Recursion
from freqjax.training.filter.block import Block, begin
from freqjax.training.filter.judgement import END


class FilterState(NamedTuple):
    """Arrays that a resume needs, besides the parameters.

    Attributes:
      candidates: [F, 2, P, n] weights from which the next block may begin, END and ESTIMATE.
      best: [F, P, n] weights with the lowest shadow loss.
      carried: states [F, P, …] of every group's parts, where a state is carried from block to block.
      repeated: [P, 2] carry of the block in progress where its targets last repeated their start; arbitrary
        before that.
      block: the block in progress; arbitrary between blocks.
    """

    candidates: Float[Array, "F 2 P n"]
    best: Float[Array, "F P n"]
    carried: Any
    repeated: Float[Array, "P 2"]
    block: Block


@functools.partial(jax.jit, static_argnames="apart")
def first(trained: Float[Array, "F P n"], recursion: Recursion, *, apart: bool) -> FilterState:
    """Return the state of a filter that begins with the weights `trained` of all groups."""
    candidates = jnp.stack([trained, trained], axis=1)
    block = begin(candidates[0], END, None, recursion, apart=apart)
    carried = recursion.begin(trained)
    return FilterState(candidates, trained, carried, recursion.carry(block.state), block)


@functools.partial(jax.jit, static_argnames=("afresh", "goes_on", "apart"))
def next_block(
    candidates: Float[Array, "F 2 P n"],
    carried: Any,
    group: Int[Array, ""] | int,
    preferred: Int[Array, ""] | int,
    recursion: Recursion,
    *,
    afresh: bool,
    goes_on: bool,
    apart: bool,
) -> Block:
    """Begin a block of `group`, with its carried state as the initial carry unless `afresh`."""
    own, before = candidates[group], jax.tree.map(lambda values: values[group], carried)
    if not afresh:
        own = own.at[..., CARRY].set(recursion.carry(before))
    return begin(own, preferred, before if goes_on else None, recursion, apart=apart)


@jax.jit
def best_after(
    best: Float[Array, "F P n"],
    candidates: Float[Array, "2 P n"],
    group: Int[Array, ""] | int,
    chosen: Int[Array, ""] | int,
) -> Float[Array, "F P n"]:
    """Keep the chosen candidate of a block as the best weights of its group."""
    return best.at[group].set(candidates[chosen])


@jax.jit
def candidates_after(
    candidates: Float[Array, "F 2 P n"],
    carried: Any,
    group: Int[Array, ""] | int,
    trained: Float[Array, "P n"],
    state: Any,
    repeated: Float[Array, "P 2"],
) -> tuple[Float[Array, "F 2 P n"], Any]:
    """Keep the end of a block of `group`: the candidates END and ESTIMATE of its next, and its state."""
    pair = jnp.stack([trained.at[:, CARRY].set(repeated), trained])
    carried = jax.tree.map(lambda all_, own: all_.at[group].set(own), carried, state)
    return candidates.at[group].set(pair), carried
