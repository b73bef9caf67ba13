"""Phases of work, and the reporter that tells a view of them.

The reporter in use belongs to the context (`contextvars`), as a decimal context does: a thread has none until
it is given one, and what is not shown costs nothing but the count.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextvars import ContextVar
from typing import Protocol, TypeVar, runtime_checkable

from freqjax.progress.pace import Pace

T = TypeVar("T")


class Phase:
    """Phase of work, possibly counted.

    Attributes:
      name: what is done.
      of: how many parts it has; None if that is not known.
      unit: what the parts are, as a plural; empty if the name says it.
      began: when it began, s, by the reporter's clock.
      done: parts that are done; a fraction of one counts.
      item: which part is being done, in words, or anything else that is to be said of it.
      even: whether one part takes about as long as another, so that a speed tells something.
      known_left: seconds that it still takes, if who counts knows better than the recent speed; else None.
    """

    def __init__(
        self,
        name: str,
        reporter: Reporter,
        *,
        of: float | None = None,
        unit: str = "",
        done: float = 0.0,
        even: bool = True,
    ) -> None:
        """Begin at the time of the reporter's clock."""
        self.name, self.of, self.unit, self.done = name, of, unit, done
        self.item, self.even = "", even
        self.known_left: float | None = None
        self.began = reporter.clock()
        self._reporter, self._pace = reporter, Pace(self.began, done)

    def advance(self, done: float, item: str = "", left: float | None = None) -> None:
        """Say that `done` parts in all are done, and which is next, or how long, s, the rest takes."""
        self.done, self.item, self.known_left = done, item, left
        self._pace.note(done, self._reporter.clock())
        self._reporter.tell()

    def left(self, now: float) -> float | None:
        """Return the seconds that the phase still takes at `now`, from its recent speed; None if unknown."""
        if self.known_left is not None:
            return self.known_left
        if self.of is None or not self.even:
            return None
        return self._pace.left(self.of, now)


@runtime_checkable
class View(Protocol):
    """Listener that is told of phases."""

    def show(self, phases: Sequence[Phase]) -> None:
        """Take account of the phases that are going on, the outermost first; none at the end.

        It is called where the work is done, and must be quick.
        """
        ...


class Reporter:
    """Phases that are going on, one within another, and the view that is told of each change.

    Attributes:
      phases: the phases, the outermost first.
      clock: the time in seconds.
    """

    def __init__(
        self, view: View | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with no phase; each change is told to `view`, if there is one."""
        self.phases: tuple[Phase, ...] = ()
        self.clock, self._view = clock, view

    def tell(self) -> None:
        """Tell the view what is going on."""
        if self._view is not None:
            self._view.show(self.phases)

    @contextlib.contextmanager
    def within(self, phase: Phase) -> Iterator[Phase]:
        """Be in `phase`, within those that are going on."""
        self.phases = (*self.phases, phase)
        self.tell()
        try:
            yield phase
        finally:
            # What is left in it ends with it: a generator may be closed later than what it is in.
            if phase in self.phases:
                self.phases = self.phases[: self.phases.index(phase)]
                self.tell()


_REPORTER: ContextVar[Reporter | None] = ContextVar("freqjax progress", default=None)


@contextlib.contextmanager
def reporting_to(
    view: View | None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Reporter]:
    """Report what is done in this context to `view`, or to nobody."""
    reporter = Reporter(view, clock)
    token = _REPORTER.set(reporter)
    try:
        yield reporter
    finally:
        _REPORTER.reset(token)


@contextlib.contextmanager
def phase(
    name: str, of: float | None = None, *, unit: str = "", done: float = 0.0, even: bool = True
) -> Iterator[Phase]:
    """Be in a phase of work; see `Phase`."""
    reporter = _REPORTER.get() or Reporter()
    with reporter.within(Phase(name, reporter, of=of, unit=unit, done=done, even=even)) as begun:
        yield begun


def each(
    name: str, items: Sequence[T], *, unit: str = "", even: bool = True
) -> Generator[T, None, None]:
    """Yield the items, each of which is a part of a phase; a single one is no phase."""
    if len(items) < 2:
        yield from items
        return
    with phase(name, len(items), unit=unit, even=even) as counted:
        for number, item in enumerate(items, 1):
            yield item
            counted.advance(number)
