"""The least time of a job on this machine, from its own rates at the size of the job's arrays.

A job is a series of passes over arrays. A pass takes at least the time of reading its numbers, or of reading
and writing them, and at least the time of its multiply-adds; machine.cc measures all three in loops that do
nothing else. The passes follow one another, so their times add up.
"""

from __future__ import annotations

import ctypes
import functools
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.contenders import LIMIT, Absent, Contender
from benchmarks.speed import WRITTEN
from freqjax.errors import UserError
from freqjax.native import library

_SOURCE = Path(__file__).with_name("machine.cc")
# Numbers that the loops process at a time: 12 registers of 16.
_STEP = 12 * 16
# Each rate is measured in calls of about this length, of which the fastest counts.
_SECONDS, _CALLS = 1e-3, 20


class Pass(NamedTuple):
    """One pass over an array of float32.

    Attributes:
      numbers: how many are read.
      written: whether they are written as well.
      multiply_adds: operations, a product and a sum each.
      times: how often it is made.
    """

    numbers: int
    written: bool
    multiply_adds: int
    times: int = 1


class Rates(NamedTuple):
    """Rates of the machine a second, of all threads together.

    Attributes:
      read, update: (numbers of an array) → numbers that are read, or read and written.
      multiply_adds: multiply-adds of float32.
    """

    read: Callable[[int], float]
    update: Callable[[int], float]
    multiply_adds: Callable[[], float]


def least_seconds(passes: Sequence[Pass], rates: Rates) -> float:
    """Return the least time of passes that follow one another, s."""
    operations = rates.multiply_adds()
    total = 0.0
    for one in passes:
        moved = (rates.update if one.written else rates.read)(one.numbers)
        total += one.times * max(one.numbers / moved, one.multiply_adds / operations)
    return total


def limit(passes: Sequence[Pass], threads: int, platform: str) -> Contender | Absent:
    """Prepare the measurement of the least time of a job of `passes` on `threads` threads of the CPU."""
    if platform != "cpu":
        return Absent(LIMIT, "The limit is measured on the CPU alone.")
    try:
        if library.compiler_command() is None:
            return Absent(LIMIT, "There is no C++ compiler here.")
        rates = measured(threads)
    except UserError as error:
        return Absent(LIMIT, str(error))
    facts = {
        "moved_mb": round(
            sum(one.times * (1 + one.written) * one.numbers for one in passes) * 4e-6, 3
        ),
        "multiply_adds": sum(one.times * one.multiply_adds for one in passes),
        WRITTEN: True,
    }
    return Contender(LIMIT, lambda: least_seconds(passes, rates) * 1e6, threads, facts)


def measured(threads: int) -> Rates:
    """Return the rates of `threads` threads, each with an equal part of an array; measured when called.

    Raises:
      UserError: the loops cannot be compiled.
    """
    loops, pool = _loops(), ThreadPoolExecutor(threads)

    def rate(work: Callable[[int, int], Any], done: float) -> float:
        """Return what all threads do a second by `work(thread, times)`, where once is `done`."""
        return sum(pool.map(lambda thread: _rate(partial(work, thread), done), range(threads)))

    def moving(function: Any) -> Callable[[int], float]:
        def numbers_a_second(numbers: int) -> float:
            own = -(-numbers // threads // _STEP) * _STEP
            arrays = [_aligned(own) for _ in range(threads)]

            def work(thread: int, times: int) -> None:
                at = ctypes.c_void_p(arrays[thread].ctypes.data)
                function(at, ctypes.c_int64(own), ctypes.c_int64(times))

            return rate(work, float(own))

        return numbers_a_second

    def multiply(thread: int, times: int) -> None:
        del thread
        loops.multiply_add(ctypes.c_float(0.5), ctypes.c_float(1), ctypes.c_int64(1000 * times))

    return Rates(
        moving(loops.read_array),
        moving(loops.update_array),
        lambda: rate(multiply, 1000.0 * _STEP),
    )


def _rate(work: Callable[[int], Any], done: float) -> float:
    """Return what `work(times)` does a second, where once is `done`: the most of many calls."""
    times, least = 1, 0.0
    while least < _SECONDS:
        times *= 2
        least = _seconds(work, times)
    return done * times / min(least, *(_seconds(work, times) for _ in range(_CALLS)))


def _seconds(work: Callable[[int], Any], times: int) -> float:
    began = time.perf_counter()
    work(times)
    return time.perf_counter() - began


def _aligned(numbers: int) -> np.ndarray:
    """Return zeros that begin at a multiple of 64 bytes, and have memory of their own.

    They are written: pages that nobody has written are all one page of zeros, which the first cache holds.
    Other numbers would become denormal, and slow, as they are halved.
    """
    memory = np.empty(numbers + 16, np.float32)
    memory.fill(0)
    first = -memory.ctypes.data % 64 // 4
    return memory[first : first + numbers]


@functools.cache
def _loops() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        goal = Path(folder) / "machine.so"
        library.compile_sources([_SOURCE], goal)
        loops = ctypes.CDLL(str(goal))
    loops.read_array.restype = loops.multiply_add.restype = ctypes.c_float
    loops.update_array.restype = None
    return loops
