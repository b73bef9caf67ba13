"""Division of the sequences of a mini-batch over devices, for one run.

The axis B of a chunk's rows is split, and weights, moments and whatever else is carried from update to update
are on every device. Each device computes its sequences; what is summed over them is summed over devices, so
that the result is that of one device up to rounding. That also holds for random numbers, which are drawn for
all B sequences by one key. The devices may be those of several processes (`freqjax.processes`), each of which
has all rows and gives its devices their part.
Axes: U updates of a chunk, K samples, B sequences.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as Spec

from freqjax.errors import UserError
from freqjax.training.streams import Stream

_AXIS = "sequences"


class Division:
    """Placement of chunks and states on the devices that share each mini-batch.

    Attributes:
      count: devices in use, of which each has B / `count` sequences; with one, nothing is placed.
      note: a line that says how the sequences are divided; None where there is one device.
    """

    def __init__(self, devices: Sequence[Any], sequences: int, field: str | None) -> None:
        """Divide B = `sequences` over as many of `devices` as divide them evenly, equally many of a process.

        Unequal parts would need sequences that count for nothing, and random numbers are drawn by the shape.

        Args:
          devices: those of each process side by side.
          sequences: B.
          field: the field of the config that is B; None where B is the number of sequences there are.

        Raises:
          UserError: the devices are those of several processes, which cannot all take part.
        """
        owners = [list(own) for _, own in itertools.groupby(devices, lambda d: d.process_index)]
        require_even(sequences, len(owners))
        most = min(len(own) for own in owners)
        each = max(n for n in range(1, most + 1) if sequences % (n * len(owners)) == 0)
        used = [device for own in owners for device in own[:each]]
        self.count = len(used)
        self.note = _note(self.count, len(devices), len(owners), sequences, field)
        mesh = jax.make_mesh((self.count,), (_AXIS,), (AxisType.Auto,), devices=used)
        self._rows = NamedSharding(mesh, Spec(None, None, _AXIS))
        self._everywhere = NamedSharding(mesh, Spec())

    def jit(self, chunk: Callable[..., Any]) -> Any:
        """Compile a chunk when it is first called; its state is donated."""
        if self.count == 1:
            return jax.jit(chunk, donate_argnums=0)
        return jax.jit(chunk, donate_argnums=0, out_shardings=self._everywhere)

    def rows(self, stream: Stream) -> Stream:
        """Place rows [U, K, B, ...], a part of the sequences on each device."""
        return stream if self.count == 1 else _put(stream, self._rows)

    def everywhere(self, tree: Any) -> Any:
        """Place arrays of this process, equal on all of them, on every device."""
        return tree if self.count == 1 else _put(tree, self._everywhere)

    def local(self, tree: Any) -> Any:
        """Return the arrays of `everywhere` as they are on the first device, without a copy."""
        if self.count == 1:
            return tree
        return jax.tree.map(lambda array: array.addressable_data(0), tree)


def require_even(sequences: int, processes: int) -> None:
    """Require that the processes have equally many of B = `sequences`.

    Raises:
      UserError: they have not.
    """
    if sequences % processes:
        raise UserError(
            f"run.num_processes is {processes}: it must divide the {sequences} sequences of each mini-batch, "
            "of which every process computes as many."
        )


def _put(tree: Any, sharding: NamedSharding) -> Any:
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)

    def put(array: jax.Array) -> jax.Array:
        # `device_put` would compare the arrays of all processes first.
        return jax.make_array_from_callback(array.shape, sharding, lambda part: array[part])

    return jax.tree.map(put, tree)


def _note(count: int, found: int, processes: int, sequences: int, field: str | None) -> str | None:
    if found == 1:
        return None
    size = "a number" if field is None else f"a {field}"
    whose = f" of {processes} processes" if processes > 1 else ""
    if count == found:
        return f"devices: {count}{whose} divide the {sequences} sequences of each mini-batch"
    return (
        f"devices: {count} of {found}{whose} compute the {sequences} sequences of each mini-batch, since "
        f"{found} do not divide them evenly; {size} that is a multiple of {found} uses all"
    )
