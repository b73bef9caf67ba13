"""Rows in order, for the regimes that carry the state from update to update."""

from __future__ import annotations

import functools
from typing import Any

import jax
from jaxtyping import Array, Int

from freqjax.config.sections import Config
from freqjax.tasks import Sequences, Task
from freqjax.training.jitted import Jitted
from freqjax.training.seeds import noise_key
from freqjax.training.streams import Stream, layout


class OrderedRows:
    """Implementation of `Rows` for online, tbptt and full: see `freqjax.training.streams.layout`."""

    def __init__(self, task: Task, config: Config, train_rows: Sequences, jitted: Jitted) -> None:
        """Lay out the fixed rows, or set up the drawing of fresh ones; nothing is compiled yet."""
        self._noise_key = noise_key(config.train.seed)
        self._fresh = config.task.noise == "fresh"

        def draw(key: jax.Array) -> Stream:
            return layout(task.sequences(task.sample(key, task.samples)), config)

        self._draw = jitted.get("draw", lambda: jax.jit(draw))
        self._stream = None if self._fresh else layout(train_rows, config)
        shaped: Any = self._stream or jax.eval_shape(self._draw, self._noise_key)
        self.updates, length, self.streams = shaped.targets.shape[:3]
        self.rows = length * self.streams
        self._drawn = -1

    def take(self, number: int, first: int, count: int) -> Stream:
        """Return updates of a pass; see `freqjax.training.sources.Rows`."""
        if self._fresh and self._drawn != number:
            key = jax.random.fold_in(self._noise_key, number)
            self._stream, self._drawn = self._draw(key), number
        assert self._stream is not None
        return _slice(self._stream, first, count)

    def drawn(self, updates: int) -> int:
        """Return the number of rows of `updates` updates, each of which is drawn once."""
        return updates * self.rows


@functools.partial(jax.jit, static_argnums=2)
def _slice(stream: Stream, first: int | Int[Array, ""], count: int) -> Stream:
    # `first` is traced, so that one program serves all positions.
    return jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, first, count), stream)
