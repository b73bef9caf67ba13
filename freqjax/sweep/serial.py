"""Serial replicas, which cannot share a program: a horizon curriculum, or shuffled windows.

Each is trained like a single run, in one thread per device. Replicas that differ by their seed alone share
their rows and what is compiled. A replica that was not finished when a sweep was stopped starts again, or
goes on from the last rung of successive halving that it was held at; with several processes it always
starts again.
"""

from __future__ import annotations

import dataclasses
import json
import math
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.checkpoints import beginnings
from freqjax.checkpoints.beginnings import Beginning
from freqjax.checkpoints.records import ReplicaRecord
from freqjax.config import sections as configs
from freqjax.config.sections import Config
from freqjax.networks import count_parameters
from freqjax.processes import exchange
from freqjax.sweep.axes import Bucket, Replica
from freqjax.sweep.logs import Arrays, Held, ReplicaLog, Row, result_of
from freqjax.sweep.standards import Standard
from freqjax.training import epochs, footprint, placement
from freqjax.training.monitors import finite_or_null
from freqjax.training.prepared import Prepared, assemble, param_shapes
from freqjax.training.regimes import make_trainer
from freqjax.training.seeds import with_seed
from freqjax.training.trainers import Trainer


@dataclass
class _Kept:
    """What is prepared for the configs that differ by their seed alone, and the seeds that use it."""

    lock: threading.Lock
    seeds: set[int]
    prepared: Prepared | None = None


class Alike:
    """Prepared configs, of which those that differ by `train.seed` alone are made from the first of them."""

    def __init__(self, most: int | None = None) -> None:
        """Begin without any; keep the last `most`, or all."""
        self._most = most
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def prepare(self, config: Config) -> Prepared:
        """Return `config` prepared; rows are read if no config that differs by its seed alone has read them.

        Raises:
          UserError: as `Prepared`; or the device has too little memory.
        """
        key, seed = _but_seed(config), config.train.seed
        with self._lock:
            kept = self._kept.setdefault(key, _Kept(threading.Lock(), set()))
            kept.seeds.add(seed)
            while self._most is not None and len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
        with kept.lock:  # others, which share nothing with it, are prepared meanwhile
            if kept.prepared is None:
                made = Prepared(config)
                footprint.require(made)
                kept.prepared = made
            return kept.prepared.with_seed(seed)

    def release(self, config: Config) -> None:
        """Give up what is compiled for the training of `config`, unless a sibling trains too."""
        with self._lock:
            kept = self._kept.get(_but_seed(config))
            if kept is not None:
                kept.seeds.discard(config.train.seed)
                if not kept.seeds and kept.prepared is not None:
                    kept.prepared.jitted.clear()


def _but_seed(config: Config) -> str:
    """Return all fields of `config` but the seed, as text."""
    return json.dumps(configs.to_dict(with_seed(config, 0)), sort_keys=True)


class SerialReplica:
    """Replica on one device, from its first step to its result.

    Attributes:
      replica: its index and its config.
      log: its state on the host.
      best: the parameters with the lowest frozen loss; the last ones, if none were evaluated.
      held: what it goes on with from the last rung that it was held at; None if there was none.
    """

    def __init__(self, replica: Replica, alike: Alike) -> None:
        """Create the replica; nothing is read or compiled before the first `advance`."""
        self.replica, self.log = replica, ReplicaLog.begin(replica)
        self._alike = alike
        self._trainer: Trainer | None = None
        self._has_rows = False
        self.best: Any = None
        self.held: Held | None = None

    def _begin(self) -> Trainer:
        prepared = self._prepared = self._alike.prepare(self.replica.config)
        self._has_rows = True
        params, self.log.origin = self._beginning()
        self._trainer = make_trainer(
            prepared.network,
            prepared.task,
            prepared.config,
            prepared.train_rows,
            prepared.forward,
            params,
            prepared.jitted,
        )
        if self.best is None:
            self.best = params
        self._go_on()
        return self._trainer

    def _go_on(self) -> None:
        """Continue the training from where the replica was held, if it was."""
        if self.held is not None and self._trainer is not None:
            # Copies, so that an update can reuse the memory of its state.
            params, state = jax.tree.map(jnp.array, (self.held.params, self.held.state))
            self._trainer.restore(params, state, self.held.record["trainer"]["held"])

    def template(self) -> Any:
        """Return arrays of the shapes of those of `hold`."""
        with jax.default_device(placement.local(self.replica.config)[0]):
            trainer = self._trainer or self._begin()
        return {"params": trainer.params, "state": trainer.device_state(), "best": trainer.params}

    def hold(self) -> None:
        """Keep all that it needs to go on from here."""
        assert self._trainer is not None
        record = dataclasses.asdict(self.log.record())
        record["trainer"]["held"] = self._trainer.host_state()
        arrays = self._trainer.params, self._trainer.device_state(), self.best
        self.held = Held(record, *jax.device_get(arrays))

    def resume(self, held: Held) -> None:
        """Go on from where it was held."""
        self.log = ReplicaLog.of_record(ReplicaRecord.from_json(held.record), self.replica)
        self.best, self.held = held.best, held
        self._go_on()

    def release(self) -> None:
        """Give up what only its training needs."""
        self._trainer = self.held = None
        self._alike.release(self.replica.config)

    def _beginning(self) -> Beginning:
        """Return the initial weights, which are not needed for a finished replica.

        One that was held needs them, although the others follow: a filter keeps some of their
        values.
        """
        if self.best is not None and self.held is None:
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
        if not self._has_rows:
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
        alike = Alike()
        self._members = [SerialReplica(replica, alike) for replica in mine]
        config = bucket.replicas[0].config
        self._devices = placement.local(config) if devices is None else devices

    @property
    def logs(self) -> list[ReplicaLog]:
        """Log of each replica."""
        return [member.log for member in self._members]

    def advance(self, until: float = math.inf) -> list[Row]:
        """Train as many replicas as there are devices; return the rows of epochs that ended.

        Those that have completed the epoch `until` wait; if there is one process, they are held.
        """
        waiting = [member for member in self._members if member.log.is_before(until)]
        with ThreadPoolExecutor(len(self._devices)) as pool:
            rows = [
                row
                for rows in pool.map(SerialReplica.advance, waiting, self._devices)
                for row in rows
            ]
        for member in waiting[: len(self._devices)] if exchange.count() == 1 else ():
            if member.log.is_active and not member.log.is_before(until):
                member.hold()
        return rows

    def results(self) -> list[Row]:
        """Return the row of sweep.json of each replica."""
        return [member.result() for member in self._members]

    def drop(self) -> None:
        """Give up what only the training of the replicas that have stopped needs."""
        for member in self._members:
            if not member.log.is_active:
                member.release()

    def records(self) -> list[ReplicaRecord]:
        """Return the record of each replica; one that is not finished goes on from where it was held."""
        return [self._record(member) for member in self._members]

    def _record(self, member: SerialReplica) -> ReplicaRecord:
        if not member.log.is_active:
            return member.log.record()
        if member.held is not None:
            return ReplicaRecord.from_json(member.held.record)
        return ReplicaLog.begin(member.replica).record()

    def arrays(self) -> Arrays:
        """Return the best weights of each replica, zeros for one that has not begun, and what was held."""
        held = {
            f"{member.replica.index}": {
                "params": member.held.params,
                "state": member.held.state,
                "best": member.held.best,
            }
            for member in self._members
            if member.held is not None and member.log.is_active
        }
        shapes = param_shapes(assemble(self._bucket.replicas[0].config).network)
        blank = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        kept = [jax.device_get(blank if m.best is None else m.best) for m in self._members]
        # Zeros are stacked first and then removed, so that a process without replicas has the right shapes.
        return Arrays(held, jax.tree.map(lambda *leaves: np.stack(leaves)[1:], blank, *kept))

    def templates(self, records: Sequence[ReplicaRecord]) -> Arrays:
        """Return arrays of the shapes that a checkpoint with `records` holds."""
        both = zip(self._members, records, strict=True)
        held = {f"{m.replica.index}": m.template() for m, record in both if is_held(record)}
        return self.arrays()._replace(state=held)

    def restore(self, arrays: Arrays, records: Sequence[ReplicaRecord], share: slice) -> None:
        """Restore the replicas that are finished or were held; the others start again."""
        for place, (member, record) in enumerate(zip(self._members, records[share], strict=True)):
            if record.stopping.reason is not None:
                member.log = ReplicaLog.of_record(record, member.replica)
                member.best = jax.tree.map(lambda a: a[place], arrays.best)  # noqa: B023
            elif is_held(record):
                own = arrays.state[f"{record.index}"]
                member.resume(Held(dataclasses.asdict(record), **own))


def is_held(record: ReplicaRecord) -> bool:
    """Return whether a replica goes on from where it was held at a rung."""
    return record.stopping.reason is None and "held" in record.trainer
