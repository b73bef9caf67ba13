"""Signals that ask a program to end, remembered until it comes to the end of a piece of work."""

from __future__ import annotations

import signal
import threading
from types import FrameType

# Ctrl-C, the system's wish to end, and Ctrl-Break, which Windows alone has.
_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")
_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class Interrupts:
    """A context in which the first signal to end is remembered and a second one acts at once.

    Attributes:
      signum: the signal that came, or None.
    """

    def __init__(self) -> None:
        """Prepare; nothing is installed before `__enter__`."""
        self.signum: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        # Python delivers signals to the main thread alone; elsewhere there is nothing to install.
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
            # A handler that another library installed in C comes back as None.
            signal.signal(signum, handler or signal.SIG_DFL)  # pyright: ignore[reportArgumentType]
        self._before = {}
