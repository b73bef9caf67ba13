"""A sweep from its start to its results: lock the folder, train the buckets, save, resume, summarise.

Only the lead process reads and writes files. Content of the folder:

    config.json, metrics.jsonl        as in a run; a row per replica and epoch
    checkpoints/bucket-<n>/           the state of all replicas of a bucket
    best/                             the best replica as a run's folder, for --checkpoint
    sweep.json, sweep.csv             a row per replica, and means with intervals: see `freqjax.sweep.results`
    summary.json                      duration and device
    figures/sweep.png
    page.html                         all of it for a browser, with freqjax[page]
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from freqjax import progress
from freqjax.checkpoints.records import Record, ReplicaRecord, Spent, data_hashes
from freqjax.checkpoints.store import CheckpointStore
from freqjax.config import sections as configs
from freqjax.config.axes import laws_of
from freqjax.config.sections import Config
from freqjax.processes import connection, exchange, identity
from freqjax.run.interrupts import Interrupted, Interrupts
from freqjax.run.workdir import Workdir
from freqjax.sweep import axes, checks, ending, workers
from freqjax.sweep.axes import Bucket, Replica
from freqjax.sweep.lines import EpochLines, SweepProgress, training
from freqjax.sweep.logs import Arrays, Replicas
from freqjax.sweep.serial import SerialReplicas
from freqjax.sweep.shared import SharedReplicas
from freqjax.sweep.standards import names_of
from freqjax.sweep.workers import WorkersReplicas
from freqjax.system import devices
from freqjax.training.prepared import assemble
from freqjax.training.regimes import is_alone

Say = Callable[[str], None]

# Least time between two checkpoints, s, since a checkpoint copies all arrays to the host.
_SAVE_SECONDS = 10.0


def run(config: Config, folder: Path, *, resume: bool, figures: bool, say: Say) -> int | None:
    """Run the sweep of `config` in `folder`, alone or with the other processes of `config.run`.

    Args:
      config: validated again before anything is written.
      folder: absent or empty unless `resume`; the lead's.
      resume: whether to continue the sweep in `folder`.
      figures: whether to draw.
      say: called with each line of progress, on the lead.

    Returns:
      The signal that interrupted it, or None.

    Raises:
      UserError: bad config, data or folder; one sentence.
    """
    devices.select(None)
    members = axes.replicas(config)
    devices.use_cpu_cores(config.run.cpu_devices)
    connection.connect(config.run)
    devices.require()
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(workers.connected(config.run))
        # With several processes the cluster handles signals, since all must stop at the same step.
        interrupts = stack.enter_context(Interrupts()) if jax.process_count() == 1 else None
        claimed: list[Workdir] = []

        def claim() -> None:
            claimed.append(stack.enter_context(Workdir(folder, resume=resume)))
            checks.refuse_other_sweep(config, claimed[0])
            claimed[0].write_json("config.json", configs.to_dict(identity.anywhere(config)))

        with connection.together("sweep"):
            # The order of axes is that of replicas.
            identity.require_same_config(config, list(config.sweep.axes))
            with _acting(interrupts):
                buckets = exchange.on_all(
                    lambda: axes.buckets(members, config.sweep.widest_padding)
                )
                notes = exchange.on_all(lambda: checks.check(buckets, say, resume=resume))
                notes += workers.notes(client, buckets)
            exchange.from_lead(claim)
            lead = exchange.is_lead()
            if not lead:
                say = _silent
                stack.enter_context(progress.reporting_to(None))
            for note in notes:
                say(note)
            place = claimed[0] if lead else None
            return _Sweep(config, buckets, place, interrupts, client, say).run(figures)


def _silent(_: str) -> None:
    return None


def _acting(interrupts: Interrupts | None) -> contextlib.AbstractContextManager[None]:
    """Let a signal end work of which nothing is lost, where this process may end alone."""
    return contextlib.nullcontext() if interrupts is None else interrupts.acting()


def _make_replicas(
    bucket: Bucket, mine: Sequence[Replica], client: Any, *, resumed: bool
) -> Replicas:
    # The replicas of a bucket are all serial or all shared.
    if is_alone(bucket.replicas[0].config):
        return WorkersReplicas(bucket, mine, client) if client else SerialReplicas(bucket, mine)
    return SharedReplicas(bucket, mine, resumed=resumed)


def _epochs(bucket: Bucket, record: Record | None) -> dict[int | None, int]:
    """Return how many epochs each replica of a bucket had done at the save that has `record`, or at none."""
    epochs: dict[int | None, int] = {replica.index: 0 for replica in bucket.replicas}
    return epochs | ({r.index: r.epoch for r in record.replicas} if record is not None else {})


class _Sweep:
    """Sweep on one of its processes.

    `folder` is None unless this is the lead, `client` unless there is a Dask cluster.
    """

    def __init__(
        self,
        config: Config,
        buckets: list[Bucket],
        folder: Workdir | None,
        interrupts: Interrupts | None,
        client: Any,
        say: Say,
    ) -> None:
        self._config, self._buckets, self._folder = config, buckets, folder
        self._client = client
        self._interrupts, self._say = interrupts, say
        self._told: set[str] = set()
        self._count = sum(len(b.replicas) for b in buckets)
        self._spent, self._began = Spent(), time.perf_counter()
        self._origins: dict[str, int] = {}
        self._compiled_before = 0
        self._asked = 0

    def run(self, figures: bool) -> int | None:
        """Train every bucket and summarise; return the signal that interrupted it, or None."""
        programs = "program" if len(self._buckets) == 1 else "programs"
        self._say(
            f"{self._count} replicas in {len(self._buckets)} {programs}, on {len(jax.devices())} "
            f"{jax.devices()[0].platform} devices of {jax.process_count()} processes"
        )
        rows: list[dict[str, Any]] = []
        try:
            with training(self._buckets) as phase:
                self._progress = SweepProgress(self._buckets, phase)
                for place, bucket in enumerate(self._buckets):
                    found = self._train(place, bucket)
                    if found is None:
                        return self._end_early()
                    rows += found
            rows.sort(key=lambda row: row["replica"])
            with _acting(self._interrupts), progress.phase("writing the results"):
                # The others wait here for the lead, since JAX limits the time a process waits at its exit.
                exchange.from_lead(lambda: self._write(rows, figures=figures))
        except Interrupted:
            return self._end_early()
        return None

    def _write(self, rows: list[dict[str, Any]], *, figures: bool) -> None:
        """Write the results; only on the lead."""
        assert self._folder is not None
        ending.write(
            self._folder, self._buckets, rows, self._spent, self._origins,
            laws=laws_of(self._config), figures=figures, page=self._config.train.page, say=self._say,
        )  # fmt: skip

    def _end_early(self) -> int:
        """Say that a signal ended the sweep, and return which."""
        self._say("interrupted: --resume goes on from here")
        signum = self._interrupts.signum if self._interrupts else None
        return signal.SIGTERM if signum is None else signum

    def _say_once(self, line: str) -> None:
        """Say what is wrong with a file that is looked at for every bucket."""
        if line not in self._told:
            self._told.add(line)
            self._say(line)

    def _open(self, place: int) -> CheckpointStore | None:
        if self._folder is None:
            return None
        return CheckpointStore(self._folder.path / f"checkpoints/bucket-{place}", warn=self._say)

    def _train(self, place: int, bucket: Bucket) -> list[dict[str, Any]] | None:
        """Train the replicas of a bucket; return their results, or None if it was interrupted."""
        with contextlib.ExitStack() as stack:
            store = exchange.on_all(lambda: self._open(place))
            if store is not None:
                stack.enter_context(store)
            record = self._saved(store, bucket)
            if record is not None and record.results is not None:
                if self._folder is not None:
                    self._folder.read_rows(self._say_once)
                    self._folder.say_missing_rows(_epochs(bucket, record), self._say_once)
                self._progress.note({}, [replica.index for replica in bucket.replicas])
                return record.results
            share = exchange.share_of(len(bucket.replicas))
            mine, resumed = bucket.replicas[share], record is not None
            with _acting(self._interrupts):
                replicas = exchange.on_all(
                    lambda: _make_replicas(bucket, mine, self._client, resumed=resumed)
                )
            if record is not None:
                self._restore(store, replicas, record, share)
            exchange.on_all(lambda: self._cut_rows(bucket, record))
            if not self._advance_all(store, bucket, replicas):
                return None
            try:
                with _acting(self._interrupts), progress.phase("evaluating"):
                    found = exchange.gather_lists(replicas.results())
            except Interrupted:
                self._save(store, bucket, replicas, None)
                return None
            self._save(store, bucket, replicas, found)
            self._compiled_before += replicas.compilations
            return found

    def _advance_all(
        self, store: CheckpointStore | None, bucket: Bucket, replicas: Replicas
    ) -> bool:
        """Train until every replica has stopped; return False if a signal arrived before."""
        names = names_of(assemble(bucket.replicas[0].config).task)
        lines = EpochLines(bucket, names.frozen, self._say, self._progress)
        saved_at = time.monotonic()
        active = self._note(bucket, replicas)
        while any(active):
            rows = self._advance(replicas)
            active = self._note(bucket, replicas, rows or ())
            if rows is not None:
                self._log(rows, lines)
            due = rows is not None and time.monotonic() - saved_at > _SAVE_SECONDS
            stop = self._stop_asked()
            if exchange.from_lead(lambda: due or stop):  # noqa: B023
                self._save(store, bucket, replicas, None)
                saved_at = time.monotonic()
            if stop:
                return False
        return True

    def _saved(self, store: CheckpointStore | None, bucket: Bucket) -> Record | None:
        """Return the record of a bucket's last checkpoint, after checking that its rows have not changed."""
        meta = exchange.from_lead(lambda: store.last_meta() if store else None)
        if meta is None:
            return None
        record = exchange.on_all(lambda: Record.from_json(meta, "the sweep's checkpoint"))
        exchange.on_all(lambda: checks.refuse_other_data(bucket, record))
        # The newest of the buckets' checkpoints has the largest numbers.
        self._spent = max(self._spent, record.spent, key=lambda spent: spent.wall_seconds)
        self._note_origins(record)
        return record

    def _note_origins(self, record: Record) -> None:
        found = [r.origin for r in record.replicas if r.origin is not None]
        self._origins |= {origin.path: origin.step for origin in found}

    def _advance(self, replicas: Replicas) -> list[dict[str, Any]] | None:
        """Train for one chunk; at the end of an epoch return the rows of all processes."""
        began = time.perf_counter()
        rows = replicas.advance()
        self._spent.training_seconds += time.perf_counter() - began
        return None if rows is None else exchange.gather_lists(rows)

    def _stop_asked(self) -> bool:
        if self._interrupts is not None:
            return self._interrupts.signum is not None
        # JAX stops all processes at a step number that none of them has reached: it must never repeat.
        self._asked += 1
        return exchange.stop_asked(self._asked)

    def _note(
        self, bucket: Bucket, replicas: Replicas, rows: Sequence[dict[str, Any]] = ()
    ) -> list[bool]:
        """Take account of new rows and of what has stopped; return which replicas are still trained."""
        active = exchange.gather_lists(replicas.active())
        goes_on = zip(bucket.replicas, active, strict=True)
        done = [replica.index for replica, is_active in goes_on if not is_active]
        self._progress.note({row["replica"]: row["epoch"] for row in rows}, done)
        return active

    def _log(self, rows: list[dict[str, Any]], lines: EpochLines) -> None:
        def write() -> None:
            for row in rows:
                if self._folder is not None:
                    self._folder.append_row(row)

        exchange.on_all(write)
        lines.show(rows)

    def _cut_rows(self, bucket: Bucket, record: Record | None) -> None:
        """Remove the rows of epochs after the checkpoint with `record`, and tell of those that lack."""
        if self._folder is not None:
            self._folder.cut_rows(_epochs(bucket, record), self._say_once)

    def _save(
        self,
        store: CheckpointStore | None,
        bucket: Bucket,
        replicas: Replicas,
        found: list[Any] | None,
    ) -> None:
        """Save the arrays and records of all replicas, and their results once they are finished."""
        state, best = exchange.gather_arrays(replicas.arrays())
        own = [dataclasses.asdict(record) for record in replicas.records()]
        records = [ReplicaRecord.from_json(values) for values in exchange.gather_lists(own)]
        now = time.perf_counter()
        self._spent.wall_seconds, self._began = self._spent.wall_seconds + now - self._began, now
        self._spent.compilations = self._compiled_before + replicas.compilations
        record = Record(
            config=configs.to_dict(identity.anywhere(self._config)),
            replicas=records,
            results=found,
            spent=self._spent,
            data_hashes=data_hashes(replica.config for replica in bucket.replicas),
        )

        self._note_origins(record)

        def save() -> None:
            if store is not None:
                # Not the number of updates, since replicas may stop at different times.
                step = (store.steps() or [0])[-1] + 1
                store.save(step, best, state, record.to_json(), metric=math.inf)

        exchange.on_all(save)

    def _restore(
        self, store: CheckpointStore | None, replicas: Replicas, record: Record, share: slice
    ) -> None:
        state, best = exchange.gather_arrays(replicas.arrays())
        restored = exchange.on_all(lambda: store.restore_last(best, state) if store else None)
        if restored is not None:
            assert restored.training is not None
            state, best = restored.training, restored.params
        arrays = exchange.arrays_from_lead(Arrays(state, best))
        mine = jax.tree.map(lambda a: jax.device_get(a)[share], arrays)
        replicas.restore(mine, record.replicas, share)
        self._say(f"resumed after epoch {replicas.epoch}")
