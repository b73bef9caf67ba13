"""Locks between processes: at most one process holds the lock on a file.

If the system has file locks (`flock`, or a locked byte on Windows), they are used; the system releases them
when the process ends, however it ends. On a file system without locks, as on some clusters, a second file
names the process that holds the lock; its process number shows whether that process is still alive.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import secrets
import time
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:
    fcntl = None
try:
    import msvcrt
except ImportError:
    msvcrt = None

# Errors of a file system without locks.
_UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)
# `is_held` has a lock itself for an instant: seconds after which who was refused asks again, and how often.
_INSTANT, _TRIES = 0.02, 5


class FileLock:
    """Lock on a file, which is created if it is missing and is not removed when the lock is released.

    If it were removed, two processes could lock two files of the same name.
    """

    def __init__(self, path: Path) -> None:
        """Acquire the lock.

        Raises:
          BlockingIOError: another process, or another `FileLock`, holds it.
        """
        self._file = path.open("ab")
        self._marker: Path | None = None
        try:
            if not _lock_patiently(self._file):
                marker = _marker(path)
                _write_holder(marker)
                self._marker = marker
        except BaseException:
            self._file.close()
            raise

    def release(self) -> None:
        """Release the lock; without effect if it was released before."""
        self._file.close()
        if self._marker is not None:
            self._marker.unlink(missing_ok=True)
            self._marker = None


def is_held(path: Path) -> bool:
    """Return whether the lock on `path` would be refused; nothing is written, and nobody is kept from it.

    A file that is missing, or cannot be read, is held by nobody.
    """
    if not path.is_file():  # to open a pipe would wait for its other end
        return False
    try:
        with path.open("rb") as file:
            if _lock(file, shared=True):
                return False
        return _may_live(_holder_in(_marker(path)))
    except BlockingIOError:
        return True
    except OSError:
        return False


def _marker(path: Path) -> Path:
    """Return the file that names the holder of the lock on `path`, where the system has no locks."""
    return path.with_name(path.name + ".holder")


def _lock_patiently(file: IO[bytes]) -> bool:
    """Lock an open file as `_lock` does, and wait for those that only look whether it is locked."""
    for _ in range(_TRIES - 1):
        try:
            return _lock(file)
        except BlockingIOError:
            time.sleep(_INSTANT)
    return _lock(file)


def _lock(file: IO[bytes], *, shared: bool = False) -> bool:
    """Lock an open file; return False if the system has no locks.

    A `shared` lock, which Windows has not, does not refuse another shared one.

    Raises:
      BlockingIOError: it is locked.
    """
    if fcntl is not None:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return False
            raise
        return True
    if msvcrt is not None:
        file.seek(0)  # every process must lock the same byte
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
        except OSError as error:
            raise BlockingIOError(errno.EWOULDBLOCK, "the file is locked") from error
        return True
    return False


def _write_holder(marker: Path) -> None:
    """Create `marker`, which names the process that holds the lock.

    Raises:
      BlockingIOError: it exists, and its process may be alive.
    """
    # It may be released, or another process may remove it, meanwhile.
    with contextlib.suppress(FileNotFoundError):
        if not _may_live(_holder_in(marker)):
            _remove_stale(marker)
    try:
        with marker.open("x", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {platform.node()}\n")
    except FileExistsError:
        raise BlockingIOError(errno.EWOULDBLOCK, f"{marker} names its holder") from None


def _remove_stale(marker: Path) -> None:
    """Remove `marker`, which named a process that has ended, unless it names one by now that may be alive.

    Another process may have removed it since it was read, and written its own. Under a name that nobody else
    knows, what is read is what is removed. Only a third one that creates its own before a living one is back
    is not noticed.

    Raises:
      FileNotFoundError: another process has removed it.
    """
    aside = marker.with_name(f"{marker.name}.{secrets.token_hex(8)}")
    marker.rename(aside)
    if _may_live(_holder_in(aside)):
        aside.rename(marker)
    else:
        aside.unlink()


def _holder_in(marker: Path) -> str:
    return marker.read_text(encoding="utf-8", errors="replace")


def _may_live(holder: str) -> bool:
    """Return whether a process, given by its number and machine, may be alive."""
    number, _, machine = holder.strip().partition(" ")
    # On Windows signal 0 does not test a process but sends Ctrl-C.
    if not number.isdecimal() or machine != platform.node() or os.name == "nt":
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
