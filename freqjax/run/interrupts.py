"""Deferred handling of signals that end a program."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# Ctrl-C, a request of the system to terminate, a closed terminal, and Ctrl-Break, which only Windows has.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class Interrupted(KeyboardInterrupt):
    """A signal to end, raised in the middle of work of which nothing is lost.

    Attributes:
      signum: the signal.
    """

    def __init__(self, signum: int) -> None:
        """Say which signal came."""
        super().__init__(f"signal {signum}")
        self.signum = signum


class Interrupts:
    """Context in which the first signal to end is recorded and a second one takes effect immediately.

    Attributes:
      signum: the signal received, or None.
    """

    def __init__(self) -> None:
        """Create the context; handlers are installed by `__enter__`."""
        self.signum: int | None = None
        self._before: dict[int, object] = {}
        self._acts = False

    def __enter__(self) -> Interrupts:
        # Python delivers signals only to the main thread; in others no handler can be installed.
        if threading.current_thread() is threading.main_thread():
            for signum in _SIGNALS:
                # Under nohup the end of the terminal is ignored, and stays so.
                if signal.getsignal(signum) != signal.SIG_IGN or signum == signal.SIGINT:
                    self._before[signum] = signal.signal(signum, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        """Let a signal end the work in this context at once; one that came before does not let it begin.

        Raises:
          Interrupted: a signal came.
        """
        self._acts = True
        try:
            if self.signum is not None:
                raise Interrupted(self.signum)
            yield
        finally:
            self._acts = False

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum
        self._restore()
        if self._acts:
            raise Interrupted(signum)

    def _restore(self) -> None:
        for signum, handler in self._before.items():
            # A handler that a C library installed is returned as None.
            signal.signal(signum, handler or signal.SIG_DFL)  # pyright: ignore[reportArgumentType]
        self._before = {}


@contextlib.contextmanager
def raising() -> Iterator[None]:
    """Let every signal to end raise, so that nothing half-written is left behind.

    Raises:
      Interrupted: a signal came.
    """
    with Interrupts() as interrupts, interrupts.acting():
        yield
