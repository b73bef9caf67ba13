"""Sources of the rows of an epoch, part by part, in the order of `train.regime`.

| regimes | order | module |
|---|---|---|
| online, tbptt, full | the order of the rows, with a carried state | `freqjax.training.ordered` |
| windows, examples | shuffled, each window or sequence from a fresh state | `freqjax.training.shuffled` |

A pass contains every row once. An epoch is a pass or, with `train.steps_per_epoch`, that number of updates,
and the next epoch continues where it ended. The rows of an update depend only on the seed and on the number
of the update, so that a run that is resumed within an epoch reads the same rows as without interruption.
Axes: U updates of a pass, B streams, windows or sequences of an update.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from freqjax.config.sections import Config
from freqjax.tasks import Sequences, Task
from freqjax.training.jitted import Jitted
from freqjax.training.ordered import OrderedRows
from freqjax.training.shuffled import ShuffledRows, windows_of
from freqjax.training.streams import Stream

# Rows of a stream in one jitted call: enough to make the host's overhead small, few enough to stop soon.
CHUNK_ROWS = 10_000
# The same for shuffled rows, which are faster side by side; it also limits the memory for them.
SHUFFLED_CHUNK_ROWS = 40_000

# (updates of an epoch, rows of an update) → the bounds of its parts.
Cut = Callable[[int, int], list[tuple[int, int]]]


@runtime_checkable
class Rows(Protocol):
    """Passes over all rows, in some order.

    Attributes:
      updates: U.
      rows: rows of an update.
      streams: B.
    """

    updates: int
    rows: int
    streams: int

    def take(self, number: int, first: int, count: int) -> Stream:
        """Return updates `first` … `first + count − 1` of pass `number`, both counted from 0."""
        ...

    def drawn(self, updates: int) -> int:
        """Return the number of rows drawn for the first `updates` updates of a run."""
        ...


class Source:
    """Rows of every epoch.

    Attributes:
      updates: updates of an epoch.
      rows: rows of an update.
      streams: B.
      bounds: the parts of an epoch, as (first update, last update + 1).
    """

    def __init__(self, rows: Rows, config: Config, cut: Cut) -> None:
        """Split epochs of `rows` into parts."""
        self._passes, self._fresh = rows, config.task.noise == "fresh"
        self.updates = config.train.steps_per_epoch or rows.updates
        self.rows, self.streams = rows.rows, rows.streams
        self.bounds = cut(self.updates, self.rows)

    def part(self, epoch: int, number: int) -> Stream:
        """Return part `number` of `epoch`, both from 0; it may extend from one pass into the next."""
        low, high = (epoch * self.updates + bound for bound in self.bounds[number])
        pieces = []
        while low < high:
            through, first = divmod(low, self._passes.updates)
            count = min(high - low, self._passes.updates - first)
            pieces.append(self._passes.take(through, first, count))
            low += count
        return pieces[0] if len(pieces) == 1 else jax.tree.map(_join, *pieces)

    def rows_drawn(self, epoch: int, number: int) -> int | None:
        """Return the number of distinct rows before a part if noise is fresh; None if rows are fixed."""
        if not self._fresh:
            return None
        done = self.bounds[number - 1][1] if number else 0
        return self._passes.drawn(epoch * self.updates + done)


def _join(*pieces: jax.Array) -> jax.Array:
    return jnp.concatenate(pieces)


def make_source(
    task: Task,
    config: Config,
    train_rows: Sequences,
    *,
    cut: Cut | None = None,
    jitted: Jitted | None = None,
) -> Source:
    """Make the source of `train.regime`.

    Args:
      task: draws fresh rows.
      config: the run.
      train_rows: the rows if noise is fixed.
      cut: splits an epoch into parts; None for chunks of about a second and a rest.
      jitted: functions shared with sources of other seeds; None for its own.
    """
    jitted = jitted or Jitted()
    if config.train.is_shuffled:
        rows, most = ShuffledRows(task, config, train_rows, jitted), SHUFFLED_CHUNK_ROWS
    else:
        rows, most = OrderedRows(task, config, train_rows, jitted), CHUNK_ROWS
    return Source(rows, config, cut or (lambda updates, rows: chunk_bounds(updates, rows, most)))


def batch_field(config: Config) -> str | None:
    """Return the field that sets B; None where the number of sequences does."""
    return {"examples": "train.batch", "windows": "windows.batch"}.get(config.train.regime)


def side_by_side(config: Config, train_rows: Sequences) -> int:
    """Return B of rows with as many sequences as `train_rows`, without laying them out."""
    count, samples = train_rows.inputs.shape[:2]
    if config.train.is_shuffled:
        return windows_of(config, count, samples).batch
    return count if config.train.streams == "parallel" else 1


def chunk_bounds(updates: int, rows: int, chunk_rows: int) -> list[tuple[int, int]]:
    """Split U updates of `rows` rows each into equal parts of about `chunk_rows` rows, and a rest."""
    size = max(1, min(updates, chunk_rows // rows))
    return [(low, min(low + size, updates)) for low in range(0, updates, size)]
