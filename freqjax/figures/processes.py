"""Processes that lay figures out and draw them, while the main one makes the next.

A figure is made and pickled in a fraction of the time that its layout and drawing take, most of which is
Python: threads would not help. The main process draws too once it has to wait.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import freqjax
from freqjax.system.processors import usable_cores

# A process takes most of a second of a core to start, so that a third one beside the main one rarely pays.
_MOST = 2


class DrawingError(Exception):
    """A figure that a process could not draw; the message says why."""


class _Sent(NamedTuple):
    """Figure that a process draws, or this one.

    Attributes:
      draw: draws it here.
      drawn: what is done once a process has drawn it.
    """

    draw: Callable[[], None]
    drawn: Future[None]


class Drawers:
    """Processes that draw; `drawing` starts and ends them.

    Args:
      count: how many.
    """

    def __init__(self, count: int) -> None:
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._started = [_start() for _ in range(count)]
        for process in self._started:
            self._free.put(process)
        self._threads = ThreadPoolExecutor(count)
        self._pending: dict[Path, _Sent] = {}

    def take(self, figure: Any, path: Path, write: Callable[[Any, Path], None]) -> bool:
        """Have a figure drawn and written to `path`, and return whether it can be pickled at all.

        `write` does that in this process, if it has to wait and no other has begun.
        """
        try:
            content = pickle.dumps(figure)
        except Exception:  # what pickle raises depends on what it meets
            return False
        drawn = self._threads.submit(self._draw, content, path, _settings())
        self._pending[path] = _Sent(functools.partial(write, figure, path), drawn)
        return True

    def wait_for(self, path: Path) -> None:
        """Wait until the figure of `path` is written, and draw others meanwhile.

        What goes wrong with another is raised by who waits for that.

        Raises:
          DrawingError: a process could not draw it; what goes wrong in this one is raised as it is.
        """
        drawn = self._pending[path].drawn if path in self._pending else None
        while drawn is not None and not drawn.done() and self._draw_last():
            pass
        if path in self._pending:
            self._pending.pop(path).drawn.result()

    @property
    def pending(self) -> list[Path]:
        """Files of the figures that nobody has waited for, in no order."""
        return list(self._pending)

    def _draw_last(self) -> bool:
        """Draw the last figure that no process has begun, and return whether there was one."""
        for path in reversed(self._pending):
            if self._pending[path].drawn.cancel():
                sent = self._pending.pop(path)
                self._pending[path] = sent._replace(drawn=_done(sent.draw))
                return True
        return False

    def close(self) -> None:
        """End the processes, whatever they are at."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._started:
            process.kill()
        self._threads.shutdown()
        for process in self._started:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # nobody reads what was not sent yet
                    pipe.close()

    def _draw(self, content: bytes, path: Path, settings: dict[str, Any]) -> None:
        process = self._free.get()
        try:
            pickle.dump((content, str(path), settings), process.stdin)
            process.stdin.flush()
            failure = pickle.load(process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            failure = f"a process that draws ended with code {process.wait()}"
        finally:
            self._free.put(process)
        if failure is not None:
            raise DrawingError(failure)


_CURRENT: ContextVar[Drawers | None] = ContextVar("drawers", default=None)


def current() -> Drawers | None:
    """Return the processes that draw now; None where figures are drawn in this one."""
    return _CURRENT.get()


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Have up to two processes of their own draw what is saved, if there are processors beside this one's.

    They start at once and load Matplotlib meanwhile. Who leaves without waiting for a figure has none. Within
    another such context its processes draw.
    """
    count = min(_MOST, usable_cores() - 1)
    if count == 0 or not sys.executable or current() is not None:
        yield
        return
    drawers = Drawers(count)
    token = _CURRENT.set(drawers)
    try:
        yield
    finally:
        _CURRENT.reset(token)
        drawers.close()


def _done(work: Callable[[], None]) -> Future[None]:
    """Work, and return what is done, with the error if it failed."""
    done: Future[None] = Future()
    try:
        work()
    except Exception as error:
        done.set_exception(error)
    else:
        done.set_result(None)
    return done


def _start() -> Any:
    """Start a process that draws, with pipes to and from it; Ctrl-C in a terminal does not reach it."""
    package = str(Path(freqjax.__file__).parents[1])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        # -P: a file of the working directory must not stand for a module of the same name.
        [sys.executable, "-P", "-m", "freqjax.figures.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # warnings of the fonts, which the main process has given already
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )


def _settings() -> dict[str, Any]:
    """Return the settings of Matplotlib that a program has changed; figures are drawn by them too."""
    import matplotlib

    now: Any = matplotlib.rcParams
    first: Any = matplotlib.rcParamsDefault
    names = [name for name in now if name != "backend"]  # to ask for the backend imports pyplot
    return {name: now[name] for name in names if now[name] != first[name]}
