"""Showing of progress as fits where standard error goes, and the thread that keeps it up to date.

The thread is what makes a phase tell that it goes on where the program is in the middle of one computation,
such as a compilation. It wakes a few times a second; computing threads wait for it for microseconds.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from freqjax.progress.lines import Lines
from freqjax.progress.phases import Phase, reporting_to
from freqjax.progress.terminal import Line, is_terminal

# Seconds between two looks at what is going on.
_LOOK = 0.25


@runtime_checkable
class Display(Protocol):
    """Writer of progress among the lines of something else."""

    def before(self) -> None: ...

    def after(self) -> None: ...

    def tick(self, phases: Sequence[Phase]) -> None: ...

    def close(self) -> None: ...


@contextlib.contextmanager
def shown(display: Display | None = None) -> Iterator[None]:
    """Show what is done in this context on standard error.

    On a terminal that is one line, rewritten; in a pipe or a file a plain line wherever there was none for
    5 s. What is written to `sys.stdout` and `sys.stderr` meanwhile goes above it. Nothing is shown, and no
    thread runs, before the first phase and after the context, however that ends. The environment variable
    FREQJAX_PROGRESS=off shows nothing at all.
    """
    if display is None and os.environ.get("FREQJAX_PROGRESS") == "off":
        yield
        return
    error = sys.stderr
    if display is None:
        display = Line(error) if is_terminal(error) else Lines(error)
    shower = _Shower(display)
    with reporting_to(shower), shower, _among_others(shower):
        yield


class _Shower:
    """View that keeps a display up to date from a thread of its own."""

    def __init__(self, display: Display) -> None:
        self.display = display
        # Recursive, since a signal may come while it is held and its handler may write.
        self.lock = threading.RLock()
        # `print` writes a line and its end apart: between the two, progress would erase the line.
        self.is_line_open = False
        self._phases: tuple[Phase, ...] = ()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self, phases: Sequence[Phase]) -> None:
        """Take account of a change; it is shown within a quarter of a second."""
        self._phases = tuple(phases)
        if self._thread is None and phases:
            self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
            self._thread.start()

    def __enter__(self) -> _Shower:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self.display.close()

    def _run(self) -> None:
        while not self._ended.wait(_LOOK):
            with self.lock:
                if not self.is_line_open:
                    self.display.tick(self._phases)


class _Beside:
    """Stream whose lines are written among those of a display."""

    def __init__(self, stream: Any, shower: _Shower) -> None:
        self._stream, self._shower = stream, shower

    def write(self, text: str) -> int:
        with self._shower.lock:
            self._shower.display.before()
            written = self._stream.write(text)
            self._shower.display.after()
            if text:
                self._shower.is_line_open = not text.endswith("\n")
            return written

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _among_others(shower: _Shower) -> Iterator[None]:
    """Let the display know of every line that is written to standard output and standard error."""
    output: Any = _Beside(sys.stdout, shower)
    error: Any = _Beside(sys.stderr, shower)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(error):
        yield
