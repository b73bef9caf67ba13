"""Properties of the machine: memory, cores, the processor; and the results if they are unknown."""

import ctypes
import gc
import os
import platform
import sys

import numpy as np
import pytest

from freqjax.system import devices, memory, processors


def test_memory_is_in_megabytes():
    before = memory.peak_mb()
    assert before is not None and 50 < before < 100_000
    held = np.ones(40_000_000)  # 320 MB, unless the process had held more before
    after = memory.peak_mb()
    assert after is not None and after >= max(before, 250)
    del held


def test_garbage_is_looked_for_rarely_and_then_as_before():
    before = gc.get_threshold()
    with memory.collecting_rarely():
        assert gc.get_threshold() == (20_000, *before[1:])
        gc.set_threshold(100_000)
        with memory.collecting_rarely():  # who asks for less often gets it
            assert gc.get_threshold()[0] == 100_000
        gc.set_threshold(0)
        with memory.collecting_rarely():
            assert gc.get_threshold()[0] == 0
    assert gc.get_threshold() == before


@pytest.mark.skipif(memory.resource is None, reason="the system does not tell")
def test_macos_counts_bytes(monkeypatch):
    usage = memory.resource.getrusage(memory.resource.RUSAGE_SELF)
    monkeypatch.setattr(memory.resource, "getrusage", lambda _: usage)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory.peak_mb() == usage.ru_maxrss / 1e6


class Kernel:
    """Substitute for kernel32.dll."""

    def __init__(self, knows):
        self.knows = knows
        # Functions of a library are objects, which are told the types of their arguments.
        self.GetCurrentProcess = type("f", (), {"__call__": lambda _: 7})()
        self.K32GetProcessMemoryInfo = type("f", (), {"__call__": lambda _, *a: self.info(*a)})()

    def info(self, process, counters, size):
        assert (process, size) == (7, ctypes.sizeof(memory._Counters))
        counters._obj.peak_working_set = 123_000_000
        return self.knows


@pytest.mark.parametrize("knows", [0, 1])
def test_windows_is_asked_its_own_way(monkeypatch, knows):
    monkeypatch.setattr(memory, "resource", None)
    monkeypatch.setattr(ctypes, "WinDLL", lambda name: Kernel(knows), raising=False)
    assert memory.peak_mb() == (123.0 if knows else None)
    # The layout that Windows documents: two numbers of 32 bits, then sizes.
    assert memory._Counters.peak_working_set.offset == 8
    assert ctypes.sizeof(memory._Counters) == 8 + 8 * ctypes.sizeof(ctypes.c_size_t)


def test_a_system_that_does_not_tell(monkeypatch):
    monkeypatch.setattr(memory, "resource", None)
    monkeypatch.delattr(ctypes, "WinDLL", raising=False)
    assert memory.peak_mb() is None
    assert devices.peak_memory_mb() is None


def test_cores(monkeypatch):
    cores = os.cpu_count()
    assert cores is not None and 1 <= processors.usable_cores() <= cores
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 6}, raising=False)
    assert processors.usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert processors.usable_cores() == os.cpu_count()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processors.usable_cores() == 1


def test_the_processor(monkeypatch):
    said = processors.describe()
    assert platform.machine() in said
    assert processors.describe() == said
    monkeypatch.setattr(sys, "platform", "darwin")
    known = {"machdep.cpu.brand_string": "Apple M9", "machdep.cpu.features": "NEON"}
    monkeypatch.setattr(processors, "_sysctl", known.get)
    assert processors.describe().splitlines()[-2:] == ["Apple M9", "NEON"]
