"""The block after the present one, computed by a thread meanwhile: blocks of other groups are independent.

Axes: N weights of a group.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from freqjax.system import devices
from freqjax.system.processors import usable_cores
from freqjax.system.threads import on_this_device
from freqjax.training.filter.square_root import THREADS_PAY

_Result = TypeVar("_Result")


def pays(elements: int) -> bool:
    """Return whether an update of a covariance of [N, N] `elements` leaves a core unused."""
    return elements <= THREADS_PAY and devices.on_cpu() and usable_cores() > 1


class Ahead(Generic[_Result]):
    """Thread for one block at a time; what it has computed is taken in its turn or dropped."""

    def __init__(self) -> None:
        """Start nothing before there is work."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._pending: tuple[int, Future[_Result]] | None = None

    def begin(self, sequence: int, work: Callable[[], _Result]) -> None:
        """Have `work` done, the block of a sequence of this pass; one that was not taken is dropped."""
        self._pending = sequence, self._thread.submit(on_this_device(work))

    def take(self, sequence: int) -> _Result | None:
        """Return the block of a sequence, or None if it was not begun; an exception of its work is raised."""
        if self._pending is None or self._pending[0] != sequence:
            return None
        _, future = self._pending
        self._pending = None
        return future.result()

    def drop(self) -> None:
        """Forget what was begun."""
        self._pending = None
