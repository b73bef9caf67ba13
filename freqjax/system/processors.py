"""Properties of the processor: the cores this process may use, and the model and instructions."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from pathlib import Path


def usable_cores() -> int:
    """Count the cores that this process may use, at least 1."""
    # Not every system can restrict a process to some cores.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> str:
    """Return the model and the instructions of this CPU, on which compiled code depends."""
    told = _told_by_macos() if sys.platform == "darwin" else _told_by_linux()
    return "\n".join([platform.machine(), platform.processor(), *told])


def _told_by_linux() -> list[str]:
    """Read model and instructions from /proc; empty if it does not exist, as on Windows."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return []
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    names = ("model name", "flags", "Features", "CPU implementer", "CPU part")
    # All cores have the same model and instructions.
    return [
        *{line.partition(":")[0].strip(): line for line in lines if line.startswith(names)}.values()
    ]


def _told_by_macos() -> list[str]:
    """Read model and instructions from the kernel, without names that this kind of Mac does not have."""
    names = ("brand_string", "features", "leaf7_features")
    found = [_sysctl(f"machdep.cpu.{name}") for name in names]
    return [value for value in found if value is not None]


def _sysctl(name: str) -> str | None:
    """Read a text from the kernel of a Mac; None if the name does not exist."""
    ask = getattr(ctypes.CDLL(None), "sysctlbyname", None)
    if ask is None:
        return None
    value, size = ctypes.create_string_buffer(4096), ctypes.c_size_t(4096)
    failed = ask(name.encode(), value, ctypes.byref(size), None, ctypes.c_size_t(0))
    return None if failed else value.value.decode(errors="replace")
