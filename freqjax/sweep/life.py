"""A sweep's life: claim the folder, train bucket after bucket, save, resume, sum up.

The lead process alone touches files. What it leaves in the folder:

    config.json, metrics.jsonl        as a run does; a row a replica and epoch
    checkpoints/bucket-<n>/           the state of all replicas of a bucket
    best/                             the best replica as a run's folder: --checkpoint takes it
    sweep.json, sweep.csv             a row a replica, and means with intervals: see `freqjax.sweep.results`
    summary.json                      how long it took, on what
    figures/sweep.png
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax

from freqjax import config as configs
from freqjax import devices, validation, workdir
from freqjax.checkpoints import CheckpointStore
from freqjax.config import Config
from freqjax.errors import UserError
from freqjax.interrupts import Interrupts
from freqjax.progress import duration, number
from freqjax.regimes import goes_alone
from freqjax.sweep import axes, best, processes, results
from freqjax.sweep.axes import Bucket
from freqjax.sweep.population import Population
from freqjax.sweep.soloists import Soloists
from freqjax.sweep.story import Arrays, Story
from freqjax.workdir import Workdir

Say = Callable[[str], None]
_Members = Population | Soloists

# A save takes all arrays off the devices: not more often than this, in seconds.
_SAVE_SECONDS = 10.0
# Epochs quicker than this share a line.
_LINE_SECONDS = 0.5


def run(config: Config, folder: Path, *, resume: bool, figures: bool, say: Say) -> int | None:
    """Run the sweep of `config` in `folder`, alone or with the other processes of `config.run`.

    Args:
      config: validated again before anything is written.
      folder: absent or empty unless `resume`; the lead's.
      resume: go on with the sweep in `folder`.
      figures: whether to draw.
      say: takes each line of progress, on the lead.

    Returns:
      The signal that interrupted it, or None.

    Raises:
      UserError: bad config, data or folder; one sentence.
    """
    members = axes.replicas(config)
    buckets = axes.buckets(members, config.sweep.widest_padding)
    devices.use_cpu_cores(config.run.cpu_devices)
    processes.connect(config.run)
    lead = processes.is_lead()
    with contextlib.ExitStack() as stack:
        # With other processes a signal must stop all of them at once, which is the cluster's business.
        interrupts = stack.enter_context(Interrupts()) if jax.process_count() == 1 else None
        claimed: list[Workdir] = []

        def claim() -> None:
            claimed.append(stack.enter_context(Workdir(folder, resume=resume)))
            _refuse_other_sweep(config, claimed[0])
            claimed[0].write_json("config.json", configs.to_dict(config))

        with _telling_of_losses():
            processes.from_lead(claim)
            sweep = _Sweep(
                buckets, claimed[0] if lead else None, interrupts, say if lead else _silent
            )
            return sweep.run(figures=figures)


def _silent(_: str) -> None:
    return None


@contextlib.contextmanager
def _telling_of_losses() -> Iterator[None]:
    """A process that does not answer any more ends this one too, with a sentence and exit code 2."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1:
            raise
        reason = str(error).partition("\n")[0].rstrip(".")
        print(
            f"freqjax: a process of this sweep was lost ({reason}): start all of them again with --resume.",
            file=sys.stderr,
            flush=True,
        )
        # Nothing is half-written. JAX would wait for the lost one now, and end with a stack trace.
        os._exit(2)


def _refuse_other_sweep(config: Config, folder: Workdir) -> None:
    saved = folder.read_json("config.json")
    if saved is None:
        return
    before = validation.from_dict(saved, "config.json")
    changed = [f for f in configs.differing_fields(config, before) if not f.startswith("run.")]
    if changed:
        raise UserError(
            f"{', '.join(changed)} differ from the sweep's own: only run.* may change on a resume."
        )


class _Sweep:
    """The sweep as one process sees it; `folder` is None where it is not the lead."""

    def __init__(
        self,
        buckets: list[Bucket],
        folder: Workdir | None,
        interrupts: Interrupts | None,
        say: Say,
    ) -> None:
        self._buckets, self._folder = buckets, folder
        self._interrupts, self._say = interrupts, say
        self._count = sum(len(b.replicas) for b in buckets)
        self._updates = 0
        self._training_seconds = 0.0

    def run(self, *, figures: bool) -> int | None:
        began = time.perf_counter()
        self._say(
            f"{self._count} replicas in {len(self._buckets)} "
            f"{'program' if len(self._buckets) == 1 else 'programs'}, on {len(jax.devices())} "
            f"{jax.devices()[0].platform} devices of {jax.process_count()} processes"
        )
        rows: list[dict[str, Any]] = []
        compilations = 0
        for place, bucket in enumerate(self._buckets):
            found, compiled = self._train(place, bucket)
            compilations += compiled
            if found is None:
                self._say("interrupted: --resume goes on from here")
                return self._interrupts.signum if self._interrupts else 15
            rows += found
        if self._folder is not None:
            rows.sort(key=lambda row: row["replica"])
            self._finish(rows, figures, compilations, time.perf_counter() - began)
        return None

    def _train(self, place: int, bucket: Bucket) -> tuple[list[dict[str, Any]] | None, int]:
        """The results of a bucket's replicas, None where it was interrupted; and what was compiled."""
        with contextlib.ExitStack() as stack:
            store = None
            if self._folder is not None:
                store = stack.enter_context(
                    CheckpointStore(
                        self._folder.path / f"checkpoints/bucket-{place}", warn=self._say
                    )
                )
            meta = processes.from_lead(lambda: store.last_meta() if store else None)
            if meta is not None and meta["results"] is not None:
                return meta["results"], 0
            share = processes.share_of(len(bucket.replicas))
            # All replicas of a bucket are of one kind.
            one_by_one = goes_alone(bucket.replicas[0].config)
            kind = Soloists if one_by_one else Population
            population = kind(bucket, bucket.replicas[share])
            if meta is not None:
                self._restore(store, population, meta, share)
            self._cut_rows(bucket, [] if meta is None else meta["stories"])
            progress = _Progress(bucket, self._say)
            saved_at = time.monotonic()
            while any(processes.gather_lists(population.active())):
                rows = self._advance(population)
                if rows is not None:
                    self._log(rows, progress)
                due = rows is not None and time.monotonic() - saved_at > _SAVE_SECONDS
                stop = self._stop_asked(population.epoch)
                if processes.from_lead(lambda: due or stop):  # noqa: B023
                    self._save(store, population, None)
                    saved_at = time.monotonic()
                if stop:
                    return None, population.compilations
            found = processes.gather_lists(population.results())
            self._save(store, population, found)
            return found, population.compilations

    def _advance(self, population: _Members) -> list[dict[str, Any]] | None:
        """One chunk; at the end of an epoch the rows of all processes."""
        began = time.perf_counter()
        rows = population.advance()
        self._training_seconds += time.perf_counter() - began
        return None if rows is None else processes.gather_lists(rows)

    def _stop_asked(self, epoch: int) -> bool:
        if self._interrupts is not None:
            return self._interrupts.signum is not None
        return processes.stop_asked(epoch)

    def _log(self, rows: list[dict[str, Any]], progress: _Progress) -> None:
        if self._folder is not None:
            for row in rows:
                self._folder.append_row(row)
        progress.show(rows)

    def _cut_rows(self, bucket: Bucket, stories: list[dict[str, Any]]) -> None:
        """Drop the rows of what was trained after the save that holds `stories`."""
        if self._folder is not None:
            epochs = {replica.index: 0 for replica in bucket.replicas}
            epochs |= {story["index"]: story["epoch"] for story in stories}
            self._folder.cut_rows(lambda row: row["epoch"] <= epochs.get(row["replica"], math.inf))

    def _save(
        self, store: CheckpointStore | None, population: _Members, found: list[Any] | None
    ) -> None:
        """Save the arrays and stories of all replicas, and their results where they are done."""
        state, best = processes.gather_arrays(population.arrays())
        stories = processes.gather_lists([s.to_json() for s in population.stories])
        if store is None:
            return
        progress = population.progress()
        # Not an update's number: a replica may have stopped long before another.
        step = (store.steps() or [0])[-1] + 1
        meta = {"stories": stories, "progress": progress, "results": found}
        store.save(step, best, state, meta, metric=math.inf)

    def _restore(
        self,
        store: CheckpointStore | None,
        population: _Members,
        meta: dict[str, Any],
        share: slice,
    ) -> None:
        state, best = processes.gather_arrays(population.arrays())
        if store is not None:
            restored = store.restore_last(best, state)
            assert restored is not None and restored.training is not None
            state, best = restored.training, restored.params
        arrays = processes.arrays_from_lead(Arrays(state, best))
        mine = jax.tree.map(lambda a: jax.device_get(a)[share], arrays)
        stories = [Story.of_json(values) for values in meta["stories"][share]]
        population.restore(mine, stories, meta["progress"])
        self._say(f"resumed after epoch {population.epoch}")

    def _finish(
        self, rows: list[dict[str, Any]], figures: bool, compilations: int, seconds: float
    ) -> None:
        """Write what the sweep found; the lead's."""
        assert self._folder is not None
        folder = self._folder
        names = list(self._buckets[0].replicas[0].values)
        aggregates = results.aggregate(rows, names)
        chosen = results.best_replica(rows)
        if chosen is not None:
            self._export(chosen, folder.path)
        found = {"axes": names, "best_replica": chosen, "rows": rows, "aggregates": aggregates}
        folder.write_json("sweep.json", found)
        workdir.write_text(folder.path / "sweep.csv", results.to_csv(rows))
        updates = sum(row["updates"] for row in rows)
        folder.write_json(
            "summary.json",
            {
                "replicas": len(rows),
                "programs": len(self._buckets),
                "compilations": compilations,
                "updates": updates,
                "wall_seconds": seconds,
                "training_seconds": self._training_seconds,
                "processes": jax.process_count(),
                "devices": len(jax.devices()),
                "device": devices.describe(),
                "versions": devices.versions(),
            },
        )
        if figures:
            from freqjax.figures.sweep import sweep  # matplotlib takes most of a second to import

            sweep(rows, aggregates, names, folder.path / "figures")
        self._say("\n".join(["", *results.text(rows, aggregates), f"everything: {folder.path}"]))

    def _export(self, index: int, folder: Path) -> None:
        """Write the best replica's weights to best/, a folder that --checkpoint takes."""
        place, bucket = next(
            (n, b)
            for n, b in enumerate(self._buckets)
            if any(replica.index == index for replica in b.replicas)
        )
        source = folder / f"checkpoints/bucket-{place}"
        best.export(bucket, index, source, folder / "best", warn=self._say)


class _Progress:
    """One line an epoch, or every half second: how the replicas stand, and the time left."""

    def __init__(self, bucket: Bucket, say: Say) -> None:
        self._epochs = max(replica.config.train.epochs for replica in bucket.replicas)
        self._count, self._say = len(bucket.replicas), say
        self._first: tuple[int, float] | None = None
        self._shown = -math.inf

    def show(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        epoch, now = rows[0]["epoch"], time.monotonic()
        alarms = [
            f"  replica {row['replica']}: {alert}"
            for row in rows
            for alert in row["alerts"]
            if alert.startswith("non-finite loss")
        ]
        quick = now - self._shown < _LINE_SECONDS and epoch < self._epochs
        if not quick or alarms:
            self._say(f"{self._line(rows, epoch)}{self._left(epoch, now)}")
            self._shown = now
        for alarm in alarms:
            self._say(alarm)

    def _line(self, rows: list[dict[str, Any]], epoch: int) -> str:
        line = f"epoch {epoch}/{self._epochs}  {len(rows)} of {self._count} replicas"
        for key, name in (("loss", "loss"), ("frozen_mse", "frozen")):
            values = sorted(row[key] for row in rows if row[key] is not None)
            if values:
                ends = (values[0], values[len(values) // 2], values[-1])
                line += f"  {name} {' / '.join(map(number, ends))}"
        return line

    def _left(self, epoch: int, now: float) -> str:
        """What is left by the epochs since the first one, which had to compile."""
        if self._first is None:
            self._first = (epoch, now)
            return "  (lowest / middle / highest)"
        done, began = epoch - self._first[0], self._first[1]
        left = (now - began) / max(done, 1) * (self._epochs - epoch)
        return f"  {duration(left)} left at most"
