"""Time left, from the recent speed of what is counted."""

from __future__ import annotations

from collections import deque

# What the seconds left are found from, in words.
BASIS = "at recent speed"
# The speed is that of the last so many seconds, or of the last so many parts if these took longer.
_RECENT_SECONDS, _FEWEST = 30.0, 4


class Pace:
    """Recent speed of counted work.

    The time up to the first part counts only while there is no other, since it contains what is done once,
    such as a compilation.
    """

    def __init__(self, began: float, done: float = 0.0) -> None:
        """Begin at the time `began`, s, with `done` parts done before."""
        self._notes = deque([(began, done)])
        self._is_first = True

    def note(self, done: float, now: float) -> None:
        """Take account of `done` parts in all at the time `now`, s; what does not grow is no part."""
        if done <= self._notes[-1][1]:
            return
        self._notes.append((now, done))
        if self._is_first and len(self._notes) > 2:
            self._notes.popleft()
            self._is_first = False
        while len(self._notes) > _FEWEST and now - self._notes[1][0] >= _RECENT_SECONDS:
            self._notes.popleft()

    def left(self, of: float, now: float) -> float | None:
        """Return the seconds that `of` parts in all still take at the time `now`; None before the first part.

        A part that already takes longer than those before it slows the speed.
        """
        (first, before), (last, done) = self._notes[0], self._notes[-1]
        if done <= before or last <= first:
            return None
        each = (last - first) / (done - before)
        newest = done - self._notes[-2][1]
        since = max(now - last, 0.0)
        if since > each * newest:
            each, since = (now - first) / (done - before), 0.0
        return max((of - done) * each - since, 0.0)
