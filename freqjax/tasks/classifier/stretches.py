"""Stretches of recordings: sequences whose steps are windows in order of time.

Axes: N windows of a part, S stretches, W windows of a stretch.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from freqjax.tasks.classifier.dataset import Part


class Stretches(NamedTuple):
    """Windows of a part in sequences.

    Attributes:
      index: [S, W] int32, the window of the part at each step; −1 for none: left out, or behind the end.
    """

    index: Int[np.ndarray, "S W"]

    @property
    def places(self) -> tuple[Int[np.ndarray, " N"], Int[np.ndarray, " N"]]:
        """Sequence and step of each window of the part, in its order."""
        sequence, step = np.nonzero(self.index >= 0)
        order = np.argsort(self.index[sequence, step])
        return sequence[order], step[order]


def single(part: Part) -> Stretches:
    """Make a sequence of each window."""
    return Stretches(np.arange(len(part.label), dtype=np.int32)[:, None])


def whole(part: Part) -> Stretches:
    """Make a sequence of each recording, padded to the longest."""
    rows = _recordings(part)
    index = np.full((len(rows), max(map(len, rows))), -1, np.int32)
    for number, row in enumerate(rows):
        index[number, : len(row)] = row
    return Stretches(index)


def cut(part: Part, windows: int) -> Stretches:
    """Cut each recording into stretches of W = `windows`, of which the last one is padded."""
    pieces = []
    for row in _recordings(part):
        padded = np.full(-(-len(row) // windows) * windows, -1, np.int32)
        padded[: len(row)] = row
        pieces.append(padded.reshape(-1, windows))
    index = np.concatenate(pieces)
    return Stretches(index[(index >= 0).any(axis=1)])


def shifted(key: jax.Array, recordings: Int[np.ndarray, "R L"], windows: int) -> Int[Array, "S W"]:
    """Cut recordings into stretches of W = `windows`, from an offset that is drawn for each; traceable.

    Args:
      key: of the offsets.
      recordings: windows of each recording, −1 behind its end.
      windows: W. A first piece that is shorter has no windows before it.
    """
    count, length = recordings.shape
    pieces = -(-length // windows) + 1
    offset = jax.random.randint(key, (count, 1), 0, windows)
    place = jnp.arange(pieces * windows)[None] - offset
    inside = (place >= 0) & (place < length)
    rows = jnp.arange(count)[:, None]
    found = jnp.asarray(recordings)[rows, jnp.clip(place, 0, length - 1)]
    found = jnp.where(inside, found, -1).reshape(-1, windows)
    # What is left of the offset is behind the end, not before the beginning, where padding may stand.
    first = jnp.argmax(found >= 0, axis=1)[:, None]
    turned = (jnp.arange(windows)[None] + first) % windows
    return jnp.take_along_axis(found, turned, axis=1)


def _recordings(part: Part) -> list[np.ndarray]:
    """Return the windows of each recording by their order, −1 where one was left out."""
    found = []
    for recording in np.unique(part.recording):
        own = np.flatnonzero(part.recording == recording)
        order = part.order[own] - part.order[own].min()
        row = np.full(order.max() + 1, -1, np.int32)
        row[order] = own
        found.append(row)
    return found
