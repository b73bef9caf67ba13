"""Progress of an extraction: a line every few seconds, with the time left where the length is known."""

from __future__ import annotations

import time
from collections.abc import Callable

from freqjax.text import duration

# Seconds before the first line, and between lines.
_FIRST, _NEXT = 3.0, 10.0


class Progress:
    """Printer of lines of progress of one pass over a recording."""

    def __init__(self, what: str, samples: int | None, say: Callable[[str], None] | None) -> None:
        """Begin a pass of `samples` samples, or of unknown length; nothing is said if `say` is None."""
        self._what, self._samples, self._say = what, samples, say
        self._began = time.monotonic()
        self._due = self._began + _FIRST

    def note(self, done: int) -> None:
        """Take account of `done` samples in all, and say so if the last line is some time ago."""
        now = time.monotonic()
        if self._say is None or now < self._due or not done:
            return
        self._due = now + _NEXT
        if self._samples is None:
            self._say(f"{self._what}: {done:,} samples")
            return
        share = min(done / self._samples, 1.0)
        left = (now - self._began) * (1 / share - 1)
        self._say(f"{self._what}: {share:.0%}, about {duration(left)} left")
