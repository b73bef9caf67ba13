"""Progress of a run: one line per epoch, with the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from freqjax.tasks import Task
from freqjax.text import duration, number

# Epochs shorter than this share a line, so that the output stays readable.
_LINE_SECONDS = 0.5


class Progress:
    """Printer of lines of progress from rows of metrics.jsonl."""

    def __init__(self, task: Task, epochs: int, say: Callable[[str], None]) -> None:
        """Set up the progress of `epochs` epochs in total."""
        self._names, self._columns, self._unit = task.group_names, task.columns, task.time.name
        self._epochs, self._say = epochs, say

    def begin(self, epoch: int) -> None:
        """Start the clock after `epoch` completed epochs."""
        self._first, self._began, self._shown = epoch, time.monotonic(), -1.0

    def show(self, row: dict[str, Any], *, last: bool) -> None:
        """Print `row`, unless a line was printed very recently and this is not the last."""
        now = time.monotonic()
        if (
            self._shown >= 0
            and now - self._shown < _LINE_SECONDS
            and not last
            and not row["alerts"]
        ):
            return
        self._shown = now
        done = row["epoch"] - self._first
        left = (now - self._began) / max(done, 1) * (self._epochs - row["epoch"])
        columns = self._columns
        line = (
            f"epoch {row['epoch']}/{self._epochs}  loss {number(row['loss'])}"
            f" ({_by_group(self._names, row[columns.loss])})"
        )
        if row[columns.frozen] is not None:
            frozen = _by_group(self._names, row[columns.frozen_per_group])
            line += f"  frozen {number(row[columns.frozen])} ({frozen})"
        if columns.horizon in row:
            line += f"  horizon {row[columns.horizon]:g} {self._unit}"
        self._say(f"{line}  {row['seconds']:.2f} s  {duration(left)} left at most")
        for alert in row["alerts"]:
            self._say(f"  alert: {alert}")


def _by_group(names: Sequence[str], values: Sequence[float | None]) -> str:
    return ", ".join(f"{n} {number(v)}" for n, v in zip(names, values, strict=True))
