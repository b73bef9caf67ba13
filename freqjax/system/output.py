"""Lines of a command on standard output and standard error.

A reader that has gone, a terminal that was closed and a full disk must not end a training: what cannot be
said is left out, and the work goes on. What a terminal would obey is escaped (`freqjax.text.printable`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from freqjax.text import printable, shortened


def prepare() -> None:
    """Make standard input, output and error usable, whatever they were started with.

    What is closed reads nothing and writes nowhere: its number would else be given to the next file that is
    opened, and outputs be written into that. Progress reaches a pipe or a log line by line, and a sign that
    the encoding does not have is replaced.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - to the end
    for stream, errors in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        _reconfigure(stream, errors)


def _reconfigure(stream: Any, errors: str) -> None:
    # A stream that another program put there may be of another class.
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(line_buffering=True, errors=errors)


def tell(text: str) -> None:
    """Print lines on standard output, or leave them out if they cannot be written."""
    try:
        print(_shown(text))
    except OSError as error:
        _let_go(sys.stdout)
        if not _reader_is_gone(error):
            warn(
                f"standard output cannot be written any more ({error.strerror}); the work goes on."
            )


def warn(text: str) -> None:
    """Print a line on standard error; standard output may be a stream of numbers."""
    try:
        words = " ".join(
            printable(shortened(w)) for line in text.splitlines() for w in line.split(" ")
        )
        print(f"freqjax: {words}", file=sys.stderr)
    except OSError:
        _let_go(sys.stderr)


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Let what is written on standard output go nowhere, also what libraries in C++ write."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def answer(text: str) -> int:
    """Print the answer to a question, which is all that a command does; return its exit code.

    If the reader has gone it is that of a program which SIGPIPE ends, as other programs do.
    """
    try:
        print(_shown(text))
        sys.stdout.flush()
    except OSError as error:
        _let_go(sys.stdout)
        if not _reader_is_gone(error):
            raise
        return 128 + getattr(signal, "SIGPIPE", 13)
    return 0


def _shown(text: str) -> str:
    """Return lines with what a terminal would obey as escapes."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _reader_is_gone(error: OSError) -> bool:
    # Windows answers EINVAL where a pipe has no reader.
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == 22)


def _let_go(stream: Any) -> None:
    """Let everything that is and will be written to `stream` go nowhere, also what it still holds back."""
    with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
