"""Programs that XLA compiled before, kept on disk: a command that ran once starts in half the time.

They stand in the folder `compiled` of `freqjax.system.cache.folder`, as JAX's own compilation cache keeps
them, under the hash of the processor they were compiled for, since a home folder may be shared by several
machines. As there, if the cache cannot be read or written, freqjax runs without one.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path

import jax

from freqjax.system import cache, files, processors

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
        folder = cache.folder() / "compiled" / _hash(processors.describe())
        # What is found there is run: no other user may write there.
        cache.make_folder(folder)
        if not files.is_own(folder):
            return
        _shrink(folder)
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Of the many small programs of a command none takes long, and all of them together do.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    # If the disk is full, or a kill cut a file short, JAX compiles as it would without a cache.
    for verb in ("reading", "writing"):
        warnings.filterwarnings("ignore", f"Error {verb} persistent compilation cache entry")


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
