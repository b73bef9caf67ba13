"""The processor: how many of its cores this process may use, and what code compiled for it relies on."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from pathlib import Path


def usable_cores() -> int:
    """Count the cores that this process may use, at least 1."""
    # Not every system can bind a process to some of its cores.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> str:
    """Return what code compiled for this CPU may rely on: its model and its instructions, in words."""
    told = _told_by_macos() if sys.platform == "darwin" else _told_by_linux()
    return "\n".join([platform.machine(), platform.processor(), *told])


def _told_by_linux() -> list[str]:
    """Read model and instructions from /proc; nothing if there is none, as on Windows."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return []
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    names = ("model name", "flags", "Features", "CPU implementer", "CPU part")
    # Once for all cores, which are alike.
    return [
        *{line.partition(":")[0].strip(): line for line in lines if line.startswith(names)}.values()
    ]


def _told_by_macos() -> list[str]:
    """Ask the kernel for model and instructions; leave out names that this kind of Mac does not know."""
    names = ("brand_string", "features", "leaf7_features")
    found = [_sysctl(f"machdep.cpu.{name}") for name in names]
    return [value for value in found if value is not None]


def _sysctl(name: str) -> str | None:
    """Read a text from the kernel of a Mac; None if it does not know the name."""
    ask = getattr(ctypes.CDLL(None), "sysctlbyname", None)
    if ask is None:
        return None
    value, size = ctypes.create_string_buffer(4096), ctypes.c_size_t(4096)
    failed = ask(name.encode(), value, ctypes.byref(size), None, ctypes.c_size_t(0))
    return None if failed else value.value.decode(errors="replace")
