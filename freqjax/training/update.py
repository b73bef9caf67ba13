"""The train step, and the scans that repeat it: online, truncated and full backpropagation, windows.

All regimes are one step over a window of K samples. In three of them the state is carried in and out:

    online   K = 1: nothing is differentiated through time
    tbptt    K of the config: the gradient is cut at the window's edge, the state is not
    full     K = all samples of the stream
    windows  K = L of the config: every window begins with a state of its own (`freqjax.tasks.windows`)

`make_chunk` scans the step over many windows inside one jitted call; what the host sees of a chunk is
`ChunkInfo`, small and fetched once. Resets of the carried state are flags in the stream.
Axes: U updates in a chunk, K samples in a window, B streams, G groups, P parameter arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from freqjax.config.sections import Config
from freqjax.networks import Network
from freqjax.tasks import Sequences, Task
from freqjax.training.optimizers import Schedule, clip_scale, make_direction


class Stream(NamedTuple):
    """A stream cut into windows, in the order they are trained on.

    Attributes:
      inputs: [U, K, B, D] float32; of windows that are warmed up [U, M + K, B, D].
      targets: [U, K, B, O] float32.
      groups: [U, K, B] int32, whose loss a row counts towards; in windows G where it counts for nothing.
      resets: [U, K, B] bool, the carried state starts over before this row; as many rows as inputs.
      weights: [U, K, B] float32, how much a row counts in the loss; None where each counts 1.
    """

    inputs: jax.Array
    targets: jax.Array
    groups: jax.Array
    resets: jax.Array
    weights: Any = None


class TrainState(NamedTuple):
    """What is carried from update to update, and all that a resume needs of the device.

    Attributes:
      params: the network's parameters.
      opt_state: the update rule's moments.
      carry: the network's carry after the last row, cut from the gradient.
      step: int32, updates made.
      schedule_start: int32, the update at which the schedule began.
      rate_scale: float32, what a plateau has multiplied the learning rate by.
    """

    params: Any
    opt_state: Any
    carry: Any
    step: jax.Array
    schedule_start: jax.Array
    rate_scale: jax.Array


class UpdateInfo(NamedTuple):
    """What one update reports.

    Attributes:
      losses: [K, B], of every row, before the update.
      squared_norms: [P], squared gradient norm of each parameter array before clipping.
      rate: learning rate.
    """

    losses: jax.Array
    squared_norms: jax.Array
    rate: jax.Array


class ChunkInfo(NamedTuple):
    """What a chunk of U updates reports to the host.

    Attributes:
      loss_sums: [G], summed over the rows of each group.
      row_counts: [G] how many rows each group has; where rows have weights, the sums of these.
      norm_sum: sum over updates of the global gradient norm before clipping.
      norm_max: its largest.
      norm_argmax: the update in the chunk that had it.
      layer_norm_sums: [P], as norm_sum by parameter array.
      layer_norm_maxima: [P].
      layer_norm_argmax: [P] int32.
      update_ratios: [P], norm of the change over the chunk / norm at its start.
      rate: the last learning rate.
      bad_update: the first update whose loss or gradient is not finite, or U.
    """

    loss_sums: jax.Array
    row_counts: jax.Array
    norm_sum: jax.Array
    norm_max: jax.Array
    norm_argmax: jax.Array
    layer_norm_sums: jax.Array
    layer_norm_maxima: jax.Array
    layer_norm_argmax: jax.Array
    update_ratios: jax.Array
    rate: jax.Array
    bad_update: jax.Array


Chunk = Callable[[TrainState, Stream], tuple[TrainState, ChunkInfo]]


def window_length(config: Config) -> int:
    """K, the samples of an update; the stream of an epoch is all blocks or, in parallel, one."""
    if config.train.regime == "online":
        return 1
    if config.train.regime == "tbptt":
        return config.train.truncation
    return 0  # the whole stream, whose length the task knows


def layout(blocks: Sequences, config: Config) -> Stream:
    """Lay blocks out as the stream that training reads.

    Sequential: one stream (B = 1), block after block. Parallel: the blocks side by side.
    `task.reset` sets the flags: at every block's first row, at the first row of the epoch, or nowhere.
    """
    count, samples = blocks.inputs.shape[:2]
    parallel = config.train.streams == "parallel"
    groups = jnp.broadcast_to(blocks.groups[:, None], (count, samples))
    first = jnp.zeros((count, samples), bool)
    if config.task.reset == "block" or (config.task.reset == "epoch" and parallel):
        first = first.at[:, 0].set(True)
    elif config.task.reset == "epoch":
        first = first.at[0, 0].set(True)

    def arrange(array: jax.Array) -> jax.Array:
        rows = (count * samples, 1, *array.shape[2:])
        array = jnp.swapaxes(array, 0, 1) if parallel else array.reshape(rows)
        window = window_length(config) or array.shape[0]
        return array.reshape(-1, window, *array.shape[1:])

    return Stream(
        inputs=arrange(jnp.asarray(blocks.inputs)),
        targets=arrange(jnp.asarray(blocks.targets)),
        groups=arrange(groups),
        resets=arrange(first),
        weights=None if blocks.weights is None else arrange(jnp.asarray(blocks.weights)),
    )


def init_state(network: Network, config: Config, key: jax.Array, streams: int) -> TrainState:
    """Fresh parameters, moments and carry for B = `streams` streams."""
    return state_of(network, config, network.init(key), streams)


def state_of(network: Network, config: Config, params: Any, streams: int) -> TrainState:
    """The state of no updates that begins with `params`."""
    return TrainState(
        params=params,
        opt_state=make_direction(config.optimizer).init(params),
        carry=network.init_carry(params, streams),
        step=jnp.zeros((), jnp.int32),
        schedule_start=jnp.zeros((), jnp.int32),
        rate_scale=jnp.ones((), jnp.float32),
    )


def dropout_key_of(seed: int | jax.Array) -> jax.Array:
    """The key that a run with `train.seed` draws dropout from, folded with the number of the update."""
    return jax.random.fold_in(jax.random.key(seed), 2)


def make_update(
    network: Network,
    task: Task,
    config: Config,
    schedule: Schedule,
    dropout_key: jax.Array | None = None,
) -> Callable[[TrainState, Stream], tuple[TrainState, UpdateInfo]]:
    """One update on one window (`Stream` without its leading axis U).

    The loss is that of `_carried_loss` or, of windows, of `_windows_loss`. What an update drops depends
    on `dropout_key` and on `state.step` alone, so that a resume drops the same.

    Args:
      network: what is trained.
      task: gives the loss.
      config: the run.
      schedule: learning rate.
      dropout_key: as `dropout_key_of` gives it, perhaps traced; none for that of `train.seed`.
    """
    direction = make_direction(config.optimizer)
    root = dropout_key_of(config.train.seed) if dropout_key is None else dropout_key
    loss_of = _windows_loss if config.train.regime == "windows" else _carried_loss

    def window_loss(params, carry, window: Stream, step):
        key = jax.random.fold_in(root, step) if network.dropout else None
        return loss_of(network, task, params, carry, window, key)

    def update(state: TrainState, window: Stream) -> tuple[TrainState, UpdateInfo]:
        grads, (carry, losses) = jax.grad(window_loss, has_aux=True)(
            state.params, state.carry, window, state.step
        )
        squared_norms = jnp.stack([jnp.sum(jnp.square(g)) for g in jax.tree.leaves(grads)])
        scale = clip_scale(jnp.sqrt(jnp.sum(squared_norms)), config.optimizer.clip_norm)
        grads = jax.tree.map(lambda g: g * scale, grads)
        steps, opt_state = direction.update(grads, state.opt_state, state.params)
        rate = schedule(state.step, state.schedule_start) * state.rate_scale
        params = jax.tree.map(lambda p, s: p - rate * s, state.params, steps)
        state = state._replace(params=params, opt_state=opt_state, carry=carry, step=state.step + 1)
        return state, UpdateInfo(losses, squared_norms, rate)

    return update


# (mean loss, (the carry after it, losses [K, B]))
_Loss = tuple[jax.Array, tuple[Any, jax.Array]]


def _carried_loss(
    network: Network, task: Task, params: Any, carry: Any, window: Stream, key: jax.Array | None
) -> _Loss:
    """The weighted mean over the window's K·B rows.

    Gradients pass through the K steps of the window and stop at the carry it was given.
    """
    carry, outputs = network.unroll(params, carry, window.inputs, window.resets, dropout_key=key)
    losses = task.objective.row_loss(outputs, window.targets)
    if window.weights is None:
        return jnp.mean(losses), (carry, losses)
    return _weighted_mean(losses, window.weights), (carry, losses)


def _windows_loss(
    network: Network, task: Task, params: Any, carry: Any, window: Stream, key: jax.Array | None
) -> _Loss:
    """The weighted mean over the rows that count, of windows that each begin with a state of their own.

    That is `init_carry`, through which the gradient passes, or what M rows of warming up make of it,
    where it stops and nothing is dropped. `carry` is handed on as it came.
    """
    warm = window.inputs.shape[0] - window.targets.shape[0]
    state = network.init_carry(params, window.inputs.shape[1])
    if warm:
        state, _ = network.unroll(params, state, window.inputs[:warm], window.resets[:warm])
        state = jax.lax.stop_gradient(state)
    _, outputs = network.unroll(
        params, state, window.inputs[warm:], window.resets[warm:], dropout_key=key
    )
    losses = task.objective.row_loss(outputs, window.targets)
    counts = window.groups < len(task.group_names)
    if window.weights is None:
        return jnp.sum(jnp.where(counts, losses, 0)) / jnp.sum(counts), (carry, losses)
    return _weighted_mean(losses, jnp.where(counts, window.weights, 0)), (carry, losses)


def _weighted_mean(losses: jax.Array, weights: jax.Array) -> jax.Array:
    """Return Σ w L / Σ w over the rows that count, 0 where none does; other rows may be anything."""
    total = jnp.sum(jnp.where(weights > 0, weights * losses, 0))
    return total / jnp.maximum(jnp.sum(weights), jnp.finfo(losses.dtype).tiny)


def make_chunk(
    network: Network,
    task: Task,
    config: Config,
    schedule: Schedule,
    groups: int,
    dropout_key: jax.Array | None = None,
) -> Chunk:
    """The pure function that scans the update over the U windows of a stream; jit it, donate state.

    `dropout_key` is that of `make_update`.
    """
    update = make_update(network, task, config, schedule, dropout_key)

    def chunk(state: TrainState, stream: Stream) -> tuple[TrainState, ChunkInfo]:
        before = state.params
        state, infos = jax.lax.scan(update, state, stream)
        return state, summarise(infos, stream, before, state.params, groups)

    return chunk


def summarise(infos: UpdateInfo, stream: Stream, before: Any, after: Any, groups: int) -> ChunkInfo:
    """Reduce the stacked infos of U updates to what the host wants to know."""
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


def change_ratios(before: Any, after: Any) -> jax.Array:
    """[P] norm of each parameter array's change / its norm before; NaN for an array of zeros."""

    def ratio(a: jax.Array, b: jax.Array) -> jax.Array:
        norm = jnp.linalg.norm(a)
        return jnp.where(norm > 0, jnp.linalg.norm(b - a) / norm, jnp.nan)

    return jnp.stack(jax.tree.leaves(jax.tree.map(ratio, before, after)))


def layer_names(params: Any) -> list[str]:
    """Names of the P parameter arrays, in the order in which infos list them."""
    paths = jax.tree_util.tree_flatten_with_path(params)[0]
    return ["/".join(str(getattr(key, "key", key)) for key in path) for path, _ in paths]
