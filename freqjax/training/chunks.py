"""Chunks: many updates in one jitted call, and the statistics that the host receives.

Axes: U updates in a chunk, K samples in a window, B streams, G groups, P parameter arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num

from freqjax.config.sections import Config
from freqjax.networks import Network
from freqjax.networks.network import Params
from freqjax.tasks import Task
from freqjax.training.gradients import make_estimator
from freqjax.training.optimizers import Optimizer, Schedule
from freqjax.training.streams import Stream
from freqjax.training.update import TrainState, UpdateInfo, make_update


class ChunkInfo(NamedTuple):
    """Report of a chunk of U updates to the host.

    Attributes:
      loss_sums: [G] loss, summed over the rows of each group.
      row_counts: [G] number of rows of each group; if rows have weights, the sums of the weights.
      norm_sum: sum over updates of the global gradient norm before clipping.
      norm_max: maximum of that norm.
      norm_argmax: the update in the chunk with the maximum.
      layer_norm_sums: [P], as norm_sum by parameter array.
      layer_norm_maxima: [P], as norm_max.
      layer_norm_argmax: [P] int32, as norm_argmax.
      update_ratios: [P], norm of the change over the chunk / norm at its start.
      rate: the last learning rate.
      bad_update: the first update whose loss or gradient is not finite, or U.
    """

    loss_sums: Float[Array, " G"]
    row_counts: Num[Array, " G"]
    norm_sum: Float[Array, ""]
    norm_max: Float[Array, ""]
    norm_argmax: Int[Array, ""]
    layer_norm_sums: Float[Array, " P"]
    layer_norm_maxima: Float[Array, " P"]
    layer_norm_argmax: Int[Array, " P"]
    update_ratios: Float[Array, " P"]
    rate: Float[Array, ""]
    bad_update: Int[Array, ""]


Chunk = Callable[[TrainState, Stream], tuple[TrainState, ChunkInfo]]


def make_chunk(
    network: Network,
    task: Task,
    config: Config,
    schedule: Schedule,
    groups: int,
    dropout_key: jax.Array | None = None,
) -> Chunk:
    """Return the pure function that scans the update over the U windows of a stream; jit it, donate state.

    Args:
      network: the network to train.
      task: defines the loss.
      config: the config of the run.
      schedule: learning rate.
      groups: G.
      dropout_key: may be traced; None for that of `train.seed`.
    """
    estimator = make_estimator(network, task, config, dropout_key)
    update = make_update(estimator, Optimizer(config.optimizer, schedule))

    def chunk(state: TrainState, stream: Stream) -> tuple[TrainState, ChunkInfo]:
        before = state.params
        state, infos = jax.lax.scan(update, state, stream)
        return state, summarise(infos, stream, before, state.params, groups)

    return chunk


def summarise(
    infos: UpdateInfo, stream: Stream, before: Params, after: Params, groups: int
) -> ChunkInfo:
    """Reduce the stacked infos of U updates to the report for the host."""
    losses, row_groups, counts = infos.losses, stream.groups.reshape(-1), 1
    kind = jnp.int32
    if stream.weights is not None:
        counts, kind = stream.weights.reshape(-1), jnp.float32
        losses = jnp.where(stream.weights > 0, stream.weights * losses, 0)
    layer_norms = jnp.sqrt(infos.squared_norms)
    norms = jnp.sqrt(jnp.sum(infos.squared_norms, axis=1))
    finite = jnp.isfinite(norms) & jnp.isfinite(jnp.sum(losses, axis=(1, 2)))
    return ChunkInfo(
        loss_sums=jnp.zeros(groups).at[row_groups].add(losses.reshape(-1), mode="drop"),
        row_counts=jnp.zeros(groups, kind).at[row_groups].add(counts, mode="drop"),
        norm_sum=jnp.sum(norms),
        norm_max=jnp.max(norms),
        norm_argmax=jnp.argmax(norms),
        layer_norm_sums=jnp.sum(layer_norms, axis=0),
        layer_norm_maxima=jnp.max(layer_norms, axis=0),
        layer_norm_argmax=jnp.argmax(layer_norms, axis=0),
        update_ratios=change_ratios(before, after),
        rate=infos.rate[-1],
        bad_update=jnp.argmin(jnp.append(finite, False)),
    )


def change_ratios(before: Params, after: Params) -> Float[Array, " P"]:
    """Compute [P], norm of each parameter array's change / its norm before; NaN for an array of zeros."""

    def ratio(a: jax.Array, b: jax.Array) -> jax.Array:
        norm = jnp.linalg.norm(a)
        return jnp.where(norm > 0, jnp.linalg.norm(b - a) / norm, jnp.nan)

    return jnp.stack(jax.tree.leaves(jax.tree.map(ratio, before, after)))


def layer_names(params: Params) -> list[str]:
    """Return the names of the P parameter arrays, in the order of the infos."""
    paths = jax.tree_util.tree_flatten_with_path(params)[0]
    return ["/".join(str(getattr(key, "key", key)) for key in path) for path, _ in paths]
