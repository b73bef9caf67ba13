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
import dataclasses
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax

from freqjax.checkpoints.store import CheckpointStore
from freqjax.config import sections as configs
from freqjax.config import validation
from freqjax.config.sections import Config, RunConfig
from freqjax.errors import UserError
from freqjax.run.interrupts import Interrupts
from freqjax.run.workdir import Workdir
from freqjax.sweep import admission, axes, best, processes, results
from freqjax.sweep.axes import Bucket
from freqjax.sweep.population import Population
from freqjax.sweep.progress import Progress
from freqjax.sweep.soloists import Soloists
from freqjax.sweep.story import Arrays, Story
from freqjax.system import devices, files
from freqjax.training.regimes import is_alone

Say = Callable[[str], None]
_Members = Population | Soloists

# A save takes all arrays off the devices: not more often than this, in seconds.
_SAVE_SECONDS = 10.0


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
    with contextlib.ExitStack() as stack:
        # With other processes a signal must stop all of them at once, which is the cluster's business.
        interrupts = stack.enter_context(Interrupts()) if jax.process_count() == 1 else None
        claimed: list[Workdir] = []

        def claim() -> None:
            claimed.append(stack.enter_context(Workdir(folder, resume=resume)))
            _refuse_other_sweep(config, claimed[0])
            # Where it runs is not part of what it is.
            alone = dataclasses.replace(config, run=RunConfig())
            claimed[0].write_json("config.json", configs.to_dict(alone))

        with _telling_of_losses():
            _refuse_other_processes(config)
            notes = processes.on_all(lambda: admission.check(buckets))
            processes.from_lead(claim)
            lead = processes.is_lead()
            say = say if lead else _silent
            for note in notes:
                say(note)
            return _Sweep(buckets, claimed[0] if lead else None, interrupts, say).run(figures)


def _silent(_: str) -> None:
    return None


@contextlib.contextmanager
def _telling_of_losses() -> Iterator[None]:
    """A process that does not answer any more ends this one too, with a sentence and exit code 2."""
    try:
        yield
    except processes.PeerLost as error:
        print(
            f"freqjax: a process of this sweep was lost ({error}): start all of them again with --resume.",
            file=sys.stderr,
            flush=True,
        )
        # Nothing is half-written. JAX would wait for the lost one now, and end with a stack trace.
        os._exit(2)


def _identity(config: Config) -> list[Any]:
    """What makes a sweep the same one; the order of its axes is that of its replicas."""
    alone = dataclasses.replace(config, run=RunConfig())
    values = configs.to_dict(alone)
    values.pop("modules", None)  # where modules are may differ from machine to machine
    return [values, list(config.sweep.axes)]


def _refuse_other_processes(config: Config) -> None:
    told = processes.gather(_identity(config))
    others = [n for n, found in enumerate(told) if found != told[0]]
    if others:
        raise UserError(
            f"process {others[0]} was started with another config than process 0: only run.* may differ."
        )


def _refuse_other_sweep(config: Config, folder: Workdir) -> None:
    saved = folder.read_json("config.json")
    if saved is None:
        return
    before = validation.from_dict(saved, "config.json")
    changed = [f for f in configs.differing_fields(config, before) if not f.startswith("run.")]
    if not changed and list(before.sweep.axes) != list(config.sweep.axes):
        changed = ["sweep.axes (their order)"]
    if changed:
        raise UserError(
            f"{', '.join(changed)} differ from the sweep's own: only run.* may change on a resume."
        )


@dataclasses.dataclass
class _Spent:
    """What a sweep has cost so far, over all its resumes.

    Attributes:
      wall_seconds: from its start or resume to now, with everything.
      training_seconds: in chunks of updates, their compilation with them.
      compilations: programs compiled by this process.
    """

    wall_seconds: float = 0.0
    training_seconds: float = 0.0
    compilations: int = 0


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
        self._spent, self._began = _Spent(), time.perf_counter()
        self._compiled_before = 0
        self._asked = 0

    def run(self, figures: bool) -> int | None:
        """Train every bucket and sum up; the signal that interrupted it, or None."""
        programs = "program" if len(self._buckets) == 1 else "programs"
        self._say(
            f"{self._count} replicas in {len(self._buckets)} {programs}, on {len(jax.devices())} "
            f"{jax.devices()[0].platform} devices of {jax.process_count()} processes"
        )
        rows: list[dict[str, Any]] = []
        for place, bucket in enumerate(self._buckets):
            found = self._train(place, bucket)
            if found is None:
                self._say("interrupted: --resume goes on from here")
                return self._interrupts.signum if self._interrupts else signal.SIGTERM
            rows += found
        rows.sort(key=lambda row: row["replica"])
        # The others stay until the lead is done: JAX does not let a process wait long at its exit.
        processes.from_lead(lambda: self._finish(rows, figures=figures))
        return None

    def _open(self, place: int) -> CheckpointStore | None:
        if self._folder is None:
            return None
        return CheckpointStore(self._folder.path / f"checkpoints/bucket-{place}", warn=self._say)

    def _train(self, place: int, bucket: Bucket) -> list[dict[str, Any]] | None:
        """The results of a bucket's replicas, None where it was interrupted."""
        with contextlib.ExitStack() as stack:
            store = processes.on_all(lambda: self._open(place))
            if store is not None:
                stack.enter_context(store)
            meta = processes.from_lead(lambda: store.last_meta() if store else None)
            if meta is not None:
                self._take_over(bucket, meta)
                if meta["results"] is not None:
                    return meta["results"]
            share = processes.share_of(len(bucket.replicas))
            # All replicas of a bucket are of one kind.
            kind = Soloists if is_alone(bucket.replicas[0].config) else Population
            population = processes.on_all(lambda: kind(bucket, bucket.replicas[share]))
            if meta is not None:
                self._restore(store, population, meta, share)
            self._cut_rows(bucket, [] if meta is None else meta["stories"])
            progress = Progress(bucket, self._say)
            saved_at = time.monotonic()
            while any(processes.gather_lists(population.active())):
                rows = self._advance(population)
                if rows is not None:
                    self._log(rows, progress)
                due = rows is not None and time.monotonic() - saved_at > _SAVE_SECONDS
                stop = self._stop_asked()
                if processes.from_lead(lambda: due or stop):  # noqa: B023
                    self._save(store, bucket, population, None)
                    saved_at = time.monotonic()
                if stop:
                    return None
            found = processes.gather_lists(population.results())
            self._save(store, bucket, population, found)
            self._compiled_before += population.compilations
            return found

    def _take_over(self, bucket: Bucket, meta: dict[str, Any]) -> None:
        """Go on from a bucket's last save, if its rows are still what they were."""

        def refuse_other_data() -> None:
            for path, digest in admission.data_hashes(bucket.replicas).items():
                if meta["data_hashes"].get(path) != digest:
                    raise UserError(
                        f"{path}: the file is not the one the sweep was trained on (its SHA-256 "
                        "differs); a resume needs the same data."
                    )

        processes.on_all(refuse_other_data)
        # The newest of the buckets' saves has the largest numbers.
        self._spent = max(
            self._spent, _Spent(**meta["spent"]), key=lambda spent: spent.wall_seconds
        )

    def _advance(self, population: _Members) -> list[dict[str, Any]] | None:
        """One chunk; at the end of an epoch the rows of all processes."""
        began = time.perf_counter()
        rows = population.advance()
        self._spent.training_seconds += time.perf_counter() - began
        return None if rows is None else processes.gather_lists(rows)

    def _stop_asked(self) -> bool:
        if self._interrupts is not None:
            return self._interrupts.signum is not None
        # JAX stops all processes at a number that none of them has asked with: it must never repeat.
        self._asked += 1
        return processes.stop_asked(self._asked)

    def _log(self, rows: list[dict[str, Any]], progress: Progress) -> None:
        def write() -> None:
            for row in rows:
                if self._folder is not None:
                    self._folder.append_row(row)

        processes.on_all(write)
        progress.show(rows)

    def _cut_rows(self, bucket: Bucket, stories: list[dict[str, Any]]) -> None:
        """Drop the rows of what was trained after the save that holds `stories`."""
        if self._folder is not None:
            epochs = {replica.index: 0 for replica in bucket.replicas}
            epochs |= {story["index"]: story["epoch"] for story in stories}
            self._folder.cut_rows(lambda row: row["epoch"] <= epochs.get(row["replica"], math.inf))

    def _save(
        self,
        store: CheckpointStore | None,
        bucket: Bucket,
        population: _Members,
        found: list[Any] | None,
    ) -> None:
        """Save the arrays and stories of all replicas, and their results where they are done."""
        state, best = processes.gather_arrays(population.arrays())
        stories = processes.gather_lists([s.to_json() for s in population.stories])
        now = time.perf_counter()
        self._spent.wall_seconds, self._began = self._spent.wall_seconds + now - self._began, now
        self._spent.compilations = self._compiled_before + population.compilations
        meta = {
            "stories": stories,
            "progress": population.progress(),
            "results": found,
            "spent": dataclasses.asdict(self._spent),
            "data_hashes": admission.data_hashes(bucket.replicas),
        }

        def save() -> None:
            if store is not None:
                # Not an update's number: a replica may have stopped long before another.
                step = (store.steps() or [0])[-1] + 1
                store.save(step, best, state, meta, metric=math.inf)

        processes.on_all(save)

    def _restore(
        self,
        store: CheckpointStore | None,
        population: _Members,
        meta: dict[str, Any],
        share: slice,
    ) -> None:
        state, best = processes.gather_arrays(population.arrays())
        restored = processes.on_all(lambda: store.restore_last(best, state) if store else None)
        if restored is not None:
            assert restored.training is not None
            state, best = restored.training, restored.params
        arrays = processes.arrays_from_lead(Arrays(state, best))
        mine = jax.tree.map(lambda a: jax.device_get(a)[share], arrays)
        stories = [Story.of_json(values) for values in meta["stories"][share]]
        population.restore(mine, stories, meta["progress"])
        self._say(f"resumed after epoch {population.epoch}")

    def _finish(self, rows: list[dict[str, Any]], *, figures: bool) -> None:
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
        files.write_text(folder.path / "sweep.csv", results.to_csv(rows))
        folder.write_json(
            "summary.json",
            {
                "replicas": len(rows),
                "programs": len(self._buckets),
                "updates": sum(row["updates"] for row in rows),
                **dataclasses.asdict(self._spent),
                "processes": jax.process_count(),
                "devices": len(jax.devices()),
                "device": devices.describe(),
                "versions": devices.versions(),
            },
        )
        if figures:
            from freqjax.sweep.figure import sweep  # matplotlib takes most of a second to import

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
