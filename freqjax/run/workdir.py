"""Folder of a run: a lock against other processes, and files that are written atomically."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freqjax.errors import UserError
from freqjax.system import locks
from freqjax.system.files import naming, read_json, read_rows, reason, write_json, write_text

_LOCK = ".lock"


def fresh(root: Path = Path("runs")) -> Path:
    """Return an unused folder name under `root`, made from the date and time; create nothing."""
    name = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    path, count = root / name, 1
    while path.exists():
        count += 1
        path = root / f"{name}-{count}"
    return path


class Workdir:
    """Locked work directory; a context manager that releases the lock.

    The lock (`freqjax.system.locks`) is released when the process ends, however it ends.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Create and lock `path`.

        Raises:
          UserError: it holds files and `resume` is not set, it holds files that are not a
            run's, another process is using it, or it cannot be written.
        """
        self.path = path
        if path.exists() and not path.is_dir():
            raise UserError(f"--workdir is {path}: it is a file, and must be a folder.")
        held = (
            sorted(p.name for p in path.iterdir() if not p.name.startswith(_LOCK))
            if path.is_dir()
            else []
        )
        if held and not resume:
            raise UserError(
                f"--workdir is {path}: it is not empty; --resume goes on with the run in it, "
                "another --workdir starts a new one."
            )
        # A run that was killed at its start has left checkpoints/, or an incomplete config.json.
        others = [n for n in held if n != "checkpoints" and not n.startswith(".config.json.")]
        if others and "config.json" not in held:
            raise UserError(f"--workdir is {path}: it holds files but no config.json of a run.")
        make(path)
        try:
            self._lock = locks.FileLock(path / _LOCK)
        except BlockingIOError:
            raise UserError(f"--workdir is {path}: another process is using it.") from None

    def __enter__(self) -> Workdir:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def read_json(self, name: str) -> Any | None:
        """Read the object in file `name`, or return None if there is no such file."""
        return read_json(self.path / name)

    def write_json(self, name: str, value: Any) -> None:
        """Replace file `name` atomically."""
        write_json(self.path / name, value)

    def remove(self, name: str) -> None:
        """Remove file `name` if it exists."""
        (self.path / name).unlink(missing_ok=True)

    def append_row(self, row: dict[str, Any]) -> None:
        """Append a line to metrics.jsonl and flush it to the system."""
        path = self.path / "metrics.jsonl"
        with naming(path), path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")

    def cut_rows(self, stays: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Remove the rows of metrics.jsonl that `stays` rejects or that are incomplete; return the others."""
        path = self.path / "metrics.jsonl"
        rows = [row for row in read_rows(path) if stays(row)]
        if path.exists():
            write_text(path, "".join(json.dumps(row) + "\n" for row in rows))
        return rows


def make(path: Path) -> None:
    """Create the folder `path` if it is missing, and check that it can be written.

    Raises:
      UserError: it cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / _LOCK).open("ab").close()
    except OSError as error:
        raise UserError(f"--workdir is {path}: it cannot be written ({reason(error)}).") from None
