"""Messages between the processes that share a sweep or a run.

All processes call these functions in the same order. A single process does the same without messages. Only
process 0, the lead, reads and writes files.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from freqjax.errors import UserError

Tree = TypeVar("Tree")
Made = TypeVar("Made")


class PeerLost(Exception):
    """A process that no longer responds."""


def is_lead() -> bool:
    """Return whether this process reads and writes the files."""
    return jax.process_index() == 0


def count() -> int:
    """Count the processes."""
    return jax.process_count()


def share_of(count: int) -> slice:
    """Return which of `count` replicas this process trains: equal shares, the first ones larger by one."""
    size, more = divmod(count, jax.process_count())
    index = jax.process_index()
    first = index * size + min(index, more)
    return slice(first, first + size + (index < more))


def gather(value: Any) -> list[Any]:
    """Return the values of all processes, in order, on every process; they must be JSON-serialisable."""
    if jax.process_count() == 1:
        return [value]
    data = np.frombuffer(json.dumps(value).encode(), np.uint8)
    sizes = _all(np.asarray([data.size], np.int32))[:, 0]
    padded = np.zeros(int(sizes.max()), np.uint8)
    padded[: data.size] = data
    rows = _all(padded)
    return [
        json.loads(row[:size].tobytes().decode()) for row, size in zip(rows, sizes, strict=True)
    ]


def gather_lists(own: list[Any]) -> list[Any]:
    """Return the concatenated lists of all processes, on every process; their items as for `gather`."""
    return [value for part in gather(own) for value in part]


def gather_arrays(tree: Tree) -> Tree:
    """Concatenate arrays [r, ...] of each process's r replicas to [R, ...], as numpy, on every process."""
    host = jax.tree.map(np.asarray, tree)
    if jax.process_count() == 1:
        return host
    count = len(jax.tree.leaves(host)[0])
    counts = gather(count)

    def join(array: np.ndarray) -> np.ndarray:
        padding = [(0, max(counts) - count)] + [(0, 0)] * (array.ndim - 1)
        parts = _all(np.pad(array, padding))
        return np.concatenate([part[:n] for part, n in zip(parts, counts, strict=True)])

    return jax.tree.map(join, host)


def from_lead(find: Callable[[], Any]) -> Any:
    """Call `find` on the lead and return its JSON-serialisable result on every process.

    Raises:
      UserError: as `on_all`.
    """
    return gather(on_all(lambda: find() if is_lead() else None))[0]


def arrays_from_lead(tree: Tree) -> Tree:
    """Return the lead's arrays on every process, as numpy; every process gives a tree of equal shapes."""
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(lambda array: _all(np.asarray(array))[0], tree)


def on_all(work: Callable[[], Made]) -> Made:
    """Call `work` on every process, wait for all of them, and return this process's result.

    Raises:
      UserError: `work` raised UserError or OSError on some process; raised on every process.
    """
    made: list[Made] = []
    error = None
    try:
        made.append(work())
    except UserError as found:
        error = str(found)
    except OSError as found:
        error = f"{found.filename}: {found.strerror}."
    errors = [e for e in gather(error) if e is not None]
    if errors:
        raise UserError(errors[0])
    return made[0]


def _all(array: np.ndarray) -> np.ndarray:
    """Gather the arrays of all P processes as [P, ...].

    One device of each process takes part. With all of them, as in `multihost_utils.process_allgather`, the
    devices of a process wait for each other on the few threads of a CPU, and sometimes deadlock.
    """
    firsts: dict[int, Any] = {}
    for device in jax.devices():
        firsts.setdefault(device.process_index, device)
    mesh = Mesh(np.array([firsts[index] for index in sorted(firsts)]), ("processes",))
    try:
        own = jax.device_put(array[None], firsts[jax.process_index()])
        together = jax.make_array_from_single_device_arrays(
            (len(firsts), *array.shape), NamedSharding(mesh, PartitionSpec("processes")), [own]
        )
        everywhere = jax.jit(lambda a: a, out_shardings=NamedSharding(mesh, PartitionSpec()))
        return np.asarray(everywhere(together).addressable_data(0))
    except jax.errors.JaxRuntimeError as error:
        raise PeerLost(_first_line(error)) from None


@contextlib.contextmanager
def computing() -> Iterator[None]:
    """Compute together with the other processes.

    Raises:
      PeerLost: one of them no longer responds.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1 or "RESOURCE_EXHAUSTED" in str(error):
            raise
        raise PeerLost(_first_line(error)) from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def require_same(value: Any, difference: str) -> None:
    """Require that all processes give the same JSON-serialisable value.

    Raises:
      UserError: process N does not; "process N `difference`".
    """
    told = gather(value)
    others = [n for n, found in enumerate(told) if found != told[0]]
    if others:
        raise UserError(f"process {others[0]} {difference}")


def stop_asked(step: int) -> bool:
    """Return whether the cluster asks the processes to stop; the same on all of them at a `step`."""
    return jax.process_count() > 1 and multihost_utils.reached_preemption_sync_point(step)
