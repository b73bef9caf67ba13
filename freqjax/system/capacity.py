"""Memory that this process may use, and refusal of what needs more.

XLA ends a process with a stack of C++ where it cannot have the memory that it asks for. Counted here is the
least that a job needs, so that nothing is refused that would go.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from freqjax.errors import UserError
from freqjax.system import memory

try:
    import resource
except ImportError:  # Windows
    resource = None

# Where Linux tells the control groups of this process, and their limits.
_OWN_GROUPS, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


class Need(NamedTuple):
    """Memory that a part of a job takes.

    Attributes:
      said: the field of the config that it grows with, and its value, as in "network.hidden_size is 64".
      what: what it is for, in the plural.
      bytes: how much, at least.
      instead: what needs less.
    """

    said: str
    what: str
    bytes: float
    instead: str = "a lower value"


def require(needs: Iterable[Need]) -> None:
    """Require that this process may use the memory that all `needs` together take.

    Raises:
      UserError: it may not; the sentence names the largest need.
    """
    found, room = list(needs), available()
    total = sum(need.bytes for need in found)
    if room is None or total <= room:
        return
    worst = max(found, key=lambda need: need.bytes)
    raise UserError(
        f"{worst.said}: {worst.what} need at least {_gigabytes(worst.bytes)} of memory, and this process may "
        f"use {_gigabytes(room)}; {worst.instead} needs less."
    )


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.3g} GB"


def available() -> int | None:
    """Return how much memory this process may use, bytes; None if the system does not say.

    That is the least of the machine's memory (on Linux with its swap space), of the limits of the control
    groups that it is in, as containers and clusters set them, and of what is left of its address space.
    """
    limits = [_machine(), *_group_limits(), _address_space()]
    return min((limit for limit in limits if limit is not None), default=None)


def _machine() -> int | None:
    physical = memory.physical_bytes()
    return None if physical is None else physical + _told("/proc/meminfo", "SwapTotal:")


def _group_limits() -> list[int]:
    """Read the limits of this process's control groups, of either version."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        controllers, _, name = line.partition(":")[2].partition(":")
        if controllers not in ("", "memory"):
            continue
        top = _GROUPS / controllers
        file = "memory.limit_in_bytes" if controllers else "memory.max"
        group = top / name.strip("/")
        for place in (group, *group.parents):
            if top in (place, *place.parents):
                found.append(_number(place / file))
    return [limit for limit in found if limit is not None]


def _number(path: Path) -> int | None:
    """Read a limit; None where there is no such file, or no limit in it."""
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it says max
        return None


def _address_space() -> int | None:
    """Return what is left of the address space that `ulimit -v` allows."""
    if resource is None or sys.platform == "darwin":  # which does not hold programs to it
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    return max(limit - _told("/proc/self/status", "VmSize:"), 0)


def _told(path: str, name: str) -> int:
    """Read a size from a file of Linux's /proc, bytes; 0 where it does not tell."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith(name)]
    return 1024 * int(found[0]) if found and found[0].isdigit() else 0
