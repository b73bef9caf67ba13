"""The folder a run leaves behind: who may write there, and files that are never half-written."""

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
    """Choose a folder name under `root` that no run has, from the time of day; create nothing."""
    name = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    path, count = root / name, 1
    while path.exists():
        count += 1
        path = root / f"{name}-{count}"
    return path


class Workdir:
    """A claimed work directory; a context manager that gives the claim back.

    The claim is a lock (`freqjax.system.locks`), dropped when the process ends, however it ends.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Create and claim `path`.

        Raises:
          UserError: it holds files and `resume` is not asked for, it holds files that are not a
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
        # A run that was killed while it started has left checkpoints/, or a config.json half-written.
        strangers = [n for n in held if n != "checkpoints" and not n.startswith(".config.json.")]
        if strangers and "config.json" not in held:
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
        """Replace file `name` in one step."""
        write_json(self.path / name, value)

    def remove(self, name: str) -> None:
        """Remove file `name` if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def append_row(self, row: dict[str, Any]) -> None:
        """Add a line to metrics.jsonl and hand it to the system."""
        path = self.path / "metrics.jsonl"
        with naming(path), path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")

    def cut_rows(self, stays: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Keep the rows of metrics.jsonl that may stay, and no half-written one; return them."""
        path = self.path / "metrics.jsonl"
        rows = [row for row in read_rows(path) if stays(row)]
        if path.exists():
            write_text(path, "".join(json.dumps(row) + "\n" for row in rows))
        return rows


def make(path: Path) -> None:
    """Create the folder `path` if it is not there, and check that it can be written.

    Raises:
      UserError: it cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / _LOCK).open("ab").close()
    except OSError as error:
        raise UserError(f"--workdir is {path}: it cannot be written ({reason(error)}).") from None
