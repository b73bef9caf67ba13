"""Atomic writing of files, and reading.

Text is UTF-8 with lines that end in a line feed on every system, so that a run's folder is portable.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from freqjax.errors import UserError
from freqjax.text import printable

# On Windows a file that another process has open, such as a virus scanner, cannot be replaced: seconds to
# wait before each further attempt.
_WAITS = (0.01, 0.03, 0.1, 0.3, 1.0) if os.name == "nt" else ()

# Characters of a name that its temporary keeps: names have a longest length.
LONGEST_NAME = 40


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
    """Replace the JSON file `path` atomically."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically: a reader sees the old file or the new one."""
    with replacing(path) as file:
        file.write(text.encode(errors="backslashreplace"))  # a path may hold other bytes


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the place of `path` when the context ends without an error.

    Raises:
      OSError: it cannot be written; the error names `path`.
    """
    with _whole(path) as (temporary, file):
        yield file
        finish(file)
        replace(temporary, path)


@contextmanager
def creating(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that appears as `path` when the context ends without an error, and not before.

    Raises:
      FileExistsError: there is something at `path`, at the beginning or at the end; it is left as it is.
      OSError: it cannot be written; the error names `path`.
    """
    _require_none(path)
    with _whole(path) as (temporary, file):
        yield file
        finish(file)
        try:
            os.link(temporary, path)  # unlike a renaming it never takes the place of another file
        except FileExistsError:
            _require_none(path)
            raise
        except (OSError, AttributeError):  # a file system or a system without hard links
            _require_none(path)
            replace(temporary, path)


def _require_none(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


@contextmanager
def _whole(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Give a new file beside `path`, closed and removed at the end unless it was renamed."""
    temporary = path.with_name(temporary_name(path.name))
    try:
        with naming(path, temporary), temporary.open("xb") as file:
            yield temporary, file
    finally:
        with contextlib.suppress(OSError):  # what went wrong before says more
            temporary.unlink(missing_ok=True)


@contextmanager
def filling(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """Leave nothing of `names` in `folder`, nor the folder if it is new, where what writes them fails."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # what went wrong before says more
            for name in names:
                place = folder / name
                shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            for place in made:
                place.rmdir()
        raise


def finish(file: IO[bytes]) -> None:
    """Force what was written to the disk and close the file."""
    file.flush()
    os.fsync(file.fileno())
    file.close()  # Windows renames nothing that is open


def temporary_name(name: str) -> str:
    """Make a random name for a file that becomes `name`: no other user can prepare a link there."""
    return f".{name[:LONGEST_NAME]}.{secrets.token_hex(8)}"


@contextmanager
def naming(path: Path, *others: Path) -> Iterator[None]:
    """Make a failure to write to an open file name `path`; the system names no file there.

    A failure that names one of `others`, which stand for `path`, names `path` as well.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None or error.filename in (*others, *map(str, others)):
            error.filename, error.filename2 = str(path), None
        raise


# What the system says of these names no cause that a person can mend.
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EFBIG: "the file is larger than the limit for files (ulimit -f) or the file system allows",
    errno.EROFS: "the file system is read-only",
}
if hasattr(errno, "EDQUOT"):  # not on Windows
    _REASONS[errno.EDQUOT] = "the disk quota is used up"


def reason(error: OSError) -> str:
    """Say why the system refused to read or write, without a full stop."""
    known = _REASONS.get(error.errno) if error.errno is not None else None
    return known or error.strerror or str(error).rstrip(".") or type(error).__name__


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


def file_hash(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes, or of the names and bytes of a folder's files; hexadecimal."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file in sorted(found for found in path.iterdir() if found.is_file()):
        whole.update(f"{file.name} {file_hash(file)}\n".encode())
    return whole.hexdigest()
