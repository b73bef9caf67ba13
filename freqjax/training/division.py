"""Division of the sequences of a mini-batch over devices, for one run of the regime examples.

The axis B of a chunk's rows is split, and weights, moments and whatever else is carried from update to update
are on every device. Each device computes its sequences; what is summed over them is summed over devices, so
that the result is that of one device up to rounding. That also holds for random numbers, which are drawn for
all B sequences by one key.
Axes: U updates of a chunk, K samples, B sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as Spec

from freqjax.training.chunks import Chunk
from freqjax.training.streams import Stream

_AXIS = "sequences"


class Division:
    """Placement of chunks and states on the devices that share each mini-batch.

    Attributes:
      count: devices in use, of which each has B / `count` sequences; with one, nothing is placed.
      note: a line that says how the sequences are divided; None where there is one device.
    """

    def __init__(self, devices: Sequence[Any], sequences: int) -> None:
        """Divide B = `sequences` over as many of `devices` as divide them evenly.

        Unequal parts would need sequences that count for nothing, and random numbers are drawn by the shape.
        """
        self.count = max(n for n in range(1, len(devices) + 1) if sequences % n == 0)
        self.note = _note(self.count, len(devices), sequences)
        mesh = jax.make_mesh(
            (self.count,), (_AXIS,), (AxisType.Auto,), devices=devices[: self.count]
        )
        self._rows = NamedSharding(mesh, Spec(None, None, _AXIS))
        self._everywhere = NamedSharding(mesh, Spec())

    def jit(self, chunk: Chunk) -> Any:
        """Compile a chunk when it is first called; its state is donated."""
        if self.count == 1:
            return jax.jit(chunk, donate_argnums=0)
        return jax.jit(chunk, donate_argnums=0, out_shardings=self._everywhere)

    def rows(self, stream: Stream) -> Stream:
        """Place rows [U, K, B, ...], a part of the sequences on each device."""
        return stream if self.count == 1 else jax.device_put(stream, self._rows)

    def everywhere(self, tree: Any) -> Any:
        """Place arrays on every device."""
        return tree if self.count == 1 else jax.device_put(tree, self._everywhere)

    def local(self, tree: Any) -> Any:
        """Return the arrays of `everywhere` as they are on the first device, without a copy."""
        if self.count == 1:
            return tree
        return jax.tree.map(lambda array: array.addressable_data(0), tree)


def _note(count: int, found: int, sequences: int) -> str | None:
    if found == 1:
        return None
    if count == found:
        return f"devices: {count} divide the {sequences} sequences of each mini-batch"
    return (
        f"devices: {count} of {found} compute the {sequences} sequences of each mini-batch, since {found} "
        f"do not divide them evenly; a train.batch that is a multiple of {found} uses all"
    )
