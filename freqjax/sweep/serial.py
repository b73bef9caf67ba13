"""Serial replicas, which cannot share a program: a horizon curriculum, or shuffled windows.

Each is trained like a single run, in one thread per device. A replica that was not finished when a sweep was
stopped starts again.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from freqjax.checkpoints import beginnings
from freqjax.checkpoints.beginnings import Beginning
from freqjax.checkpoints.records import ReplicaRecord
from freqjax.networks import count_parameters
from freqjax.sweep.axes import Bucket, Replica
from freqjax.sweep.logs import Arrays, ReplicaLog, Row, result_of
from freqjax.sweep.standards import Standard
from freqjax.training import epochs, footprint, placement
from freqjax.training.monitors import finite_or_null
from freqjax.training.prepared import Prepared, assemble, param_shapes
from freqjax.training.regimes import make_trainer
from freqjax.training.trainers import Trainer


class SerialReplica:
    """Replica on one device, from its first step to its result.

    Attributes:
      replica: its index and its config.
      log: its state on the host.
      best: the parameters with the lowest frozen loss; the last ones, if none were evaluated.
    """

    def __init__(self, replica: Replica) -> None:
        """Create the replica; nothing is read or compiled before the first `advance`."""
        self.replica, self.log = replica, ReplicaLog.begin(replica)
        self._trainer: Trainer | None = None
        self.best: Any = None

    def _begin(self) -> Trainer:
        self._prepared = prepared = Prepared(self.replica.config)
        footprint.require(prepared)
        params, self.log.origin = self._beginning()
        self._trainer = make_trainer(
            prepared.network,
            prepared.task,
            prepared.config,
            prepared.train_rows,
            prepared.forward,
            params,
        )
        if self.best is None:
            self.best = params
        return self._trainer

    def _beginning(self) -> Beginning:
        """Return the initial weights, which are not needed for a finished replica."""
        if self.best is not None:
            return Beginning(self.best, self.log.origin)
        return beginnings.begin(self._prepared, _say_nothing)

    def advance(self, device: Any) -> list[Row]:
        """Train for about a second on `device`; return the row of the epoch if one ended."""
        with jax.default_device(device):
            trainer = self._trainer or self._begin()
            result = trainer.advance()
            if result is None:
                return []
            updates = self.log.updates
            updates.epoch, updates.step = trainer.epoch, trainer.step
            updates.losses = [result.loss]
            due = epochs.is_due(self.replica.config.train, trainer.epoch)
            frozen = self._prepared.losses_after(result, trainer.params) if due else None
            end = self.log.end_epoch(self._prepared.task, result, frozen)
            if end.best or self.log.stopping.best_frozen is None:
                self.best = jax.device_get(trainer.params)
            return [end.row]

    def result(self) -> Row:
        """Return the row of sweep.json for the best weights."""
        if self._trainer is None:
            with jax.default_device(placement.local(self.replica.config)[0]):
                self._begin()
        prepared = self._prepared
        losses = {split: prepared.frozen_losses(self.best, split) for split in prepared.batches}
        found = result_of(self.log, prepared.task, losses)
        found["parameters"] = count_parameters(self.best)
        frozen = prepared.frozen(self.best)
        found |= Standard(prepared.task, frozen).judge(losses["test"], frozen)
        return finite_or_null(found)


def _say_nothing(_: str) -> None:
    """Ignore a warning that the check before the sweep has already printed."""


class SerialReplicas:
    """Replicas of a bucket that this process trains one after another; see `Replicas`."""

    epoch = 0
    compilations = 0

    def __init__(
        self, bucket: Bucket, mine: Sequence[Replica], devices: Sequence[Any] | None = None
    ) -> None:
        """Create the replicas `mine` of `bucket`, on the devices of this process or those given."""
        self._bucket = bucket
        self._members = [SerialReplica(replica) for replica in mine]
        config = bucket.replicas[0].config
        self._devices = placement.local(config) if devices is None else devices

    @property
    def logs(self) -> list[ReplicaLog]:
        """Log of each replica."""
        return [member.log for member in self._members]

    def active(self) -> list[bool]:
        """Return which replicas are not finished."""
        return [log.is_active for log in self.logs]

    def advance(self) -> list[Row]:
        """Train as many replicas as there are devices; return the rows of epochs that ended."""
        waiting = [member for member in self._members if member.log.is_active]
        with ThreadPoolExecutor(len(self._devices)) as pool:
            parts = pool.map(SerialReplica.advance, waiting, self._devices)
            return [row for rows in parts for row in rows]

    def results(self) -> list[Row]:
        """Return the row of sweep.json of each replica."""
        return [member.result() for member in self._members]

    def records(self) -> list[ReplicaRecord]:
        """Return the record of each replica; one that is not finished will start again."""
        return [
            (ReplicaLog.begin(log.replica) if log.is_active else log).record() for log in self.logs
        ]

    def arrays(self) -> Arrays:
        """Return the best weights of each replica; zeros for one that has not begun."""
        shapes = param_shapes(assemble(self._bucket.replicas[0].config).network)
        blank = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        kept = [jax.device_get(blank if m.best is None else m.best) for m in self._members]
        # Zeros are stacked first and then removed, so that a process without replicas has the right shapes.
        return Arrays({}, jax.tree.map(lambda *leaves: np.stack(leaves)[1:], blank, *kept))

    def restore(self, arrays: Arrays, records: Sequence[ReplicaRecord], share: slice) -> None:
        """Restore the replicas that are finished; the others start again."""
        for place, (member, record) in enumerate(zip(self._members, records[share], strict=True)):
            if record.stopping.reason is not None:
                member.log = ReplicaLog.of_record(record, member.replica)
                member.best = jax.tree.map(lambda a: a[place], arrays.best)  # noqa: B023
