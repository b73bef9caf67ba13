"""Deferred handling of signals that end a program."""

from __future__ import annotations

import signal
import threading
from types import FrameType

# Ctrl-C, a request of the system to terminate, and Ctrl-Break, which only Windows has.
_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")
_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class Interrupts:
    """Context in which the first signal to end is recorded and a second one takes effect immediately.

    Attributes:
      signum: the signal received, or None.
    """

    def __init__(self) -> None:
        """Create the context; handlers are installed by `__enter__`."""
        self.signum: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        # Python delivers signals only to the main thread; in others no handler can be installed.
        if threading.current_thread() is threading.main_thread():
            for signum in _SIGNALS:
                self._before[signum] = signal.signal(signum, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum
        self._restore()

    def _restore(self) -> None:
        for signum, handler in self._before.items():
            # A handler that a C library installed is returned as None.
            signal.signal(signum, handler or signal.SIG_DFL)  # pyright: ignore[reportArgumentType]
        self._before = {}
