"""Where the updates of an epoch take their rows from: a stream in order, or shuffled windows.

A trainer asks for an epoch part by part. What a part holds depends on the seed, the epoch and the part
alone, so that a run that goes on in the middle of an epoch sees what it would have seen. An epoch of
windows holds every window of every block once, in an order drawn from the seed and the epoch.
Axes: U updates, B streams or windows of an update, N windows of an epoch, L samples of a window, M samples
of warming up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.config.sections import Config, WindowsConfig
from freqjax.tasks import Sequences, Task
from freqjax.tasks.windows import first_samples, warm_up, window_count
from freqjax.training.update import Stream, layout

# Rows of a stream in one jitted call: long enough that the host is idle, short enough to stop soon.
CHUNK_ROWS = 10_000
# The same for windows, whose rows are quicker side by side; no more of them are held at once.
WINDOW_CHUNK_ROWS = 40_000


@runtime_checkable
class Source(Protocol):
    """The rows of every epoch.

    Attributes:
      updates: U of an epoch.
      rows: of an update.
      streams: B of an update.
      bounds: the parts of an epoch, as (first update, the one after its last).
    """

    updates: int
    rows: int
    streams: int
    bounds: list[tuple[int, int]]

    def part(self, epoch: int, number: int) -> Stream:
        """Part `number` of `epoch`, both from 0."""
        ...

    def rows_drawn(self, epoch: int, number: int) -> int | None:
        """Different rows seen before that part, where noise is drawn afresh; None where rows are fixed."""
        ...


def noise_key(seed: int) -> jax.Array:
    """The key that fresh noise is drawn from, folded with the epoch or the step."""
    return jax.random.fold_in(jax.random.key(seed), 1)


def order_key(seed: int) -> jax.Array:
    """The key that the order of windows is drawn from, folded with the epoch."""
    return jax.random.fold_in(jax.random.key(seed), 3)


# (updates of an epoch, rows of an update) → the bounds of its parts.
Cut = Callable[[int, int], list[tuple[int, int]]]


def make_source(
    task: Task, config: Config, train_rows: Sequences, *, cut: Cut | None = None
) -> Source:
    """The source that `train.regime` asks for.

    Args:
      task: draws fresh rows.
      config: the run.
      train_rows: the rows where noise is fixed.
      cut: into which parts; none for chunks of a second or so and a rest.
    """
    if config.train.regime == "windows":
        cut = cut or (lambda updates, rows: chunk_bounds(updates, rows, WINDOW_CHUNK_ROWS))
        return WindowSource(task, config, train_rows, cut)
    cut = cut or (lambda updates, rows: chunk_bounds(updates, rows, CHUNK_ROWS))
    return StreamSource(task, config, train_rows, cut)


class StreamSource:
    """The source of the regimes that take a stream in order: see `freqjax.training.update.layout`."""

    def __init__(self, task: Task, config: Config, train_rows: Sequences, cut: Cut) -> None:
        """Cut the fixed rows, or prepare to draw fresh ones; nothing is compiled yet."""
        self._noise_key = noise_key(config.train.seed)
        self._fresh = config.task.noise == "fresh"
        blocks = _shapes(task, config, train_rows)
        shape = jax.eval_shape(lambda b: layout(b, config), blocks).inputs.shape
        self.updates, self.streams = shape[0], shape[2]
        self.rows = shape[1] * shape[2]
        self.bounds = cut(self.updates, self.rows)
        self._drawn_epoch = -1
        self._parts = None if self._fresh else self._cut(layout(train_rows, config))
        self._draw = jax.jit(
            lambda key: tuple(
                self._cut(layout(task.sequences(task.sample(key, task.samples)), config))
            )
        )

    def _cut(self, stream: Stream) -> list[Stream]:
        return [jax.tree.map(lambda a: a[low:high], stream) for low, high in self.bounds]  # noqa: B023

    def part(self, epoch: int, number: int) -> Stream:
        """As `Source`."""
        if self._fresh and self._drawn_epoch != epoch:
            key = jax.random.fold_in(self._noise_key, epoch)
            self._parts, self._drawn_epoch = self._draw(key), epoch
        assert self._parts is not None
        return self._parts[number]

    def rows_drawn(self, epoch: int, number: int) -> int | None:
        """As `Source`."""
        if not self._fresh:
            return None
        done = sum(high - low for low, high in self.bounds[:number])
        return (epoch * self.updates + done) * self.rows


class WindowSource:
    """The source of the regime windows: see `freqjax.tasks.windows` for where they lie.

    The rows are kept once; a part gathers its windows from them, on the device.
    """

    def __init__(self, task: Task, config: Config, train_rows: Sequences, cut: Cut) -> None:
        """Prepare to shuffle and gather; nothing is compiled yet."""
        self._fresh, seed = config.task.noise == "fresh", config.train.seed
        self._noise_key, self._order_key = noise_key(seed), order_key(seed)
        shape = _shapes(task, config, train_rows).inputs.shape
        self._block_rows = shape[0] * shape[1]
        count = shape[0] * window_count(shape[1], config.windows)
        self.streams = config.windows.batch
        self.updates = -(-count // self.streams)
        self.rows = (config.windows.length + warm_up(config.windows)) * self.streams
        self.bounds = cut(self.updates, self.rows)
        self._epoch = -1
        self._blocks = None if self._fresh else jax.tree.map(jnp.asarray, train_rows)
        self._order: Any = None
        self._draw = jax.jit(lambda key: task.sequences(task.sample(key, task.samples)))
        self._shuffle = jax.jit(lambda key: shuffled(key, count, self.streams))
        self._gather = jax.jit(
            lambda blocks, order: gather(blocks, order, config.windows, len(task.group_names))
        )

    def part(self, epoch: int, number: int) -> Stream:
        """As `Source`."""
        if self._epoch != epoch:
            self._order = np.asarray(self._shuffle(jax.random.fold_in(self._order_key, epoch)))
            if self._fresh:
                self._blocks = self._draw(jax.random.fold_in(self._noise_key, epoch))
            self._epoch = epoch
        low, high = self.bounds[number]
        return self._gather(self._blocks, self._order[low:high])

    def rows_drawn(self, epoch: int, number: int) -> int | None:
        """As `Source`; the rows of an epoch are drawn at its beginning."""
        return (epoch + (number > 0)) * self._block_rows if self._fresh else None


def _shapes(task: Task, config: Config, train_rows: Sequences) -> Any:
    """Sequences of an epoch, or what has their shapes."""
    if config.task.noise != "fresh":
        return train_rows
    return jax.eval_shape(lambda k: task.sequences(task.sample(k, task.samples)), noise_key(0))


def chunk_bounds(updates: int, rows: int, chunk_rows: int) -> list[tuple[int, int]]:
    """Cut U updates of `rows` rows each into parts of one size, of about `chunk_rows`, and a rest."""
    size = max(1, min(updates, chunk_rows // rows))
    return [(low, min(low + size, updates)) for low in range(0, updates, size)]


def shuffled(key: jax.Array, count: int, batch: int) -> jax.Array:
    """[U, B] int32: the numbers 0 … N − 1 = `count` − 1 in the order of `key`, in batches.

    What the last batch lacks is −1, a window that does not count.
    """
    order = jax.random.permutation(key, count)
    return jnp.pad(order, (0, -count % batch), constant_values=-1).reshape(-1, batch)


def gather(blocks: Sequences, order: jax.Array, windows: WindowsConfig, groups: int) -> Stream:
    """The windows that `order` [U, B] names, as a stream to train on; traceable.

    Window n is number n mod W of block n // W, W being the windows of a block. Of a window that is warmed
    up, M rows stand in front, and the state starts over at the first that its block has.

    Args:
      blocks: [·, T, ·].
      order: window numbers, −1 for none.
      windows: L, s, M, and the rows that count.
      groups: G, which is put where a row counts towards no group.

    Returns:
      inputs and resets with M + L rows, the M of warming up first; targets and groups with L.
    """
    length, warm = windows.length, warm_up(windows)
    first = jnp.asarray(first_samples(blocks.inputs.shape[1], windows), jnp.int32)
    block, number = jnp.divmod(jnp.maximum(order, 0), first.shape[0])
    begin = first[number][:, None]  # [U, 1, B]
    row = jnp.arange(warm + length, dtype=jnp.int32)[None, :, None]
    heard = jnp.maximum(begin - warm + row, 0)  # [U, M + L, B], clipped where the block has no row
    learned = heard[:, warm:]
    counts = (order >= 0)[:, None]
    if windows.loss == "last":
        counts = counts & (row[:, warm:] == warm + length - 1)
    of_block = jnp.asarray(blocks.groups)[block][:, None]
    weights = blocks.weights
    return Stream(
        inputs=jnp.asarray(blocks.inputs)[block[:, None], heard],
        targets=jnp.asarray(blocks.targets)[block[:, None], learned],
        groups=jnp.where(jnp.broadcast_to(counts, learned.shape), of_block, groups),
        resets=row == jnp.maximum(warm - begin, 0),
        weights=None if weights is None else jnp.asarray(weights)[block[:, None], learned],
    )
