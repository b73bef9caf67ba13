"""Persistent cache of compiled XLA programs: a command that ran before starts in half the time.

It is JAX's compilation cache in the folder `compiled` of `freqjax.system.cache.folder`, under a hash of the
processor, since several machines may share a home folder. If it cannot be read or written, freqjax runs
without it.
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
    """Enable JAX's persistent compilation cache.

    A cache that the user has configured or disabled is not changed.
    """
    enabled = jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    chosen = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if chosen is not None or not enabled:
        return
    try:
        folder = cache.folder() / "compiled" / _hash(processors.describe())
        # Programs in the cache are executed: no other user may write there.
        cache.make_folder(folder)
        if not files.is_own(folder):
            return
        _shrink(folder)
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Small programs are cached too: a command has many of them, which take long only together.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    # If the disk is full or a file is incomplete, JAX compiles as it would without a cache.
    for verb in ("reading", "writing"):
        warnings.filterwarnings("ignore", f"Error {verb} persistent compilation cache entry")


def _hash(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _shrink(folder: Path) -> None:
    """Remove the oldest programs until the others take at most `_MOST` bytes."""
    found = [(entry.stat(), entry) for entry in os.scandir(folder) if entry.is_file()]
    total = sum(stat.st_size for stat, _ in found)
    for stat, entry in sorted(found, key=lambda pair: pair[0].st_mtime):
        if total <= _MOST:
            break
        Path(entry).unlink(missing_ok=True)
        total -= stat.st_size
