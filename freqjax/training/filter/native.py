"""The updates of a block in C++, called from XLA: the filter of `freqjax.training.filter.block`.

filter.cc keeps the root of the covariance triangular, which halves its memory; the loop in JAX has a full
one of the same covariance. Either may continue where the other stopped.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from freqjax.native import library
from freqjax.networks import Network, SingleLstm
from freqjax.networks.pairs import PairState, Sensitivity
from freqjax.training.filter.block import Block, Settings

# (settings, block, inputs, targets, first, last) → the block after rows first … last − 1.
Run = Callable[[Settings, Block, jax.Array, jax.Array, int, int], Block]


def why_not(network: Network) -> str | None:
    """Return the reason that the native loop does not support a filter, as a sentence, or None."""
    if not isinstance(network, SingleLstm):
        return f"The network is a {type(network).__name__}: the native filter is that of pairs of an LSTM."
    return library.why_not()


def make_run() -> Run:
    """Load the library and return its `block.run`, for arrays of float32.

    Raises:
      UserError: the library cannot be loaded.
    """
    library.load()
    return _run


@functools.partial(jax.jit, donate_argnums=1)
def _run(
    settings: Settings,
    block: Block,
    xs: Float[Array, "T M"],
    targets: Float[Array, " T"],
    first: Int[Array, ""] | int,
    last: Int[Array, ""] | int,
) -> Block:
    # What updates change, in the order of the results of filter.cc.
    changing = (
        block.trained,
        jnp.stack(block.state),
        jnp.stack(block.sensitivity),
        jnp.stack(block.shadows),
        block.root,
        block.losses,
    )
    call = jax.ffi.ffi_call(
        library.FILTER, [jax.ShapeDtypeStruct(array.shape, jnp.float32) for array in changing]
    )
    trained, state, sensitivity, shadows, root, losses = call(
        jnp.stack([jnp.asarray(row, jnp.int32) for row in (first, last)]),
        xs,
        targets,
        _numbers(settings),
        settings.fixed,
        settings.scales,
        settings.kept,
        block.candidates,
        *changing,
    )
    return Block(
        trained=trained,
        state=PairState(*state),
        sensitivity=Sensitivity(*sensitivity),
        root=root,
        candidates=block.candidates,
        shadows=PairState(*shadows),
        losses=losses,
    )


def _numbers(settings: Settings) -> Float[Array, " 4"]:
    """Return the values of `Numbers` in filter.cc."""
    return jnp.stack([settings.bias, settings.noise, settings.underweight, settings.corrected])
