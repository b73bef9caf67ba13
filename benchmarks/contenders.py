"""Engines that do the same job, timed side by side: A B C A B C …, after a warm-up of each.

Absolute times move with what else the machine does; the ratio inside one round hardly does. So each engine
is timed once a round, one after another and never at once, and ratios are taken round by round.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

# The engine that the others are held against.
REFERENCE = "freqjax"

# A busy machine can make threads that wait for each other a hundred times slower. So a job that has taken
# this many seconds is timed no further than `_FEWEST` rounds, and a run that has, does no further unit.
_PATIENCE = 60.0
_FEWEST = 3
_LONGEST_RUN = 2.0


class Contender(NamedTuple):
    """An engine that is ready to do a job.

    Attributes:
      engine: freqjax, native (freqjax with train.engine=native), autodiff, pytorch or cpp.
      run: does the job once, waits until it is done, and gives how many µs a unit of it took.
      threads: how many it may use on the host.
      facts: what else its row says.
    """

    engine: str
    run: Callable[[], float]
    threads: int
    facts: dict[str, Any] = {}  # noqa: RUF012 - never changed


class Absent(NamedTuple):
    """An engine that cannot do a job here, and why, as a sentence."""

    engine: str
    reason: str


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def timed(work: Callable[[], Any], units: int) -> Callable[[], float]:
    """A `Contender.run` of `work`, which does `units` units and waits until they are done."""

    def run() -> float:
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) * 1e6 / units

    return run


def repeated(work: Callable[[int], Any], units: int) -> Callable[[], float]:
    """A `Contender.run` that calls `work` with 0, 1, … for a unit each, `units` times at most."""

    def run() -> float:
        began = time.perf_counter()
        for done in range(units):
            work(done)
            took = time.perf_counter() - began
            if took > _LONGEST_RUN:
                break
        return took * 1e6 / (done + 1)

    return run


def alternate(contenders: Sequence[Contender], rounds: int) -> list[list[float]]:
    """Warm every contender up and time them in turn: µs a unit, [round][contender]."""
    began = time.monotonic()
    for contender in contenders:
        contender.run()
    times: list[list[float]] = []
    while len(times) < rounds:
        if len(times) >= _FEWEST and time.monotonic() - began > _PATIENCE:
            break
        times.append([contender.run() for contender in contenders])
    return times


def compare(contenders: Sequence[Contender | Absent], rounds: int) -> list[dict[str, Any]]:
    """Time the contenders alternately, for `rounds` rounds at most, and give a row for each.

    Returns:
      `engine`, `threads`, `median_us`, `min_us`, `max_us`, `runs` and, where freqjax ran beside it, `ratio`:
      the median over rounds of this engine's time / freqjax's in the same round. An absent engine's row has
      `absent`, the reason, and times that are null.
    """
    present = [found for found in contenders if isinstance(found, Contender)]
    times = alternate(present, rounds)
    reference = [found.engine for found in present].index(REFERENCE)
    rows = []
    for place, contender in enumerate(present):
        ratio = median(row[place] / row[reference] for row in times)
        row = row_of(contender, [row[place] for row in times])
        rows.append(row | {"ratio": float(f"{ratio:.3g}")})
    nothing = dict.fromkeys(("threads", "median_us", "min_us", "max_us")) | {"runs": 0}
    missing = (found for found in contenders if isinstance(found, Absent))
    return [*rows, *({"engine": m.engine} | nothing | {"absent": m.reason} for m in missing)]


def row_of(contender: Contender, times: Sequence[float]) -> dict[str, Any]:
    """What a contender is, and how long it took, µs a unit."""
    names = {"median_us": median, "min_us": min, "max_us": max}
    # Four digits: a step takes some µs, a long stream seconds.
    spread = {name: float(f"{of(times):.4g}") for name, of in names.items()}
    found = {"engine": contender.engine, "threads": contender.threads, **spread}
    return found | {"runs": len(times)} | contender.facts
