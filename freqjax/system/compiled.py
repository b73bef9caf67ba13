"""Persistent cache of compiled XLA programs: a command that ran before starts in half the time.

It is in the folder `compiled` of `freqjax.system.cache.folder`, under a hash of the processor, since several
machines may share a home folder. JAX asks `Programs` for programs and hands over new ones. If the cache
cannot be read or written, or others could change it, freqjax runs without it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import jax
from jax._src import compilation_cache

from freqjax.system import cache, files, output, processors

# Bytes on disk beyond which the oldest programs are removed. One takes 10 to 70 KB.
_MOST = 200_000_000
# Begins every file, before the digest of key and program.
_MARK = b"freqjax program 1\n"


class Programs:
    """A folder of programs as JAX's compilation cache asks for them: a file for each key.

    A file proves that it is what its key says: it begins with the digest of the key and of the program. One
    that is cut short, changed, or another's is no program; it is compiled and written again.
    """

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is there and which nobody else can write."""
        self._path = folder

    def get(self, key: str) -> bytes | None:
        """Read the program of `key`; None where there is none."""
        try:
            content = self._place(key).read_bytes()
        except OSError:
            return None
        head, program = content[: len(_MARK) + 32], content[len(_MARK) + 32 :]
        return program if head == _MARK + _proof(key, program) else None

    def put(self, key: str, value: bytes) -> None:
        """Keep the program of `key`, in place of what is there."""
        try:
            with files.replacing(self._place(key)) as file:
                file.write(_MARK + _proof(key, value) + value)
        except OSError:  # the next command compiles it again
            pass

    def _place(self, key: str) -> Path:
        return self._path / f"{_hash(key)}.program"


def _proof(key: str, program: bytes) -> bytes:
    """Return the digest, 32 bytes, of a key and its program."""
    return hashlib.sha256(hashlib.sha256(key.encode()).digest() + program).digest()


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
        cache.make_folder(folder)
        # What is found there is run: no other user may write there.
        if not cache.is_trusted(folder):
            return
        _shrink(folder)
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return
    if os.access(folder, os.W_OK | os.X_OK) and _take_the_place_of_jax_files():
        jax.config.update("jax_compilation_cache_dir", str(folder))
        # Of the many small programs of a command none takes long, and all of them together do.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _take_the_place_of_jax_files() -> bool:
    """Make JAX keep programs in `Programs`, since its own files prove nothing; False where it cannot be."""
    if not hasattr(compilation_cache, "get_file_cache"):
        output.warn(
            f"JAX {jax.__version__} keeps compiled programs in another way than those that freqjax knows: "
            "programs are compiled anew."
        )
        return False
    original = compilation_cache.get_file_cache

    def choose(path: str):
        ours = Path(path).parent == cache.folder() / "compiled"
        return (Programs(Path(path)), path) if ours else original(path)

    compilation_cache.get_file_cache = choose  # pyright: ignore[reportAttributeAccessIssue]
    return True


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
