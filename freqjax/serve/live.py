"""Page of a run that still trains: its losses and its latest outputs, which are sent to it as they come."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from freqjax.checkpoints.rows import line_of, read_lines
from freqjax.config import validation
from freqjax.config.sections import Config, context_of
from freqjax.errors import UserError
from freqjax.figures.history import History, Scale, history_of
from freqjax.page import panels, snapshots
from freqjax.page.contents import config_rows
from freqjax.page.traces import Series, Trace
from freqjax.page.writing import render
from freqjax.serve.listing import state_of
from freqjax.system import files
from freqjax.tasks import Task, make_task

# Seconds between two looks at the files of a run, and after which a line keeps the connection alive.
_LOOK, _ALIVE = 0.5, 15.0


def page_of(folder: Path, events: str) -> str:
    """Return the page of a run that has none of its own yet.

    Args:
      folder: of the run.
      events: the address of what is sent to the page.

    Raises:
      UserError: its config is missing or damaged, or its data cannot be read here.
    """
    config = _config(folder)
    task = make_task(config.task, context_of(config))
    figures: dict[str, Any] = {}
    given: dict[str, Any] = {"events": events}
    if rows := _rows(folder):
        found = panels.losses(_history(rows, task), _scale(task), has_ended=False)
        figures, given = found.figures, given | found.given
    kept = snapshots.read(folder)
    names: list[str] = []
    if kept is not None and len(kept.epochs):
        traces = _traces(kept, task)
        names = [trace.name for trace in traces]
        made = panels.signals(traces, None, task.time.name, task.time.samples)
        figures, given = figures | made.figures, given | made.given
    return render(
        "live.html",
        {
            "name": folder.name,
            "state": state_of(folder),
            "traces": names,
            "epoch": None if kept is None else int(kept.epochs[-1]),
            "first": 0 if kept is None else kept.first,
            "config": config_rows(config),
            "events": events,
        },
        figures,
        given,
    )


def _config(folder: Path) -> Config:
    value = files.read_json(folder / "config.json")
    if value is None:
        raise UserError(f"{folder.name} holds no config.json of a run.")
    return validation.from_dict(value, "its config.json", None)


def _rows(folder: Path) -> list[dict[str, Any]]:
    return [line.row for line in read_lines(folder / "metrics.jsonl") if line.row is not None]


def _history(rows: list[dict[str, Any]], task: Task) -> History:
    groups = len(task.group_names)
    if rows:
        return history_of(rows, groups, task.columns)
    one, each = np.zeros(0), np.zeros((0, groups))
    return History(one, one, one, each, one, each, each, one)


def _scale(task: Task) -> Scale:
    """Return names alone: the levels of constants are known once a run is evaluated."""
    return Scale(
        name=task.objective.label,
        groups=task.group_names,
        everything="all",
        constant=0.0,
        constant_name="",
        goal=task.goal if task.score_name is None else None,
        unit=task.time.name,
    )


def _traces(kept: snapshots.Snapshots, task: Task) -> list[Trace]:
    found = []
    for place, group in enumerate(kept.groups):
        output = Series("output", kept.integers[-1, place], float(kept.scales[-1, place]))
        target = Series("target", kept.targets[place], float(kept.target_scales[place]))
        found.append(Trace(task.group_names[group], [target, output], 0))
    return found


def events(folder: Path, ended: Callable[[], bool]) -> Iterator[bytes]:
    """Yield server-sent events: rows of metrics.jsonl, outputs, and the end of the run.

    The first ones are what the page has already; it replaces what it has by them.

    Args:
      folder: of the run.
      ended: whether the server ends.
    """
    config = _config(folder)
    task = make_task(config.task, context_of(config))
    tail, epoch, spoken = Tail(folder / "metrics.jsonl"), -1, time.monotonic()
    yield _event("losses", _columns(_history(tail.new_rows(), task)))
    while not ended():
        rows = tail.new_rows()
        if tail.began_again:
            yield _event("losses", _columns(_history(rows, task)))
        elif rows:
            spoken = time.monotonic()
            yield _event("more", _columns(_history(rows, task)))
        kept = snapshots.read(folder)
        if kept is not None and len(kept.epochs) and int(kept.epochs[-1]) != epoch:
            epoch, spoken = int(kept.epochs[-1]), time.monotonic()
            yield _event("outputs", _outputs(kept))
        if state_of(folder) != "trains":
            yield _event("end", {"page": (folder / "page.html").is_file()})
            return
        if time.monotonic() - spoken > _ALIVE:
            spoken = time.monotonic()
            yield b": still here\n\n"
        time.sleep(_LOOK)


def _columns(history: History) -> dict[str, Any]:
    columns = panels.loss_columns(history)
    return {
        name: [None if not np.isfinite(v) else float(v) for v in values]
        for name, values in columns.items()
    }


def _outputs(kept: snapshots.Snapshots) -> dict[str, Any]:
    return {
        "epoch": int(kept.epochs[-1]),
        "integers": kept.integers[-1].tolist(),
        "scales": kept.scales[-1].tolist(),
    }


class Tail:
    """Reader of the rows that are added to a file.

    Attributes:
      began_again: whether the last rows are those of a file that was cut, all of them.
    """

    def __init__(self, path: Path) -> None:
        """Begin at the beginning; the file may be missing yet."""
        self._path, self._place, self._rest = path, 0, b""
        self.began_again = False

    def new_rows(self) -> list[dict[str, Any]]:
        """Return the whole rows since the last call; damaged lines are left out."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                self.began_again = size < self._place
                if self.began_again:
                    self._place, self._rest = 0, b""
                file.seek(self._place)
                added = file.read()
        except OSError:
            return []
        self._place += len(added)
        *lines, self._rest = (self._rest + added).split(b"\n")
        found = [line_of(0, raw).row for raw in lines if raw.strip()]
        return [row for row in found if row is not None]


def _event(name: str, value: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(value)}\n\n".encode()
