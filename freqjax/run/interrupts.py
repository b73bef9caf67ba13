"""SIGINT and SIGTERM as a question to be asked between pieces of work."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Interrupts:
    """While entered, the first SIGINT or SIGTERM is remembered; a second one acts at once.

    Attributes:
      signum: the signal that came, or None.
    """

    def __init__(self) -> None:
        """Nothing is installed before `__enter__`."""
        self.signum: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        # Python delivers signals to the main thread alone; elsewhere there is nothing to install.
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._before[signum] = signal.signal(signum, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum
        self._restore()

    def _restore(self) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)  # pyright: ignore[reportArgumentType]
        self._before = {}
