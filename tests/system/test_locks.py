"""One process at a time, with each kind of lock that a system may have."""

import contextlib
import errno
import os
import platform
import subprocess
import sys
import threading
import types

import pytest

from freqjax import UserError
from freqjax.run.workdir import Workdir
from freqjax.system import locks

pytestmark = pytest.mark.skipif(locks.fcntl is None, reason="the fallbacks are simulated on POSIX")


def inode(descriptor):
    """Return the number of an open file; None if it was closed, which drops its lock."""
    with contextlib.suppress(OSError):
        return os.fstat(descriptor).st_ino


class Bytes:
    """The locks of Windows, on a byte of a file: a stand-in for the module msvcrt."""

    LK_NBLCK = 2

    def __init__(self):
        self.held = {}

    def locking(self, descriptor, mode, count):
        assert (mode, count) == (self.LK_NBLCK, 1)
        place = (os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR))
        holder = self.held.get(place, descriptor)
        if holder != descriptor and inode(holder) == place[0]:
            raise PermissionError(errno.EACCES, "Permission denied")
        self.held[place] = descriptor


def without_locks(*_):
    raise OSError(errno.ENOLCK, "No locks available")


@pytest.fixture(params=["flock", "bytes", "none", "unsupported"])
def kind(request, monkeypatch):
    if request.param != "flock":
        monkeypatch.setattr(locks, "fcntl", None)
    if request.param == "bytes":
        monkeypatch.setattr(locks, "msvcrt", Bytes())
    if request.param == "unsupported":
        refusing = types.SimpleNamespace(flock=without_locks, LOCK_SH=1, LOCK_EX=2, LOCK_NB=4)
        monkeypatch.setattr(locks, "fcntl", refusing)
    return request.param


def test_one_at_a_time(tmp_path, kind):
    first = locks.FileLock(tmp_path / "lock")
    for _ in range(2):
        with pytest.raises(BlockingIOError):
            locks.FileLock(tmp_path / "lock")
    other = locks.FileLock(tmp_path / "other")
    first.release()
    first.release()
    locks.FileLock(tmp_path / "lock").release()
    other.release()
    assert sorted(os.listdir(tmp_path)) == ["lock", "other"]


def test_a_work_directory_is_claimed(tmp_path, kind):
    with Workdir(tmp_path / "run", resume=False) as claimed:
        claimed.write_json("config.json", {})
        with pytest.raises(UserError, match="another process is using it"):
            Workdir(tmp_path / "run", resume=True)
    with Workdir(tmp_path / "run", resume=True):
        pass


def test_whether_a_lock_is_held_is_seen_and_not_changed(tmp_path, kind):
    path = tmp_path / "lock"
    assert not locks.is_held(path) and os.listdir(tmp_path) == []
    for _ in range(2):
        held = locks.FileLock(path)
        before = {file: file.read_bytes() for file in tmp_path.iterdir()}
        assert locks.is_held(path) and locks.is_held(path)
        with pytest.raises(BlockingIOError):
            locks.FileLock(path)
        assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
        held.release()
        assert not locks.is_held(path)


def test_who_looks_keeps_nobody_from_a_lock(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    looking = path.open("rb")
    assert locks._lock(looking, shared=True)
    assert not locks.is_held(path)  # for another who looks
    timer = threading.Timer(0.03, looking.close)
    timer.start()
    locks.FileLock(path).release()
    timer.join()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_no_lock(tmp_path):
    os.mkfifo(tmp_path / "lock")
    assert not locks.is_held(tmp_path / "lock")


@pytest.mark.parametrize("holder", ["0 elsewhere", "", "\xff", "no number", "-1"])
def test_a_holder_that_may_be_alive_keeps_its_lock(tmp_path, monkeypatch, holder):
    monkeypatch.setattr(locks, "fcntl", None)
    (tmp_path / "lock.holder").write_text(holder, encoding="latin-1")
    with pytest.raises(BlockingIOError):
        locks.FileLock(tmp_path / "lock")


def test_a_holder_that_was_killed_loses_its_lock(tmp_path, monkeypatch):
    hold = (
        "import os, signal, sys; from pathlib import Path; sys.modules['fcntl'] = None\n"
        "from freqjax.system import locks\n"
        f"lock = locks.FileLock(Path({str(tmp_path / 'lock')!r}))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", hold], check=False, capture_output=True)
    assert done.returncode < 0, done.stderr
    assert (tmp_path / "lock.holder").is_file()
    monkeypatch.setattr(locks, "fcntl", None)
    taken = locks.FileLock(tmp_path / "lock")
    holder = (tmp_path / "lock.holder").read_text(encoding="utf-8")
    assert holder.split()[0] == str(os.getpid())
    taken.release()


def test_of_two_that_find_a_holder_killed_one_has_its_lock(tmp_path, monkeypatch):
    """The first acquires the lock after the second has read who held it, and before that removes it."""
    monkeypatch.setattr(locks, "fcntl", None)
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        check=True,
        capture_output=True,
        text=True,
    )
    (tmp_path / "lock.holder").write_text(
        f"{ended.stdout.strip()} {platform.node()}\n", encoding="utf-8"
    )
    may_live, first = locks._may_live, []

    def meanwhile(holder):
        if not first:
            first.append(None)
            first[0] = locks.FileLock(tmp_path / "lock")
            assert not may_live(holder)
        return may_live(holder)

    monkeypatch.setattr(locks, "_may_live", meanwhile)
    with pytest.raises(BlockingIOError):
        locks.FileLock(tmp_path / "lock")
    assert locks.is_held(tmp_path / "lock")
    first[0].release()
    assert os.listdir(tmp_path) == ["lock"]


def test_another_error_of_the_system_is_told(tmp_path, monkeypatch):
    def failing(*_):
        raise OSError(errno.EIO, "Input/output error")

    refusing = types.SimpleNamespace(flock=failing, LOCK_EX=2, LOCK_NB=4)
    monkeypatch.setattr(locks, "fcntl", refusing)
    with pytest.raises(OSError, match="Input/output error"):
        locks.FileLock(tmp_path / "lock")
