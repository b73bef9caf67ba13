"""Alternating timing of engines that do the same job: A B C A B C …, after a warm-up of each.

Absolute times change with the load of the machine; the ratio within one round changes much less. So each
engine is timed once a round, one after another, and ratios are computed within each round.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

# The engine that the others are compared with.
REFERENCE = "freqjax"
# Not an engine: the least time of the job on this machine.
LIMIT = "limit"

# On a busy machine, threads that wait for each other can be a hundred times slower. So a job that has taken
# `_PATIENCE` seconds has no more than `_FEWEST` rounds, and a run ends with the unit that exceeds
# `_LONGEST_RUN` seconds.
_PATIENCE = 60.0
_FEWEST = 3
_LONGEST_RUN = 2.0


class Contender(NamedTuple):
    """An engine that is ready to do a job.

    Attributes:
      engine: freqjax, native (freqjax with train.engine=native), autodiff, pytorch, cpp or limit.
      run: does the job once, waits until it is done, and returns the time of a unit, µs.
      threads: the number that it may use on the host.
      facts: further entries of its row.
      same_job: whether it does what the others do; if not, its row has times and no ratios.
    """

    engine: str
    run: Callable[[], float]
    threads: int
    facts: dict[str, Any] = {}  # noqa: RUF012 - never changed
    same_job: bool = True


class Absent(NamedTuple):
    """An engine that cannot do a job here, with the reason as a sentence."""

    engine: str
    reason: str


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0))


def timed(work: Callable[[], Any], units: int) -> Callable[[], float]:
    """Make a `Contender.run` of `work`, which does `units` units and waits until they are done."""

    def run() -> float:
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) * 1e6 / units

    return run


def repeated(work: Callable[[int], Any], units: int) -> Callable[[], float]:
    """Make a `Contender.run` that calls `work` with 0, 1, … for a unit each, at most `units` times."""

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
    """Warm up every contender, and time them in turn: µs a unit, [round][contender]."""
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
    """Time the contenders alternately, for at most `rounds` rounds, and return a row for each.

    Returns:
      `engine`, `threads`, `median_us`, `min_us`, `max_us`, `runs`, `times_us` (of every round) and, where
      freqjax ran beside it, `ratio`: the median over rounds of this engine's time / freqjax's in the same
      round; and where the limit was measured, `limits`: the same over the limit. An absent engine's row has
      `absent`, the reason, and times that are null.
    """
    present = [found for found in contenders if isinstance(found, Contender)]
    rows = rows_of(present, alternate(present, rounds))
    nothing = dict.fromkeys(("threads", "median_us", "min_us", "max_us")) | {"runs": 0}
    missing = (found for found in contenders if isinstance(found, Absent))
    return [*rows, *({"engine": m.engine} | nothing | {"absent": m.reason} for m in missing)]


def rows_of(
    contenders: Sequence[Contender], times: Sequence[Sequence[float]]
) -> list[dict[str, Any]]:
    """Make the rows of contenders of which one is the reference, from their times [round][contender], µs."""
    engines = [found.engine for found in contenders]

    def over(place: int, other: str) -> float:
        ratio = median(row[place] / row[engines.index(other)] for row in times)
        return float(f"{ratio:.3g}")

    rows = []
    for place, contender in enumerate(contenders):
        row = row_of(contender, [row[place] for row in times])
        if contender.same_job:
            row["ratio"] = over(place, REFERENCE)
        if contender.same_job and LIMIT in engines and contender.engine != LIMIT:
            row["limits"] = over(place, LIMIT)
        rows.append(row)
    return rows


def row_of(contender: Contender, times: Sequence[float]) -> dict[str, Any]:
    """Make the row of a contender from its times, µs a unit, which `times_us` keeps round by round."""
    names = {"median_us": median, "min_us": min, "max_us": max}
    # Four digits: times range from µs (a step) to seconds (a long stream).
    spread = {name: float(f"{of(times):.4g}") for name, of in names.items()}
    found = {"engine": contender.engine, "threads": contender.threads, **spread}
    rounds = [float(f"{time:.4g}") for time in times]
    return found | {"runs": len(times)} | contender.facts | {"times_us": rounds}
