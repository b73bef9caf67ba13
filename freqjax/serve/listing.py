"""Runs below a folder, as their files tell, without evaluating anything."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from freqjax.checkpoints.rows import read_lines
from freqjax.errors import UserError
from freqjax.report.tables import cell
from freqjax.run import workdir
from freqjax.system import files
from freqjax.text import duration

# Folders below the root in which runs are looked for, and runs that are listed.
_DEPTH, _MOST = 4, 500
# A run without a summary whose last row is older than this, and whose folder no process uses, has ended.
_IDLE_SECONDS = 120.0
# Folders of a run, in which no other run is.
_INNER = ("checkpoints", "figures", "evaluation")


class Listed(NamedTuple):
    """Run or sweep in a list.

    Attributes:
      place: its folder, relative to the root, with slashes.
      kind: run or sweep.
      state: trains, finished or stopped.
      task: its name.
      score: of a finished run, with the name of the score; how many replicas of a sweep.
      epochs: that were completed.
      age: since its last row or its summary, in words.
      changed: the time of its last change, for the order.
    """

    place: str
    kind: str
    state: str
    task: str
    score: str
    epochs: str
    age: str
    changed: float


def runs_in(root: Path) -> list[Listed]:
    """Return the runs below a folder, the latest first."""
    found = [listed(root, folder) for folder in _folders(root)]
    return sorted(found, key=lambda run: -run.changed)[:_MOST]


def _folders(root: Path) -> Iterator[Path]:
    """Yield the folders below the root that hold a config.json; links to others are not followed."""
    for place, inner, names in os.walk(root):
        depth = len(Path(place).relative_to(root).parts)
        kept = [n for n in sorted(inner) if n not in _INNER and not n.startswith(".")]
        inner[:] = kept if depth < _DEPTH else []
        if "config.json" in names:
            yield Path(place)


def listed(root: Path, folder: Path) -> Listed:
    """Describe a run by its files."""
    summary = _object(folder / "summary.json")
    config = _object(folder / "config.json")
    changed = _changed(folder)
    task = config.get("task")
    return Listed(
        place=folder.relative_to(root).as_posix(),
        kind="sweep" if is_sweep(folder) else "run",
        state=state_of(folder),
        task=str(task.get("name", "")) if isinstance(task, dict) else "",
        score=_score(summary),
        epochs=_epochs(folder, summary),
        age=f"{duration(max(time.time() - changed, 0))} ago",
        changed=changed,
    )


def state_of(folder: Path) -> str:
    """Return what a run or a sweep is doing: see `Listed`."""
    summary = _object(folder / "summary.json")
    if summary and summary.get("stop_reason") != "interrupted":
        return "finished"
    if not summary and time.time() - _changed(folder) < _IDLE_SECONDS:
        return "trains"
    # An epoch may take longer, the first one also to be compiled, and a resume begins with the old summary.
    return "trains" if workdir.is_in_use(folder) else "stopped"


def is_sweep(folder: Path) -> bool:
    """Return whether a folder is that of a sweep, ended or not."""
    sweep = _object(folder / "config.json").get("sweep")
    return isinstance(sweep, dict) and bool(sweep.get("axes"))


def _score(summary: dict[str, Any]) -> str:
    if "replicas" in summary:
        return f"{cell(summary['replicas'])} replicas"
    # A run that a signal ended has none.
    return f"{summary.get('score_name')} {cell(summary['score'])}" if "score" in summary else ""


def _epochs(folder: Path, summary: dict[str, Any]) -> str:
    if summary.get("epochs") is not None:
        return cell(summary["epochs"])
    lines = read_lines(folder / "metrics.jsonl")
    return cell(max((line.row["epoch"] for line in lines if line.row), default=0))


def _changed(folder: Path) -> float:
    """Return the time of the last row, summary or config."""
    times = []
    for name in ("metrics.jsonl", "summary.json", "config.json"):
        try:
            times.append((folder / name).stat().st_mtime)
        except OSError:
            continue
    return max(times, default=0.0)


def _object(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty where it is missing or damaged."""
    try:
        found = files.read_json(path)
    except UserError:
        return {}
    return found if isinstance(found, dict) else {}
