"""Files that a reader sees whole or not at all, and what is read back from them.

Text is UTF-8 with lines that end in a line feed, whatever the system's custom, so that a run's folder means
the same everywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from freqjax.errors import UserError
from freqjax.text import printable

# On Windows nothing takes the place of a file that another process has open, such as a virus scanner: the
# seconds to wait before each further attempt.
_WAITS = (0.01, 0.03, 0.1, 0.3, 1.0) if os.name == "nt" else ()


def parse_json(text: str) -> Any:
    """Return the value that JSON `text` holds.

    Raises:
      ValueError: it is not JSON, or nested too deep to be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def read_json(path: Path, kind: type = dict) -> Any | None:
    """Read the JSON file `path`, or return None if there is no such file.

    Args:
      path: the file.
      kind: what it must hold: dict (an object) or list.

    Raises:
      UserError: it is not JSON, or holds something else.
    """
    try:
        found = parse_json(path.read_text(encoding="utf-8")) if path.is_file() else None
    except ValueError as error:
        raise UserError(f"{printable(str(path))} is damaged: it is not JSON ({error}).") from None
    if found is not None and not isinstance(found, kind):
        wanted = "an object" if kind is dict else "a list"
        raise UserError(f"{printable(str(path))} is damaged: it must hold {wanted} of JSON.")
    return found


def write_json(path: Path, value: Any) -> None:
    """Replace the JSON file `path` in one step."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader sees the old file or the new one, never a part."""
    with replacing(path) as file:
        file.write(text.encode())


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the place of `path` when the context ends without an error."""
    temporary = path.with_name(temporary_name(path.name))
    try:
        with temporary.open("xb") as file:  # never an older file, nor one that a link leads to
            yield file
            file.flush()
            os.fsync(file.fileno())
        replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_name(name: str) -> str:
    """Make a name for what will be called `name` that nobody can foresee, so that none can lie in wait."""
    return f".{name[:40]}.{secrets.token_hex(8)}"


def replace(source: Path, goal: Path) -> None:
    """Rename a file or folder in one step; a file at `goal` gives way."""
    for wait in _WAITS:
        try:
            os.replace(source, goal)
            return
        except PermissionError:
            time.sleep(wait)
    os.replace(source, goal)


def sync(path: Path) -> None:
    """Force a file's bytes, or a folder's list of names, to the disk.

    On Windows, folders cannot be opened, and renames are kept safe by the file system itself.
    """
    # Windows forces only what is open for writing.
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
    """Tell whether `path` belongs to the user of this process; True if the system does not say."""
    getuid = getattr(os, "getuid", None)
    return getuid is None or path.stat().st_uid == getuid()


def file_hash(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
