"""Lines of a sweep while it trains, and the phase that they belong to."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from freqjax import progress
from freqjax.progress.pace import BASIS
from freqjax.sweep.axes import Bucket
from freqjax.text import duration, number

# Epochs shorter than this share a line.
LINE_SECONDS = 0.5


class SweepProgress:
    """Phase of the training of a sweep: epochs of all its replicas, and how many replicas are done.

    A replica that a rule stopped counts as having made all its epochs.
    """

    def __init__(self, buckets: Sequence[Bucket], phase: progress.Phase) -> None:
        """Begin with no replica done; `phase` has as many parts as there are epochs to make."""
        self._phase = phase
        self._most = {r.index: r.config.train.epochs for b in buckets for r in b.replicas}
        self._made = dict.fromkeys(self._most, 0)
        self._done: set[int] = set()

    def note(self, made: Mapping[int, int], done: Collection[int]) -> None:
        """Take account of the epochs that replicas have `made`, by index, and of those that are `done`."""
        self._made |= made
        self._done |= set(done)
        epochs = sum(
            self._most[index] if index in self._done else count
            for index, count in self._made.items()
        )
        self._phase.advance(epochs, f"{self.words} replicas done")

    @property
    def words(self) -> str:
        """How many replicas of all are done, such as 5 of 8."""
        return f"{len(self._done)} of {len(self._most)}"

    def left(self) -> float | None:
        """Return the seconds that all epochs still take at the recent speed; None if unknown."""
        return self._phase.left(time.monotonic())


def training(buckets: Sequence[Bucket]) -> contextlib.AbstractContextManager[progress.Phase]:
    """Return the phase of the training of `buckets`, counted in epochs of all replicas."""
    epochs = sum(r.config.train.epochs for b in buckets for r in b.replicas)
    return progress.phase("training", epochs, unit="epochs")


class EpochLines:
    """Printer of a line per epoch, or every half second: the losses of the replicas and the time left."""

    def __init__(
        self, bucket: Bucket, frozen: str, say: Callable[[str], None], whole: SweepProgress
    ) -> None:
        """Set up the lines of a bucket; `frozen` is the column with the frozen loss, `whole` of the sweep."""
        self._frozen, self._whole = frozen, whole
        self._epochs = max(replica.config.train.epochs for replica in bucket.replicas)
        self._count, self._say = len(bucket.replicas), say
        self._shown = -math.inf

    def show(self, rows: list[dict[str, Any]]) -> None:
        """Print the losses of new `rows` of metrics; losses that are not finite are printed immediately."""
        if not rows:
            return
        latest = list({row["replica"]: row for row in rows}.values())
        epoch, now = max(row["epoch"] for row in latest), time.monotonic()
        alarms = [
            f"  replica {row['replica']}: {alert}"
            for row in rows
            for alert in row["alerts"]
            if alert.startswith("non-finite loss")
        ]
        quick = now - self._shown < LINE_SECONDS and epoch < self._epochs
        if not quick or alarms:
            explained = "" if self._shown > 0 else "  (lowest / middle / highest)"
            self._say(f"{self._line(latest, epoch)}{explained}{self._left()}")
            self._shown = now
        for alarm in alarms:
            self._say(alarm)

    def _line(self, rows: list[dict[str, Any]], epoch: int) -> str:
        line = f"epoch {epoch}/{self._epochs}  {len(rows)} of {self._count} replicas"
        for key, name in (("loss", "loss"), (self._frozen, "frozen")):
            values = sorted(row[key] for row in rows if row[key] is not None)
            if values:
                ends = (values[0], values[len(values) // 2], values[-1])
                line += f"  {name} {' / '.join(map(number, ends))}"
        return line

    def _left(self) -> str:
        left = self._whole.left()
        words = f"  {self._whole.words} done"
        return words if left is None else f"{words}, {duration(left)} left at most {BASIS}"
