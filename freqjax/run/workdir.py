"""Folder of a run: a lock against other processes, and files that are written atomically."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from freqjax.checkpoints import rows
from freqjax.errors import UserError
from freqjax.system import files, leftovers, locks
from freqjax.text import printable

METRICS = "metrics.jsonl"
_LOCK = ".lock"
# What is replaced in one step in the folder of a run or a sweep, by way of a temporary file.
_WRITTEN = (
    "config.json", METRICS, "summary.json", "diagnosis.json", "CARD.md", "report.md",
    "page.html", "snapshots.npz", "escalation.json", "halving.json", "sweep.json", "sweep.csv",
)  # fmt: skip


# A file that takes the place of another is written in seconds: one that is older is left over.
IDLE = 3600.0


@contextlib.contextmanager
def fresh(root: Path = Path("runs")) -> Iterator[Path]:
    """Make a folder under `root`, named by the time of day, that no other run has.

    It is removed at the end of the context if nothing was written to it, and so is `root` if it is new.

    Raises:
      UserError: it cannot be made.
    """
    is_new = not root.exists()
    path = _make_fresh(root)
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):  # not empty
            path.rmdir()
            if is_new:
                root.rmdir()


def _make_fresh(root: Path) -> Path:
    name, count = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S"), 1
    while True:
        path = root / (name if count == 1 else f"{name}-{count}")
        try:
            root.mkdir(parents=True, exist_ok=True)
            path.mkdir()
            return path
        except FileExistsError:
            if not root.is_dir():
                raise UserError(f"no folder can be made in {root}: it is a file.") from None
            count += 1
        except OSError as error:
            raise UserError(f"no folder can be made in {root}: {error.strerror}.") from None


class Workdir:
    """Locked work directory; a context manager that releases the lock.

    The lock (`freqjax.system.locks`) is released when the process ends, however it ends.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Create and claim `path`, and remove what a kill has left half-written in it.

        Raises:
          UserError: it holds files and `resume` is not set, it holds files that are not a
            run's, another process is using it, or it cannot be written.
        """
        self.path, shown = path, printable(str(path))
        if path.exists() and not path.is_dir():
            raise UserError(f"--workdir is {shown}: it is a file, and must be a folder.")
        held = (
            sorted(p.name for p in path.iterdir() if not p.name.startswith(_LOCK))
            if path.is_dir()
            else []
        )
        if held and not resume:
            raise UserError(
                f"--workdir is {shown}: it is not empty; --resume goes on with the run in it, "
                "another --workdir starts a new one."
            )
        # A run that was killed at its start has left checkpoints/, or an incomplete config.json.
        others = [
            n
            for n in held
            if n != "checkpoints" and not leftovers.is_temporary(n, of="config.json")
        ]
        if others and "config.json" not in held:
            raise UserError(f"--workdir is {shown}: it holds files but no config.json of a run.")
        make(path)
        try:
            self._lock = locks.FileLock(path / _LOCK)
        except BlockingIOError:
            raise UserError(f"--workdir is {shown}: another process is using it.") from None
        leftovers.remove_temporaries(path, _WRITTEN)

    def __enter__(self) -> Workdir:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def read_json(self, name: str) -> Any | None:
        """Read the object in file `name`, or return None if there is no such file."""
        return files.read_json(self.path / name)

    def write_json(self, name: str, value: Any) -> None:
        """Replace file `name` atomically."""
        files.write_json(self.path / name, value)

    def remove(self, name: str) -> None:
        """Remove file `name` if it exists."""
        (self.path / name).unlink(missing_ok=True)

    def append_row(self, row: rows.Row) -> None:
        """Add a line to metrics.jsonl and hand it to the system."""
        rows.append(self.path / METRICS, row)

    def read_rows(self, say: rows.Say) -> list[rows.Row]:
        """Return the whole rows of metrics.jsonl; `say` is told of damaged lines."""
        return rows.read(self.path / METRICS, say)

    def say_missing_rows(self, epochs: Mapping[int | None, int], say: rows.Say) -> None:
        """Tell of rows that metrics.jsonl should hold of the first `epochs`, and does not."""
        path = self.path / METRICS
        found = [line.row for line in rows.read_lines(path) if line.row is not None]
        rows.say_missing(path, found, epochs, say)

    def cut_rows(self, epochs: Mapping[int | None, int], say: rows.Say) -> list[rows.Row]:
        """Cut metrics.jsonl to the rows of the first `epochs`, as `rows.cut` does; return them."""
        return rows.cut(self.path / METRICS, epochs, say)


def is_in_use(path: Path) -> bool:
    """Return whether a process has claimed the folder `path`, as `Workdir` does; nothing is written."""
    return locks.is_held(path / _LOCK)


def make(path: Path, *, writes: Sequence[str] = ()) -> None:
    """Create the folder `path` if it is missing, and check that it can be written.

    What a killed process has left half-written of `writes` is removed, once nothing can still write it.

    Raises:
      UserError: it cannot be written.
    """
    lock, shown = path / _LOCK, printable(str(path))
    try:
        path.mkdir(parents=True, exist_ok=True)
        if lock.is_symlink():  # to open it would make or change a file elsewhere
            raise UserError(f"--workdir is {shown}: its {_LOCK} is a link, and must be a file.")
        lock.open("ab").close()
    except OSError as error:
        why = files.reason(error)
        raise UserError(f"--workdir is {shown}: it cannot be written ({why}).") from None
    leftovers.remove_temporaries(path, writes, idle=IDLE)
