"""Work beside training: what an epoch leaves is written by a thread while the next one trains.

Training waits for its device without Python's lock, so that a thread costs it nothing where there is a second
processor. Pieces are done one after the other, in the order in which they came.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from freqjax.system.threads import on_this_device

# Pieces that may wait: a slow disk slows training down, and does not fill the memory. The first checkpoint
# takes as long as several short epochs.
_MOST = 8


class Beside:
    """Thread for pieces of work; at the end of its context all are done.

    An exception of a piece is raised by a later call of a method, or at the end of the context unless another
    one is on its way; the pieces after it are done all the same. A piece runs on the default device of the
    thread that gave it.
    """

    def __init__(self) -> None:
        """Start nothing before there is work."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._pending: collections.deque[Future[None]] = collections.deque()

    def do(self, work: Callable[[], None]) -> None:
        """Have `work` done after what came before; wait where too much does already."""
        self._pending.append(self._thread.submit(on_this_device(work)))
        while len(self._pending) > 1 and (len(self._pending) > _MOST or self._pending[0].done()):
            self._pending.popleft().result()

    def wait(self) -> None:
        """Wait until all is done."""
        while self._pending:
            self._pending.popleft().result()

    def __enter__(self) -> Beside:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._thread.shutdown()
        except (
            BaseException
        ):  # interrupted once more: what has begun must end before others use its files
            self._thread.shutdown(cancel_futures=True)
            raise
        if error is None:
            self.wait()
