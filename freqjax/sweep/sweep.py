"""A sweep from its start to its results: lock the folder, train the buckets, save, resume, summarise.

Buckets are trained one after another, or, with successive halving, all of them up to every rung in turn.
Only the lead process reads and writes files. Content of the folder:

    config.json, metrics.jsonl        as in a run; a row per replica and epoch
    checkpoints/bucket-<n>/           the state of all replicas of a bucket
    halving.json                      the decisions at the rungs of successive halving
    best/                             the best replica as a run's folder, for --checkpoint
    sweep.json, sweep.csv             a row per replica, and means with intervals: see `freqjax.sweep.results`
    summary.json                      duration and device
    figures/sweep.png
    page.html                         all of it for a browser, with freqjax[page]
"""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from freqjax import progress
from freqjax.config import sections as configs
from freqjax.config.axes import laws_of
from freqjax.config.sections import Config
from freqjax.processes import connection, exchange, identity
from freqjax.run.interrupts import Interrupted, Interrupts
from freqjax.run.workdir import Workdir
from freqjax.sweep import axes, checks, ending, halving, workers
from freqjax.sweep.axes import Bucket, Replica
from freqjax.sweep.lines import EpochLines, SweepProgress, training
from freqjax.sweep.logs import Replicas
from freqjax.sweep.saving import Opened, Saving
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
    said: dict[str, None] = {}  # each line once
    config = configs.with_fixed_rows(config, said.setdefault)
    members = axes.replicas(config, said.setdefault)
    halving.require(config, members)
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
                begun = exchange.from_lead(lambda: resume and (folder / "config.json").exists())
                notes = exchange.on_all(lambda: checks.check(buckets, say, begun=begun))
                notes += [*said, *workers.notes(client, buckets)]
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
        self._count = sum(len(b.replicas) for b in buckets)
        self._saving = Saving(config, folder, say)
        self._asked = 0

    def run(self, figures: bool) -> int | None:
        """Train every bucket and summarise; return the signal that interrupted it, or None."""
        programs = "program" if len(self._buckets) == 1 else "programs"
        self._say(
            f"{self._count} replicas in {len(self._buckets)} {programs}, on {len(jax.devices())} "
            f"{jax.devices()[0].platform} devices of {jax.process_count()} processes"
        )
        members = [replica for bucket in self._buckets for replica in bucket.replicas]
        self._rungs = halving.Rungs(self._config, members, self._folder)
        try:
            with training(self._buckets) as phase:
                self._progress = SweepProgress(self._buckets, phase)
                rows = self._train()
            if rows is None:
                return self._end_early()
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
            self._folder, self._buckets, rows, self._saving.spent, self._saving.origins,
            laws=laws_of(self._config), decisions=self._rungs.to_json(), figures=figures,
            page=self._config.train.page, say=self._say,
        )  # fmt: skip

    def _end_early(self) -> int:
        """Say that a signal ended the sweep, and return which."""
        self._say("interrupted: --resume goes on from here")
        signum = self._interrupts.signum if self._interrupts else None
        return signal.SIGTERM if signum is None else signum

    def _train(self) -> list[dict[str, Any]] | None:
        """Train all replicas, from rung to rung; return their results, or None if a signal arrived before."""
        found: list[dict[str, Any]] = []
        places, opened = range(len(self._buckets)), dict[int, Opened]()
        with contextlib.ExitStack() as stack:
            if self._rungs.epochs:
                opened = {place: self._open(place, stack) for place in places}
            for rung in self._rungs.epochs:
                if not all(self._advance_all(one, rung) for one in opened.values()):
                    return None
                self._halve(rung, list(opened.values()))
            for place in places:
                # No other reference is kept, so that a bucket that has ended gives up its arrays.
                results = self._finish(opened.pop(place, None) or self._open(place, stack))
                if results is None:
                    return None
                found += results
        return found

    def _open(self, place: int, stack: contextlib.ExitStack) -> Opened:
        """Open a bucket as its last checkpoint has it; `stack` closes what is not closed before."""
        bucket, closing = self._buckets[place], stack.enter_context(contextlib.ExitStack())
        store = exchange.on_all(lambda: self._saving.store(place))
        if store is not None:
            closing.enter_context(store)
        record = self._saving.read(store, bucket)
        if record is not None and record.results is not None:
            self._saving.read_rows(bucket, record)
            self._progress.note({}, [replica.index for replica in bucket.replicas])
            return Opened(place, bucket, store, None, record.results, closing)
        share = exchange.share_of(len(bucket.replicas))
        mine, resumed = bucket.replicas[share], record is not None
        with _acting(self._interrupts):
            replicas = exchange.on_all(
                lambda: _make_replicas(bucket, mine, self._client, resumed=resumed)
            )
        if record is not None:
            self._saving.restore(store, replicas, record, share)
        exchange.on_all(lambda: self._saving.cut_rows(bucket, record))
        return Opened(place, bucket, store, replicas, None, closing)

    def _finish(self, one: Opened) -> list[dict[str, Any]] | None:
        """Train a bucket to its end; return the results of its replicas, or None if it was interrupted."""
        with one.closing:
            if one.replicas is None:
                return one.results
            if not self._advance_all(one):
                return None
            try:
                with _acting(self._interrupts), progress.phase("evaluating"):
                    found = exchange.gather_lists(one.replicas.results())
            except Interrupted:
                self._saving.save(one)
                return None
            self._saving.save(one, found)
            return found

    def _advance_all(self, one: Opened, rung: float = math.inf) -> bool:
        """Train until every replica has stopped or is at a rung; return False if a signal arrived before."""
        replicas = one.replicas
        if replicas is None:
            return True
        names = names_of(assemble(one.bucket.replicas[0].config).task)
        lines = EpochLines(one.bucket, names.frozen, self._say, self._progress)
        saved_at = time.monotonic()
        has_begun = stop = False
        trains = self._note(one.bucket, replicas, rung)
        while trains and not stop:
            has_begun = True
            rows = self._advance(replicas, rung)
            trains = self._note(one.bucket, replicas, rung, rows or ())
            if rows is not None:
                self._log(rows, lines)
            due = rows is not None and time.monotonic() - saved_at > _SAVE_SECONDS
            stop = self._stop_asked()
            if exchange.from_lead(lambda: due or stop):  # noqa: B023
                self._saving.save(one)
                saved_at = time.monotonic()
        if has_begun and rung < math.inf and not stop:
            self._saving.save(one)
        return not stop

    def _halve(self, rung: int, opened: Sequence[Opened]) -> None:
        """Stop the replicas that do not go on from a rung that all have reached or ended before."""
        logs = [log for one in opened if one.replicas is not None for log in one.replicas.logs]
        known = len(self._rungs.decisions)
        decision = self._rungs.at(rung, logs)
        if len(self._rungs.decisions) > known:
            self._say(decision.words)
        stopped = set(decision.halved)
        for log in logs:
            if log.replica.index in stopped:
                log.halve()
        for one in opened:
            if one.replicas is not None:
                one.replicas.drop()
        self._progress.note({}, decision.halved)

    def _advance(self, replicas: Replicas, until: float) -> list[dict[str, Any]] | None:
        """Train for one chunk; at the end of an epoch return the rows of all processes."""
        began = time.perf_counter()
        rows = replicas.advance(until)
        self._saving.spent.training_seconds += time.perf_counter() - began
        return None if rows is None else exchange.gather_lists(rows)

    def _stop_asked(self) -> bool:
        if self._interrupts is not None:
            return self._interrupts.signum is not None
        # JAX stops all processes at a step number that none of them has reached: it must never repeat.
        self._asked += 1
        return exchange.stop_asked(self._asked)

    def _note(
        self,
        bucket: Bucket,
        replicas: Replicas,
        until: float,
        rows: Sequence[dict[str, Any]] = (),
    ) -> bool:
        """Take account of new rows and of what has stopped; return whether any is trained up to `until`."""
        own = [[log.is_active, log.is_before(until)] for log in replicas.logs]
        found = exchange.gather_lists(own)
        goes_on = zip(bucket.replicas, found, strict=True)
        done = [replica.index for replica, (is_active, _) in goes_on if not is_active]
        self._progress.note({row["replica"]: row["epoch"] for row in rows}, done)
        return any(is_before for _, is_before in found)

    def _log(self, rows: list[dict[str, Any]], lines: EpochLines) -> None:
        def write() -> None:
            for row in rows:
                if self._folder is not None:
                    self._folder.append_row(row)

        exchange.on_all(write)
        lines.show(rows)
