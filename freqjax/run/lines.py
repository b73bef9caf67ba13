"""Lines of a run: one per epoch, with the time left where it can be known."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from freqjax import progress
from freqjax.progress.pace import BASIS, Pace
from freqjax.tasks import Task
from freqjax.text import duration, number, shown_unit

# Epochs shorter than this share a line, so that the output stays readable.
_LINE_SECONDS = 0.5
# Horizons that a curriculum must have reached before its pace is known.
_FEWEST_HORIZONS = 3


class EpochLines:
    """Printer of lines from rows of metrics.jsonl, and the phase of training that they belong to."""

    def __init__(
        self,
        task: Task,
        epochs: int,
        say: Callable[[str], None],
        longest_horizon: float | None = None,
    ) -> None:
        """Set up the lines of `epochs` epochs in total.

        `longest_horizon` is that of a curriculum, in the task's unit of time; None for a whole block.
        """
        self._names, self._columns, self._unit = task.group_names, task.columns, task.time.name
        self._epochs, self._say = epochs, say
        self._longest = longest_horizon or task.samples / task.time.samples

    @contextlib.contextmanager
    def training(self, epoch: int) -> Iterator[None]:
        """Be in the phase of training, after `epoch` completed epochs."""
        self._shown = -1.0
        self._alerted: set[str] = set()
        with progress.phase("training", self._epochs, unit="epochs", done=epoch) as phase:
            self._phase = phase
            self._left = TimeLeft(self._epochs, self._longest, self._columns.horizon)
            yield

    def advance(self, done: float) -> None:
        """Take account of `done` epochs in all, a fraction of one included, at the end of a chunk."""
        self._phase.advance(done, self._phase.item, self._phase.known_left)

    def show(self, row: dict[str, Any], *, last: bool) -> None:
        """Print `row`, unless a line was printed very recently and this is not the last.

        An alert that the row before had too is not printed again; every row of metrics.jsonl has its own.
        """
        now = time.monotonic()
        left = self._left.after(row, now)
        self._tell_phase(row, left)
        alerts = {alert.partition(":")[0]: alert for alert in row["alerts"]}
        news = [alert for kind, alert in alerts.items() if kind not in self._alerted]
        self._alerted = set(alerts)
        if self._shown >= 0 and now - self._shown < _LINE_SECONDS and not last and not news:
            return
        self._shown = now
        columns = self._columns
        line = (
            f"epoch {row['epoch']}/{self._epochs}  loss {number(row['loss'])}"
            f" ({_by_group(self._names, row[columns.loss], row['loss'])})"
        )
        if row[columns.frozen] is not None:
            frozen = _by_group(self._names, row[columns.frozen_per_group], row[columns.frozen])
            line += f"  frozen {number(row[columns.frozen])} ({frozen})"
        if columns.horizon in row:
            line += f"  {self._horizon(row)}"
        line += f"  {row['seconds']:.2f} s"
        if left is not None and not last:
            line += f"  {self._left_in_words(row, left)}"
        self._say(line)
        for alert in news:
            self._say(f"  alert: {alert}")

    def _tell_phase(self, row: dict[str, Any], left: float | None) -> None:
        """Tell the phase what was reached; how long a curriculum takes is not what its epochs tell."""
        item = f"loss {number(row['loss'])}"
        if self._columns.horizon in row:
            self._phase.even = False
            item += f", {self._horizon(row)}"
        self._phase.advance(row["epoch"], item, None if self._phase.even else left)

    def _horizon(self, row: dict[str, Any]) -> str:
        name, length = shown_unit(self._longest, self._unit)
        horizon, longest = row[self._columns.horizon] / length, self._longest / length
        return f"horizon {horizon:.6g} of {longest:g} {name}"

    def _left_in_words(self, row: dict[str, Any], left: float) -> str:
        if self._columns.horizon in row:
            return f"about {duration(left)} left at this pace"
        return f"{duration(left)} left at most {BASIS}"


class TimeLeft:
    """Time that training still takes, estimated from the rows so far.

    Without a horizon, every epoch takes as long as the last ones, which is a bound: a rule may stop training
    earlier. The first epoch counts without its compilation.

    With a horizon h the number of epochs is not known, and `train.epochs` is far above it. While h grows,
    the run is taken to need as many epochs for each factor of growth as so far, each of which takes a time
    proportional to h: k epochs per factor e and c seconds per unit of h make k · c · (H - h) seconds until
    the longest horizon H, and there as many epochs as a horizon took on average. Before the third horizon,
    and at the longest one, nothing is known.
    """

    def __init__(self, epochs: int, longest: float, column: str) -> None:
        """Set up an estimate for `epochs` epochs with horizons up to `longest`, in `column` of the rows."""
        self._epochs, self._longest, self._column = epochs, longest, column
        self._pace: Pace | None = None
        self._horizons: list[float] = []
        self._seconds = 0.0

    def after(self, row: dict[str, Any], now: float) -> float | None:
        """Take account of the row of an epoch that ended at `now`, s; return the seconds left, if known."""
        remaining = self._epochs - row["epoch"]
        if self._column in row:
            return self._of_curriculum(row, remaining)
        if self._pace is None:
            self._pace = Pace(now, row["epoch"])
            return row["seconds"] * remaining
        self._pace.note(row["epoch"], now)
        return self._pace.left(self._epochs, now)

    def _of_curriculum(self, row: dict[str, Any], remaining: int) -> float | None:
        horizon = row[self._column]
        self._horizons.append(horizon)
        self._seconds += row["seconds"]
        stages, growth = len(set(self._horizons)), math.log(horizon / self._horizons[0])
        if stages < _FEWEST_HORIZONS or growth <= 0 or horizon >= self._longest:
            return None
        done = len(self._horizons)
        each = self._seconds / sum(self._horizons)
        units = done / growth * (self._longest - horizon) + done / stages * self._longest
        return each * min(units, remaining * self._longest)


def _by_group(names: Sequence[str], values: Sequence[float | None], whole: float | None) -> str:
    """Write the loss of each group; if the whole is known, one that is not has no rows and is left out."""
    told = zip(names, values, strict=True)
    return ", ".join(f"{n} {number(v)}" for n, v in told if v is not None or whole is None)
