"""Progress as plain lines, for a pipe or a file: one where nothing was said for a while."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from freqjax.progress.phases import Phase
from freqjax.progress.words import line
from freqjax.text import printable

# Seconds without any line after which one is written: 5, less the time until it is noticed.
EVERY = 4.7


class Lines:
    """Writer of a line wherever there was none for about 5 s; other lines put it off.

    There is no carriage return, and a line is no more than what `freqjax.progress.words` makes of the phases.
    """

    def __init__(self, stream: Any, clock: Callable[[], float] = time.monotonic) -> None:
        """Write to `stream`."""
        self._stream, self._clock = stream, clock
        self._spoken = clock()

    def before(self) -> None:
        """Take account of a line of something else, which is about to be written."""

    def after(self) -> None:
        """Take account of a line of something else, which was written."""
        self._spoken = self._clock()

    def tick(self, phases: Sequence[Phase]) -> None:
        """Write a line if it is time."""
        now = self._clock()
        if not phases or now - self._spoken < EVERY:
            return
        self._spoken = now
        with contextlib.suppress(
            OSError, ValueError
        ):  # a reader that has gone, a stream that is closed
            self._stream.write(f"progress: {printable(line(phases, now))}\n")
            self._stream.flush()

    def close(self) -> None:
        """Leave nothing behind: each line is whole."""
