"""Progress of a sweep, printed while it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from freqjax.sweep.axes import Bucket
from freqjax.text import duration, number

# Epochs shorter than this share a line.
LINE_SECONDS = 0.5


class Progress:
    """Printer of a line per epoch, or every half second: the losses of the replicas and the time left."""

    def __init__(self, bucket: Bucket, frozen: str, say: Callable[[str], None]) -> None:
        """Set up the progress of a bucket; `frozen` is the column with the frozen loss."""
        self._frozen = frozen
        self._epochs = max(replica.config.train.epochs for replica in bucket.replicas)
        self._count, self._say = len(bucket.replicas), say
        self._first: tuple[int, float] | None = None
        self._shown = -math.inf

    def show(self, rows: list[dict[str, Any]]) -> None:
        """Print the losses of new `rows` of metrics; losses that are not finite are printed immediately."""
        if not rows:
            return
        epoch, now = rows[0]["epoch"], time.monotonic()
        alarms = [
            f"  replica {row['replica']}: {alert}"
            for row in rows
            for alert in row["alerts"]
            if alert.startswith("non-finite loss")
        ]
        quick = now - self._shown < LINE_SECONDS and epoch < self._epochs
        if not quick or alarms:
            self._say(f"{self._line(rows, epoch)}{self._left(epoch, now)}")
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

    def _left(self, epoch: int, now: float) -> str:
        """Estimate the time left from the epochs after the first one, which includes compilation."""
        if self._first is None:
            self._first = (epoch, now)
            return "  (lowest / middle / highest)"
        done, began = epoch - self._first[0], self._first[1]
        left = (now - began) / max(done, 1) * (self._epochs - epoch)
        return f"  {duration(left)} left for these at most"
