"""Dense real-time recurrent learning whose sensitivities advance in C++, called from XLA.

Nearly all of an update's time is the recursion of the sensitivities, which sensitivities.cc makes in one pass
on all cores, XLA in several on one core. All else is that of `freqjax.training.chunks`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from freqjax.config.sections import Config
from freqjax.native import library
from freqjax.networks import DenseRealTime, Network
from freqjax.tasks import Task
from freqjax.training import chunks
from freqjax.training.chunks import Chunk
from freqjax.training.optimizers import Schedule


def why_not(network: Network, task: Task, config: Config) -> str | None:
    """Return the reason that the native loop does not support these sensitivities, as a sentence, or None."""
    del task
    if config.network.recurrence == "pairs":
        return "network.recurrence is pairs: the native sensitivities are those of all recurrent weights."
    if not isinstance(network, DenseRealTime):
        return f"The network is a {type(network).__name__}: the native sensitivities are those of one layer."
    return None


def make_native_chunk(
    network: Network, task: Task, config: Config, schedule: Schedule, groups: int
) -> Chunk:
    """Make the chunk of a run for which `why_not` returns None; jit it, donate state.

    State, stream and info are those of `freqjax.training.chunks.make_chunk`.

    Raises:
      UserError: the library cannot be loaded.
    """
    assert isinstance(network, DenseRealTime)
    library.load()
    return chunks.make_chunk(network.with_dense(_advance), task, config, schedule, groups)


def _advance(
    memory: jax.Array,
    state: jax.Array,
    couplings: jax.Array,
    direct: jax.Array,
    weights: jax.Array,
    place: int,
) -> tuple[jax.Array, jax.Array]:
    """Advance the sensitivities of a stream: see `freqjax.networks.sensitivities.Dense`."""
    outputs = (weights.shape[0], *direct.shape[1:])
    call = jax.ffi.ffi_call(
        library.SENSITIVITIES,
        [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in (memory.shape, outputs)],
        vmap_method="broadcast_all",
        input_output_aliases={0: 0},
    )
    after, of_outputs = call(
        memory, state, couplings, direct, weights, place=place, threads=library.threads()
    )
    return after, of_outputs
