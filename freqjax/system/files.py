"""Atomic writing of files, and reading.

Text is UTF-8 with lines that end in a line feed on every system, so that a run's folder is portable.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from freqjax.errors import UserError

# On Windows a file that another process has open, such as a virus scanner, cannot be replaced: seconds to
# wait before each further attempt.
_WAITS = (0.01, 0.03, 0.1, 0.3, 1.0) if os.name == "nt" else ()


def read_json(path: Path) -> Any | None:
    """Read the object in the JSON file `path`, or return None if there is no such file.

    Raises:
      UserError: it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except ValueError as error:
        raise UserError(f"{path} is damaged: it is not JSON ({error}).") from None


def write_json(path: Path, value: Any) -> None:
    """Replace the JSON file `path` atomically."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a metrics.jsonl up to the first incomplete line."""
    rows: list[dict[str, Any]] = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return rows


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically: a reader sees the old file or the new one."""
    with replacing(path) as file:
        file.write(text.encode())


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces `path` when the context ends without an error."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def replace(source: Path, goal: Path) -> None:
    """Rename a file or folder atomically; a file at `goal` is replaced."""
    for wait in _WAITS:
        try:
            os.replace(source, goal)
            return
        except PermissionError:
            time.sleep(wait)
    os.replace(source, goal)


def sync(path: Path) -> None:
    """Flush a file's bytes, or a folder's entries, to the disk.

    On Windows, folders cannot be opened, and the file system itself makes renames durable.
    """
    # Windows flushes only files that are open for writing.
    access = os.O_RDWR if os.name == "nt" else os.O_RDONLY
    try:
        descriptor = os.open(path, access)
    except PermissionError:
        if path.is_dir():
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_own(path: Path) -> bool:
    """Return whether `path` belongs to the user of this process; True if the owner is unknown."""
    getuid = getattr(os, "getuid", None)
    return getuid is None or path.stat().st_uid == getuid()


def file_hash(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
