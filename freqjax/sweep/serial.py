"""Serial replicas: those that cannot share a program, of a horizon curriculum or on shuffled windows.

Each is trained as it would be by itself, as many side by side as there are devices, a thread each.
A replica that was not done when a sweep was stopped begins again.
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
from freqjax.training import epochs, footprint
from freqjax.training.monitors import finite_or_null
from freqjax.training.prepared import Prepared, assemble, param_shapes
from freqjax.training.regimes import make_trainer
from freqjax.training.trainers import Trainer


class SerialReplica:
    """One replica on one device, from its first step to its result.

    Attributes:
      replica: its config.
      log: what the host keeps of it.
      best: the parameters with the lowest frozen loss; the last ones, if none were evaluated.
    """

    def __init__(self, replica: Replica) -> None:
        """Prepare; nothing is read or compiled before the first `advance`."""
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
        """Return the weights to begin with; a replica that is done does without them."""
        if self.best is not None:
            return Beginning(self.best, self.log.origin)
        return beginnings.begin(self._prepared, _say_nothing)

    def advance(self, device: Any) -> list[Row]:
        """Train for a second or so on `device`; return the row of the epoch, if one ended."""
        with jax.default_device(device):
            trainer = self._trainer or self._begin()
            result = trainer.advance()
            if result is None:
                return []
            updates = self.log.updates
            updates.epoch, updates.step = trainer.epoch, trainer.step
            updates.losses = [result.loss]
            due = epochs.is_due(self.replica.config.train, trainer.epoch)
            frozen = self._prepared.frozen_losses(trainer.params) if due else None
            end = self.log.end_epoch(self._prepared.task, result, frozen)
            if end.best or self.log.stopping.best_frozen is None:
                self.best = jax.device_get(trainer.params)
            return [end.row]

    def result(self) -> Row:
        """Return the row of sweep.json, of the weights kept."""
        if self._trainer is None:
            self._begin()
        prepared = self._prepared
        losses = {split: prepared.frozen_losses(self.best, split) for split in prepared.batches}
        found = result_of(self.log, prepared.task, losses)
        found["parameters"] = count_parameters(self.best)
        frozen = prepared.frozen(self.best)
        found |= Standard(prepared.task, frozen).judge(losses["test"], frozen)
        return finite_or_null(found)


def _say_nothing(_: str) -> None:
    """Pass over a warning that the check before the sweep has given."""


class SerialReplicas:
    """The replicas of a bucket that this process trains one after another, as `Replicas` says."""

    epoch = 0
    compilations = 0

    def __init__(
        self, bucket: Bucket, mine: Sequence[Replica], devices: Sequence[Any] | None = None
    ) -> None:
        """Prepare the replicas `mine` of `bucket`, on the devices of this process or those given."""
        self._bucket = bucket
        self._members = [SerialReplica(replica) for replica in mine]
        self._devices = jax.local_devices() if devices is None else devices

    @property
    def logs(self) -> list[ReplicaLog]:
        """The log of each replica."""
        return [member.log for member in self._members]

    def active(self) -> list[bool]:
        """Return which replicas are not done."""
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
        """Return what is saved of each replica; one that is not done will begin again."""
        return [
            (ReplicaLog.begin(log.replica) if log.is_active else log).record() for log in self.logs
        ]

    def arrays(self) -> Arrays:
        """Return the weights kept of each replica; zeros for one that has not begun."""
        shapes = param_shapes(assemble(self._bucket.replicas[0].config).network)
        blank = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        kept = [jax.device_get(blank if m.best is None else m.best) for m in self._members]
        # A blank one first, so that there is a shape where this process has no replica.
        return Arrays({}, jax.tree.map(lambda *leaves: np.stack(leaves)[1:], blank, *kept))

    def restore(self, arrays: Arrays, records: Sequence[ReplicaRecord], share: slice) -> None:
        """Take over the replicas that are done; the others begin again."""
        for place, (member, record) in enumerate(zip(self._members, records[share], strict=True)):
            if record.stopping.reason is not None:
                member.log = ReplicaLog.of_record(record, member.replica)
                member.best = jax.tree.map(lambda a: a[place], arrays.best)  # noqa: B023
