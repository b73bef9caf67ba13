"""Replicas that the workers of a Dask cluster train, each whole, wherever a worker is free.

With successive halving they train a replica from rung to rung, and any goes on from where it was held.

    dask scheduler                          # once
    dask worker tcp://HOST:8786             # as many as there are, on any machine, at any time
    freqjax sweep --config … --config.run.scheduler=tcp://HOST:8786

Only replicas that share no program go there: a curriculum, a filter, windows, examples, or
train.steps_per_epoch (`freqjax.training.regimes.is_alone`). A worker may come and go. If one is lost, the
scheduler gives its replica to another, where it starts again and has the same numbers.

Dask is a package of Python alone whose workers are started by one command, by hand or by Slurm, Kubernetes
and others. The unit of work is a whole training, so that Dask only has to place, repeat and tell.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import queue
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax

import freqjax
from freqjax.checkpoints.records import ReplicaRecord
from freqjax.config import sections as configs
from freqjax.config import validation
from freqjax.config.sections import RunConfig
from freqjax.errors import UserError
from freqjax.sweep.axes import Bucket, Replica
from freqjax.sweep.logs import Held, ReplicaLog, Row
from freqjax.sweep.serial import Alike, SerialReplica, SerialReplicas
from freqjax.system import devices
from freqjax.training import placement
from freqjax.training.regimes import is_alone

# Longest time, s, that `advance` waits for news, and the time between two looks.
_PATIENCE, _PAUSE = 1.0, 0.05
# Time, s, in which a scheduler must answer.
_ANSWER = 10
# What a worker has prepared for its last replica, from which the next one may differ by its seed alone; by
# the topic of its bucket, since a later sweep, which has other topics, may find other rows in the same files.
_ALIKE: dict[str, Alike] = {}


class Finished(NamedTuple):
    """Result of a replica that a worker has trained.

    Attributes:
      rows: its rows of metrics.jsonl.
      record: its record, as an object of JSON.
      best: the weights that are kept.
      result: its row of sweep.json.
      held: what it goes on with, if it has only been trained up to a rung.
    """

    rows: list[Row]
    record: dict[str, Any]
    best: Any
    result: Row
    held: Held | None


@contextlib.contextmanager
def connected(run: RunConfig) -> Iterator[Any]:
    """Connect to `run.scheduler`, and yield the client; None where that is empty.

    Raises:
      UserError: there is a coordinator too, Dask is not installed, or no scheduler answers.
    """
    scheduler = run.scheduler
    if not scheduler:
        yield None
        return
    if run.coordinator:
        raise UserError(
            f"run.scheduler is {scheduler}: it must be empty where run.coordinator is given."
        )
    try:
        from distributed import Client
    except ImportError:
        raise UserError(
            f"run.scheduler is {scheduler}: it needs Dask, which pip install 'freqjax[dask]' adds."
        ) from None
    try:
        client = Client(scheduler, timeout=_ANSWER, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise UserError(
            f"run.scheduler is {scheduler}: no Dask scheduler answers there ({reason})."
        ) from None
    with client:
        yield client


def notes(client: Any, buckets: Sequence[Bucket]) -> list[str]:
    """Return what is to be said of a cluster before the training begins."""
    if client is None:
        return []
    found = []
    shared = sum(len(b.replicas) for b in buckets if not is_alone(b.replicas[0].config))
    if shared:
        found.append(
            f"{shared} replicas share a program with others and are trained here, not by workers."
        )
    if not client.scheduler_info()["workers"]:
        found.append(f"no worker is there yet: dask worker {client.scheduler.address} starts one.")
    return found


def train(
    values: dict[str, Any],
    chosen: dict[str, Any],
    index: int,
    topic: str,
    version: str,
    held: Held | None = None,
    until: float = math.inf,
) -> Finished | None:
    """Train a replica on this worker and tell of each epoch; return None if nobody waits for it any more.

    Args:
      values: its config, as in config.json.
      chosen: its values on the axes of the sweep.
      index: its index.
      topic: topic of Dask's events for its rows of metrics.jsonl.
      version: that of freqjax where the sweep is.
      held: what it goes on with; None to begin.
      until: the epoch at which it is held.

    Raises:
      UserError: freqjax is of another version here, or the config is refused here, as where a file is not.
    """
    from distributed import get_worker

    if version != freqjax.__version__:
        raise UserError(
            f"a worker has freqjax {freqjax.__version__}: it must have {version}, as the sweep has."
        )
    worker = get_worker()
    key = worker.get_current_task()
    devices.select(None)
    config = validation.from_dict(values, "the config of the sweep")
    member, rows = SerialReplica(Replica(index, chosen, config), _alike(topic)), []
    (device, *_) = placement.local(config)
    if held is not None:
        member.resume(held)
    while member.log.is_before(until):
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            return None
        for row in member.advance(device):
            worker.log_event(topic, {"row": row})  # to which Dask adds the worker
            rows.append(row)
    if member.log.is_active:
        member.hold()
    record, best = dataclasses.asdict(member.log.record()), jax.device_get(member.best)
    return Finished(rows, record, best, member.result(), member.held)


def _alike(topic: str) -> Alike:
    """Return what the replicas of the bucket of `topic` share on this worker."""
    if topic not in _ALIKE:
        _ALIKE.clear()
    return _ALIKE.setdefault(topic, Alike(most=1))


class WorkersReplicas(SerialReplicas):
    """Replicas of a bucket that the workers of a cluster train; see `Replicas`."""

    def __init__(self, bucket: Bucket, mine: Sequence[Replica], client: Any) -> None:
        """Create the replicas `mine` of `bucket`; they are handed over by the first `advance`."""
        super().__init__(bucket, mine, devices=())
        self._client, self._topic = client, f"freqjax-{uuid.uuid4().hex}"
        self._futures: dict[int, Any] = {}
        self._results: dict[int, Row] = {}
        self._seen: set[tuple[int, int]] = set()
        self._told: queue.SimpleQueue[Row] = queue.SimpleQueue()
        client.subscribe_topic(self._topic, lambda event: self._told.put(event[1]["row"]))

    def advance(self, until: float = math.inf) -> list[Row]:
        """Wait about a second for the ends of epochs and replicas; return the rows that are new.

        Replicas are trained up to the epoch `until`.

        Raises:
          UserError: a worker refused its replica, several were lost with it, or the scheduler was.
        """
        waiting = [member for member in self._members if member.log.is_before(until)]
        for member in waiting:
            if member.replica.index not in self._futures:
                self._futures[member.replica.index] = self._submit(member, until)
        rows: list[Row] = []
        end = time.monotonic() + _PATIENCE
        while not rows and time.monotonic() < end:
            time.sleep(_PAUSE)
            with contextlib.suppress(queue.Empty):
                while True:
                    rows += self._new([self._told.get_nowait()])
            for member in waiting:
                future = self._futures.get(member.replica.index)
                if future is not None and future.done():
                    rows += self._finish(member)
        return rows

    def results(self) -> list[Row]:
        """Return the row of sweep.json of each replica; what was finished before a resume is judged here."""
        return [self._result(member) for member in self._members]

    def _result(self, member: SerialReplica) -> Row:
        found = self._results.get(member.replica.index)
        if found is None:
            return member.result()
        # Its worker did not know whether it would be halved.
        return found | {"stop_reason": member.log.stop_reason}

    def _submit(self, member: SerialReplica, until: float) -> Any:
        replica, epoch = member.replica, member.log.updates.epoch
        words = (configs.to_dict(replica.config), replica.values, replica.index, self._topic)
        key = f"{self._topic}-{replica.index}-{epoch}"
        # A worker of a version without rungs then refuses by its version.
        stage = () if member.held is None and until == math.inf else (member.held, until)
        return self._client.submit(train, *words, freqjax.__version__, *stage, key=key)

    def _new(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows that were not told before: a replica that starts again repeats its own."""
        found = [row for row in rows if (row["replica"], row["epoch"]) not in self._seen]
        self._seen |= {(row["replica"], row["epoch"]) for row in found}
        return found

    def _finish(self, member: SerialReplica) -> list[Row]:
        """Take over what a worker has returned; return the rows that it had not told."""
        index = member.replica.index
        future = self._futures.pop(index)
        if future.status != "finished":
            raise _refusal(index, future)
        found: Finished = future.result()
        self._results[index], member.best, member.held = found.result, found.best, found.held
        member.log = ReplicaLog.of_record(ReplicaRecord.from_json(found.record), member.replica)
        future.release()
        return self._new(found.rows)


def _refusal(index: int, future: Any) -> UserError:
    """Return the sentence for a replica that ended without a result."""
    if future.status != "error":
        return UserError(
            "run.scheduler: the scheduler no longer answers; start it again, and the sweep with --resume."
        )
    error = future.exception()
    if isinstance(error, UserError):
        return error
    kind = type(error).__name__
    if kind == "KilledWorker":
        return UserError(
            f"replica {index}: one worker after the other was lost with it, as where memory is short; "
            "--resume goes on."
        )
    return UserError(f"replica {index}: a worker failed with it ({kind}: {error}).")
