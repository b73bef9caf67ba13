"""Logs of replicas, and the common interface of shared and serial replicas.

`freqjax.sweep.shared` trains replicas in one program, `freqjax.sweep.serial` one after another. Either way a
replica has the same epochs as a single run (`freqjax.training.epochs`) and saves the same record
(`freqjax.checkpoints.records`).
Axes: R replicas.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from freqjax.checkpoints.records import Origin, ReplicaRecord
from freqjax.sweep.axes import Replica
from freqjax.sweep.results import HALVED
from freqjax.tasks import Task
from freqjax.training import epochs
from freqjax.training.epochs import EpochEnd, EpochResult, UpdateLog
from freqjax.training.frozen import FrozenLosses
from freqjax.training.stopping import Stopping

Row = dict[str, Any]


class Arrays(NamedTuple):
    """Arrays of R replicas, each with a leading axis R.

    Attributes:
      state: the train states; if replicas are trained one after another, {} or the arrays of those that were
        held at a rung, by their index.
      best: the parameters with the lowest frozen loss so far; once there are results, the parameters that
        they describe.
    """

    state: Any
    best: Any


class Held(NamedTuple):
    """Serial replica at a rung, from which it can go on anywhere, or at a resume.

    Attributes:
      record: its record, as an object of JSON; `held` of its `trainer` is the trainer's state on the host.
      params: the present parameters.
      state: the other arrays of its trainer.
      best: the parameters with the lowest frozen loss so far.
    """

    record: dict[str, Any]
    params: Any
    state: Any
    best: Any


@runtime_checkable
class Replicas(Protocol):
    """Replicas of a bucket that this process trains.

    Attributes:
      epoch: epochs completed by all that have not stopped; 0 if they have no common epoch.
      compilations: number of programs compiled.
      logs: log of each replica.
    """

    epoch: int

    @property
    def compilations(self) -> int: ...

    @property
    def logs(self) -> Sequence[ReplicaLog]: ...

    def advance(self, until: float) -> list[Row] | None:
        """Train for about a second; return the rows of metrics.jsonl at the end of an epoch, else None.

        No replica is trained beyond the epoch `until`.
        """
        ...

    def drop(self) -> None:
        """Give up what only the training of the replicas that have stopped needs."""
        ...

    def results(self) -> list[Row]:
        """Return the row of sweep.json of each replica."""
        ...

    def records(self) -> list[ReplicaRecord]:
        """Return the record of each replica, which is saved beside its arrays."""
        ...

    def arrays(self) -> Arrays:
        """Return the arrays of each replica, on the host."""
        ...

    def templates(self, records: Sequence[ReplicaRecord]) -> Arrays:
        """Return arrays of the shapes that a checkpoint with the `records` of this process holds."""
        ...

    def restore(self, arrays: Arrays, records: Sequence[ReplicaRecord], share: slice) -> None:
        """Continue from a checkpoint.

        Args:
          arrays: arrays of the replicas of this process.
          records: records of all replicas of the bucket.
          share: the part of them that belongs to this process.
        """
        ...


@dataclass
class ReplicaLog:
    """State of a replica on the host.

    Attributes:
      replica: its index and its config.
      updates: the log of its updates.
      stopping: state of the stopping rules; its `reason` is why the replica stopped, if it has.
      best_epoch: the epoch of the weights that are kept.
      origin: the checkpoint of its initial weights; None if they were drawn.
    """

    replica: Replica
    updates: UpdateLog
    stopping: Stopping = dataclasses.field(default_factory=Stopping)
    best_epoch: int | None = None
    origin: Origin | None = None

    @staticmethod
    def begin(replica: Replica) -> ReplicaLog:
        """Return the log of a replica before its first update."""
        return ReplicaLog(replica, UpdateLog.begin(replica.config.optimizer))

    @property
    def is_active(self) -> bool:
        """True if the replica is still being trained."""
        return (
            self.stopping.reason is None
            and self.updates.bad_step is None
            and self.updates.epoch < self.replica.config.train.epochs
        )

    @property
    def stop_reason(self) -> str:
        """Why the replica stopped, as a row of sweep.json says."""
        return self.stopping.reason or "epochs_done"

    def is_before(self, until: float) -> bool:
        """Return whether the replica is still trained and has completed fewer epochs than `until`."""
        return self.is_active and self.updates.epoch < until

    def end_epoch(self, task: Task, result: EpochResult, frozen: FrozenLosses | None) -> EpochEnd:
        """End an epoch as a run does; the row lacks the entries for every parameter array."""
        train = self.replica.config.train
        end = epochs.end_epoch(train, task.columns, result, frozen, self.stopping)
        if self.updates.bad_step is not None:
            self.stopping.reason = "non_finite"
        if end.best:
            self.best_epoch = result.row["epoch"]
        kept = {name: value for name, value in end.row.items() if not name.endswith("_per_layer")}
        return end._replace(row={"replica": self.replica.index, **kept})

    def halve(self) -> None:
        """Stop the replica at a rung."""
        self.stopping.reason = HALVED

    def record(self, next_chunk: int = 0) -> ReplicaRecord:
        """Return the record of the replica; `next_chunk` is its position in the epoch."""
        trainer = self.updates.to_json() | {"next_chunk": next_chunk}
        index = self.replica.index
        return ReplicaRecord(index, trainer, self.stopping, self.best_epoch, self.origin)

    @staticmethod
    def of_record(record: ReplicaRecord, replica: Replica) -> ReplicaLog:
        """Restore the log from `record`."""
        updates = UpdateLog.from_json(record.trainer, replica.config.optimizer)
        stopping = dataclasses.replace(record.stopping)
        return ReplicaLog(replica, updates, stopping, record.best_epoch, record.origin)


def result_of(log: ReplicaLog, task: Task, losses: Mapping[str, FrozenLosses]) -> Row:
    """Return the row of sweep.json of a replica with the `losses` of its frozen weights on every split."""
    # If every loss was finite, the weights after the last update are not.
    updates, stopping = log.updates, log.stopping
    metric, test = task.objective.metric, losses["test"]
    bad = updates.bad_step
    if bad is None and stopping.reason == "non_finite":
        bad = updates.step
    return {
        "replica": log.replica.index,
        **log.replica.values,
        "epochs": updates.epoch,
        "updates": updates.step,
        "stop_reason": log.stop_reason,
        "bad_update": bad,
        "weights": "last" if stopping.best_frozen is None else "best",
        "best_epoch": log.best_epoch,
        f"prequential_{metric}": updates.losses[-1] if updates.losses else None,
        **{f"{split}_{metric}": found.mean for split, found in losses.items()},
        f"worst_test_{metric}": test.worst,
        f"test_{task.columns.per_group}": dict(zip(task.group_names, test.per_group, strict=True)),
    }
