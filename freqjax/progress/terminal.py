r"""Progress on a terminal: one line at its bottom that is rewritten.

`rich` (https://github.com/Textualize/rich, MIT) draws the line if it is installed, with a bar and colours;
else it is plain text. When and where it is written is decided here in both cases, with a carriage return and
"erase line" alone: the cursor is neither hidden nor moved to another line, so that even a killed program
leaves a terminal that works.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from freqjax.progress.phases import Phase
from freqjax.progress.words import line, share
from freqjax.text import printable

_ERASE = "\r\x1b[2K"
# Seconds between two drawings, and before the first: what is quicker needs no line.
_AGAIN, _FIRST = 0.25, 0.5
_WIDTH, _BAR = 80, 24

# (text, share that is done or None, columns) → one line, at most so many columns wide.
Draw = Callable[[str, float | None, int], str]


class Line:
    """Bottom line of a terminal; lines of something else go above it."""

    def __init__(
        self, stream: Any, draw: Draw | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Write to `stream`; `draw` is rich's if that is installed, unless one is given."""
        self._stream, self._clock = stream, clock
        self._draw = drawing(stream) if draw is None else draw
        self._due = clock() + _FIRST
        self._is_shown = False

    def before(self) -> None:
        """Make room for a line of something else."""
        if self._is_shown:
            self._write(_ERASE)
            self._is_shown = False

    def after(self) -> None:
        """Take account of a line of something else, which was written."""
        self._due = min(self._due, self._clock() + _AGAIN)

    def tick(self, phases: Sequence[Phase]) -> None:
        """Draw the line anew if it is time, or remove it where nothing is going on."""
        now = self._clock()
        if not phases:
            self.before()
            return
        if now < self._due:
            return
        self._due = now + _AGAIN
        # The last column is left free: some terminals begin a line once it is written to.
        text, columns = printable(line(phases, now)), max(_columns(self._stream) - 1, 10)
        self._write(_ERASE + self._draw(text, share(phases), columns))
        self._is_shown = True

    def close(self) -> None:
        """Leave the terminal as it was."""
        self.before()

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a terminal that was closed
            self._stream.write(text)
            self._stream.flush()


def is_terminal(stream: Any) -> bool:
    """Tell whether `stream` is a terminal that can erase a line."""
    try:
        return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"
    except (AttributeError, OSError, ValueError):  # not a file, or a closed one
        return False


def drawing(stream: Any) -> Draw:
    """Return how a line is drawn on `stream`: by rich if it is installed, else as plain text."""
    return plain if importlib.util.find_spec("rich") is None else with_rich(stream)


def plain(text: str, share: float | None, columns: int) -> str:
    """Return `text`, cut to the width."""
    del share
    return text if len(text) <= columns else f"{text[: columns - 1]}…"


def with_rich(stream: Any) -> Draw:
    """Return a drawing by rich: a bar that moves where nothing is counted, and the text."""
    from rich.console import Console
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    def draw(text: str, share: float | None, columns: int) -> str:
        console = Console(file=stream, force_terminal=True, width=columns, legacy_windows=False)
        bar = min(_BAR, columns // 3)
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=bar)
        grid.add_column(no_wrap=True, overflow="ellipsis")
        counted = ProgressBar(total=1.0, completed=share or 0.0, width=bar, pulse=share is None)
        grid.add_row(counted, Text(text, no_wrap=True, overflow="ellipsis"))
        with console.capture() as captured:
            console.print(grid, end="")
        return captured.get().split("\n", 1)[0]

    return draw


def _columns(stream: Any) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _WIDTH
    except (AttributeError, OSError, ValueError):
        return _WIDTH
