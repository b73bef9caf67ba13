"""Memory of this process and of the machine, on each system, and how often garbage is collected."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Iterator

try:
    import resource
except ImportError:  # Windows
    resource = None

# Objects made between two collections of the youngest ones, by default 700. Programs and figures are made of
# many objects that last, so that looking for garbage among them takes a good part of a short run.
_OBJECTS = 20_000


class _Counters(ctypes.Structure):
    """The structure PROCESS_MEMORY_COUNTERS of Windows."""

    _fields_ = (
        ("cb", ctypes.c_uint32),
        ("page_faults", ctypes.c_uint32),
        *(
            (name, ctypes.c_size_t)
            for name in (
                "peak_working_set",
                "working_set",
                "peak_paged_pool",
                "paged_pool",
                "peak_nonpaged_pool",
                "nonpaged_pool",
                "pagefile",
                "peak_pagefile",
            )
        ),
    )


def peak_mb() -> float | None:
    """Return the peak main memory of this process, MB; None if the system does not provide it."""
    if resource is not None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak / 1e3  # bytes there, kB elsewhere
    if hasattr(ctypes, "WinDLL"):
        return _windows_peak_mb()
    return None


def _windows_peak_mb() -> float | None:
    kernel = ctypes.WinDLL("kernel32")  # pyright: ignore[reportAttributeAccessIssue]
    counters = _Counters(cb=ctypes.sizeof(_Counters))
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    kernel.K32GetProcessMemoryInfo.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32)
    process = kernel.GetCurrentProcess()
    if not kernel.K32GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb):
        return None
    return counters.peak_working_set / 1e6


@contextlib.contextmanager
def collecting_rarely() -> Iterator[None]:
    """Look for garbage rarely in this context, and not at all when the interpreter ends after it."""
    # Its last collections would visit everything that is about to go: a second and more.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    youngest, *older = gc.get_threshold()
    gc.set_threshold(max(youngest, _OBJECTS) if youngest else 0, *older)  # 0 is never
    try:
        yield
    finally:
        gc.set_threshold(youngest, *older)


def physical_bytes() -> int | None:
    """Return how much main memory the machine has; None if the system does not say."""
    if hasattr(os, "sysconf"):
        try:
            pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError):
            return None
        return pages * size if pages > 0 else None
    if hasattr(ctypes, "WinDLL"):
        kernel = ctypes.WinDLL("kernel32")  # pyright: ignore[reportAttributeAccessIssue]
        kilobytes = ctypes.c_ulonglong()
        if kernel.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes)):
            return 1024 * kilobytes.value
    return None
