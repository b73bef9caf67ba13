"""Checkpoints of the buckets of a sweep: what is saved of each, and how it is restored.

Only the lead process has a folder; every process calls these methods in the same order.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from freqjax.checkpoints.records import Record, ReplicaRecord, Spent, data_hashes
from freqjax.checkpoints.store import CheckpointStore
from freqjax.config import sections as configs
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.processes import exchange, identity
from freqjax.run.workdir import Workdir
from freqjax.sweep import checks
from freqjax.sweep.axes import Bucket
from freqjax.sweep.logs import Arrays, Replicas
from freqjax.sweep.serial import is_held

Say = Callable[[str], None]


class Opened(NamedTuple):
    """Bucket whose replicas are trained, or have ended.

    Attributes:
      place: its number.
      bucket: its replicas and their width.
      store: its checkpoints; None unless this is the lead.
      replicas: those of this process; None if all of the bucket have ended.
      results: the rows of sweep.json if they have ended.
      closing: closes the store.
    """

    place: int
    bucket: Bucket
    store: CheckpointStore | None
    replicas: Replicas | None
    results: list[dict[str, Any]] | None
    closing: contextlib.ExitStack


class Saving:
    """Checkpoints of all buckets, and what the sweep has spent.

    Attributes:
      spent: durations and compilations, over all resumes.
      origins: path → step of the checkpoints that replicas began with.
    """

    def __init__(self, config: Config, folder: Workdir | None, say: Say) -> None:
        """Begin to count the time; `folder` is None unless this is the lead."""
        self._config, self._folder, self._say = config, folder, say
        self.spent, self._began = Spent(), time.perf_counter()
        self.origins: dict[str, int] = {}
        self._compilations: dict[int, int] = {}
        self._told: set[str] = set()

    def store(self, place: int) -> CheckpointStore | None:
        """Open the checkpoints of bucket number `place`."""
        if self._folder is None:
            return None
        return CheckpointStore(self._folder.path / f"checkpoints/bucket-{place}", warn=self._say)

    def read(self, store: CheckpointStore | None, bucket: Bucket) -> Record | None:
        """Return the record of a bucket's last checkpoint, after checking that its rows have not changed."""
        meta = exchange.from_lead(lambda: store.last_meta() if store else None)
        if meta is None:
            return None
        record = exchange.on_all(lambda: Record.from_json(meta, "the sweep's checkpoint"))
        exchange.on_all(lambda: checks.refuse_other_data(bucket, record))
        # The newest of the buckets' checkpoints has the largest numbers.
        self.spent = max(self.spent, record.spent, key=lambda spent: spent.wall_seconds)
        self._note_origins(record)
        return record

    def _note_origins(self, record: Record) -> None:
        found = [r.origin for r in record.replicas if r.origin is not None]
        self.origins |= {origin.path: origin.step for origin in found}

    def read_rows(self, bucket: Bucket, record: Record) -> None:
        """Tell of the rows that metrics.jsonl lacks of a bucket that has ended."""
        if self._folder is not None:
            self._folder.read_rows(self._say_once)
            self._folder.say_missing_rows(_epochs(bucket, record), self._say_once)

    def cut_rows(self, bucket: Bucket, record: Record | None) -> None:
        """Remove the rows of epochs after the checkpoint with `record`, and tell of those that lack."""
        if self._folder is not None:
            self._folder.cut_rows(_epochs(bucket, record), self._say_once)

    def _say_once(self, line: str) -> None:
        """Say what is wrong with a file that is looked at for every bucket."""
        if line not in self._told:
            self._told.add(line)
            self._say(line)

    def save(self, one: Opened, found: list[Any] | None = None) -> None:
        """Save the arrays and records of all replicas of a bucket, and their results once they are known."""
        replicas, store = one.replicas, one.store
        assert replicas is not None
        state, best = exchange.gather_arrays(replicas.arrays())
        own = [dataclasses.asdict(record) for record in replicas.records()]
        records = [ReplicaRecord.from_json(values) for values in exchange.gather_lists(own)]
        now = time.perf_counter()
        self.spent.wall_seconds, self._began = self.spent.wall_seconds + now - self._began, now
        self._compilations[one.place] = replicas.compilations
        self.spent.compilations = sum(self._compilations.values())
        record = Record(
            config=configs.to_dict(identity.anywhere(self._config)),
            replicas=records,
            results=found,
            spent=self.spent,
            data_hashes=data_hashes(replica.config for replica in one.bucket.replicas),
        )
        self._note_origins(record)

        def save() -> None:
            if store is not None:
                # Not the number of updates, since replicas may stop at different times.
                step = (store.steps() or [0])[-1] + 1
                store.save(step, best, state, record.to_json(), metric=math.inf)

        exchange.on_all(save)

    def restore(
        self, store: CheckpointStore | None, replicas: Replicas, record: Record, share: slice
    ) -> None:
        """Restore the replicas of this process, the part `share` of those of a bucket.

        Raises:
          UserError: replicas were held at a rung, which goes on in one process alone.
        """
        if exchange.count() > 1 and any(is_held(one) for one in record.replicas):
            raise UserError(
                f"run.num_processes is {exchange.count()}: it must be 1 to resume a sweep whose replicas "
                "were held at a rung, one after another."
            )
        state, best = exchange.gather_arrays(replicas.templates(record.replicas[share]))
        restored = exchange.on_all(lambda: store.restore_last(best, state) if store else None)
        if restored is not None:
            assert restored.training is not None
            state, best = restored.training, restored.params
        mine = jax.device_get(exchange.arrays_from_lead(Arrays(state, best)))
        if exchange.count() > 1:
            mine = jax.tree.map(lambda a: a[share], mine)
        replicas.restore(mine, record.replicas, share)
        self._say(f"resumed after epoch {replicas.epoch}")


def _epochs(bucket: Bucket, record: Record | None) -> dict[int | None, int]:
    """Return how many epochs each replica of a bucket had done at the save that has `record`, or at none."""
    epochs: dict[int | None, int] = {replica.index: 0 for replica in bucket.replicas}
    return epochs | ({r.index: r.epoch for r in record.replicas} if record is not None else {})
