"""Shuffled rows, for the regimes windows and examples.

A pass contains every window of every sequence once, in a random order that depends on the seed and the number
of the pass; each window begins with a fresh or a warm state. An example is a window of all T samples.
Axes: U updates of a pass, B windows of an update, N windows of a pass, W windows of a sequence, L samples of
a window, M samples of warming up.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from freqjax.config.sections import Config, WindowsConfig
from freqjax.networks.arrays import AnyArray
from freqjax.tasks import Sequences, Task
from freqjax.tasks.windows import first_samples, warm_up, window_count
from freqjax.training.jitted import Jitted
from freqjax.training.seeds import noise_key, order_key
from freqjax.training.streams import Stream, padding_resets


class ShuffledRows:
    """Implementation of `Rows` for windows and examples; `freqjax.tasks.windows` defines the windows.

    The sequences are stored once; the rows of an update are gathered from them on the device.
    """

    def __init__(self, task: Task, config: Config, train_rows: Sequences, jitted: Jitted) -> None:
        """Store the sequences or set up their drawing; nothing is compiled yet."""
        seed = config.train.seed
        self._noise_key, self._order_key = noise_key(seed), order_key(seed)
        self._fresh = config.task.noise == "fresh"

        def draw(key: jax.Array) -> Sequences:
            return task.sequences(task.sample(key, task.samples))

        self._draw = jitted.get("draw", lambda: jax.jit(draw))
        shapes = jax.eval_shape(self._draw, self._noise_key) if self._fresh else train_rows
        sequences, samples = shapes.inputs.shape[:2]
        windows = windows_of(config, sequences, samples)
        count, groups = sequences * window_count(samples, windows), len(task.group_names)
        self._rows_of_pass = sequences * samples
        self.streams = batch = windows.batch
        self.updates = -(-count // self.streams)
        self.rows = (windows.length + warm_up(windows)) * self.streams
        self._sequences = None if self._fresh else jax.tree.map(jnp.asarray, train_rows)
        self._order: Int[np.ndarray, "U B"] | None = None
        self._pass = -1
        self._shuffle = jitted.get(
            "shuffle", lambda: jax.jit(lambda key: shuffled(key, count, batch))
        )
        self._gather = jitted.get(
            "gather", lambda: jax.jit(lambda rows, order: gather(rows, order, windows, groups))
        )

    def take(self, number: int, first: int, count: int) -> Stream:
        """Return updates of a pass; see `freqjax.training.sources.Rows`."""
        if self._pass != number:
            self._order = np.asarray(self._shuffle(jax.random.fold_in(self._order_key, number)))
            if self._fresh:
                self._sequences = self._draw(jax.random.fold_in(self._noise_key, number))
            self._pass = number
        assert self._order is not None
        return self._gather(self._sequences, self._order[first : first + count])

    def drawn(self, updates: int) -> int:
        """Return the number of rows of all passes begun, which are drawn at their beginning."""
        return -(-updates // self.updates) * self._rows_of_pass


def windows_of(config: Config, sequences: int, samples: int) -> WindowsConfig:
    """Return the windows of sequences of T = `samples`; examples are windows of T samples.

    A batch of examples is never larger than a pass.
    """
    if config.train.regime == "windows":
        return config.windows
    batch = min(config.train.batch, sequences)
    return WindowsConfig(length=samples, stride=samples, batch=batch)


def shuffled(key: jax.Array, count: int, batch: int) -> Int[Array, "U B"]:
    """Return [U, B] int32, the numbers 0 … N − 1 = `count` − 1 in random order, in batches.

    The last batch is filled up with −1, a window that does not count.
    """
    order = jax.random.permutation(key, count)
    return jnp.pad(order, (0, -count % batch), constant_values=-1).reshape(-1, batch)


def gather(
    sequences: Sequences, order: Int[AnyArray, "U B"], windows: WindowsConfig, groups: int
) -> Stream:
    """Gather the windows that `order` [U, B] names, as a stream to train on; traceable.

    Window n is number n mod W of sequence n // W. A window that is warmed up has M rows before it, and the
    state starts over at the first of them that its sequence has. It also starts over where padding begins.

    Args:
      sequences: [·, T, ·].
      order: window numbers, −1 for none.
      windows: L, s, M, and the rows that count.
      groups: G, which is also the index of rows that count towards no group.

    Returns:
      A stream: inputs and resets with M + L rows, the M rows of the warm-up first; targets and groups with L.
    """
    length, warm = windows.length, warm_up(windows)
    first = jnp.asarray(first_samples(sequences.inputs.shape[1], windows), jnp.int32)
    block, number = jnp.divmod(jnp.maximum(order, 0), first.shape[0])
    begin = first[number][:, None]  # [U, 1, B]
    row = jnp.arange(warm + length, dtype=jnp.int32)[None, :, None]
    read = jnp.maximum(
        begin - warm + row, 0
    )  # [U, M + L, B], clipped where the sequence has no row
    learned = read[:, warm:]
    resets = row == jnp.maximum(warm - begin, 0)
    counts = (order >= 0)[:, None]
    if windows.loss == "last":
        counts = counts & (row[:, warm:] == warm + length - 1)
    of_block = jnp.asarray(sequences.groups)[block][:, None]
    weights = sequences.weights
    if weights is not None:
        weights = jnp.asarray(weights)
        resets = resets | padding_resets(weights)[block[:, None], read]
        weights = weights[block[:, None], learned]
    return Stream(
        inputs=jnp.asarray(sequences.inputs)[block[:, None], read],
        targets=jnp.asarray(sequences.targets)[block[:, None], learned],
        groups=jnp.where(jnp.broadcast_to(counts, learned.shape), of_block, groups),
        resets=resets,
        weights=weights,
    )
