"""Programs that XLA compiled before, kept on disk: a command that ran once starts in half the time.

They stand in the folder `compiled` of `freqjax.system.cache.folder`, as JAX's own compilation cache keeps
them, under the hash of the processor they were compiled for, since a home folder may be shared by several
machines. As there, the cache is a convenience: one that cannot be read or written is done without.
"""

from __future__ import annotations

import hashlib
import os
import platform
import warnings
from pathlib import Path

import jax

from freqjax.system import cache

# Bytes on disk beyond which the oldest programs are removed. One takes 10 to 70 KB.
_MOST = 200_000_000


def keep() -> None:
    """Make JAX look for compiled programs on disk and put new ones there.

    A cache that the user set up for JAX, or turned off, stays as it is.
    """
    enabled = jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    chosen = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if chosen is not None or not enabled:
        return
    try:
        folder = cache.folder() / "compiled" / _hash(processor())
        # What is found there is run: nobody else may put it there.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _shrink(folder)
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Of the many small programs of a command none takes long, and all of them together do.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    # A full disk, or a file cut short by a kill: JAX compiles, as it would have without.
    for verb in ("reading", "writing"):
        warnings.filterwarnings("ignore", f"Error {verb} persistent compilation cache entry")


def processor() -> str:
    """What code compiled for this CPU may rely on: its model and its instructions, in words."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.is_file() else []
    names = ("model name", "flags", "Features", "CPU implementer", "CPU part")
    # Once for all cores, which are alike.
    told = {line.partition(":")[0].strip(): line for line in lines if line.startswith(names)}
    return "\n".join([platform.machine(), platform.processor(), *told.values()])


def _hash(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _shrink(folder: Path) -> None:
    """Remove the oldest programs, so that those that are left take no more than `_MOST` bytes."""
    found = [(entry.stat(), entry) for entry in os.scandir(folder) if entry.is_file()]
    total = sum(stat.st_size for stat, _ in found)
    for stat, entry in sorted(found, key=lambda pair: pair[0].st_mtime):
        if total <= _MOST:
            break
        Path(entry).unlink(missing_ok=True)
        total -= stat.st_size
