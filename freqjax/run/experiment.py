"""A run from its start to its summary: lock the folder, start or resume, train, save, stop, summarise.

All files of a run are written from here and from `freqjax.run.ending`, which sums it up. Trainers compute
(`freqjax.training.trainers`), and `freqjax.training.epochs` ends an epoch.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from freqjax import progress
from freqjax.checkpoints import beginnings, manifests
from freqjax.checkpoints.reading import Described
from freqjax.checkpoints.records import Origin, Record, ReplicaRecord, Spent, data_hashes
from freqjax.checkpoints.store import CheckpointStore, Restored
from freqjax.config import sections as configs
from freqjax.config import validation
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.figures import processes
from freqjax.networks.network import Params
from freqjax.page import snapshots
from freqjax.page import writing as page
from freqjax.processes import connection, exchange
from freqjax.report import documents
from freqjax.run import ending, resuming, sharing
from freqjax.run.beside import Beside
from freqjax.run.ending import Outcome
from freqjax.run.interrupts import Interrupted, Interrupts
from freqjax.run.lines import EpochLines
from freqjax.run.workdir import Workdir
from freqjax.system import devices
from freqjax.tasks import windows
from freqjax.tasks.predicting import require_judged
from freqjax.text import printable
from freqjax.training import epochs, footprint
from freqjax.training.epochs import EpochResult
from freqjax.training.gradients import engines
from freqjax.training.placement import placed
from freqjax.training.prepared import Prepared
from freqjax.training.regimes import make_trainer, require_trainable
from freqjax.training.stopping import Stopping
from freqjax.training.trainers import StreamTrainer, Trainer

Say = Callable[[str], None]
OnRow = Callable[[dict[str, Any]], None]

# Besides the best and the requested ones, a checkpoint is saved after this many seconds.
_SAVE_SECONDS = 5.0
# What a run has written at an earlier end, beside its summary: beside a later one it would be of another run.
_OF_AN_END = ("diagnosis.json", *documents.NAMES, page.NAME)
# Bytes of a checkpoint up to which it is written beside training, for which it is copied.
_COPIED = 2**28


def run(
    config: Config, workdir: Path, *, resume: bool, say: Say, on_row: OnRow | None = None
) -> Outcome:
    """Make one run in the folder `workdir`, without the further runs of `train.escalate`.

    Args:
      config: validated again before anything is written.
      workdir: absent or empty unless `resume`.
      resume: whether to continue the run in `workdir`.
      say: called with each line of progress.
      on_row: called with each row of metrics.jsonl once it is written.

    Raises:
      UserError: bad config, data or folder; one sentence.
      Interrupted: a signal came before anything was written.
    """
    if config.run.scheduler:
        raise UserError(
            f"run.scheduler is {config.run.scheduler}: it must be empty where there is no sweep."
        )
    devices.select(None)
    if config.run.cpu_devices is not None:
        devices.use_cpu_cores(config.run.cpu_devices)
    if not config.run.coordinator:  # processes have to meet before JAX runs
        devices.require()
    said: list[str] = []
    config = configs.with_fixed_rows(validation.validate_training(config), said.append)
    sharing.require_possible(config)
    connection.connect(config.run)
    devices.require()
    begun = resume and bool(manifests.steps(workdir / "checkpoints"))
    with connection.together("run"), Interrupts() as interrupts, placed(config, say):
        if not exchange.is_lead():
            return sharing.follow(config, interrupts)
        for line in said:
            say(line)
        lead = sharing.Lead(interrupts)
        # Data are read and checked first, so that a folder is created only for a valid run.
        with lead.reading(), progress.phase("reading the data"):
            experiment = sharing.prepare(lambda: Experiment(config, say, on_row, begun=begun))
        sharing.require_agreement(experiment.prepared)

        def work() -> Outcome:
            with (
                Workdir(workdir, resume=resume) as folder,
                CheckpointStore(folder.path / "checkpoints", warn=say) as store,
                processes.drawing(),
            ):
                return experiment.run(folder, store, lead)

        return lead.lead(work)


class Experiment:
    """A run, from a valid config to its summary.

    Attributes:
      config: of the run.
      prepared: its task, rows and network.
    """

    def __init__(
        self, config: Config, say: Say, on_row: OnRow | None = None, *, begun: bool = False
    ) -> None:
        """Read and check all data; nothing is written.

        `on_row` is called with each row of metrics.jsonl once it is written. A run that has already `begun`
        has its initial weights in its own folder.
        """
        self.config, self._say, self._on_row = config, say, on_row
        self.prepared = prepared = Prepared(config)
        require_judged(prepared.task)
        footprint.require(prepared)
        self._beginning = None if begun else beginnings.begin(prepared, say)
        self._task, self._network = prepared.task, prepared.network
        require_trainable(self._network, self._task, config, self._initial_params)
        if config.train.regime == "windows":
            windows.require_a_batch(config.windows, *prepared.train_rows.inputs.shape[:2])
        self._hashes = data_hashes([config])
        self._engine = engines.choose(self._network, self._task, config)
        self._stopping = Stopping()
        self._best_epoch: int | None = None
        self._elapsed, self._began = 0.0, time.perf_counter()
        self._saved_at = -math.inf
        self._rows: list[dict[str, Any]] = []
        self._snapshots: snapshots.Recorder | None = None
        self._beside: Beside | None = None

    def run(self, folder: Workdir, store: CheckpointStore, lead: sharing.Lead) -> Outcome:
        """Start or resume in `folder`, train until a rule or a signal stops it, and summarise."""
        self._began, interrupts = time.perf_counter(), lead.interrupts
        saved = resuming.read(folder, store)
        changed = [] if saved is None else resuming.refuse_other_changes(self.config, saved.config)
        if saved is not None and not changed:
            finished = resuming.finished(folder, saved, self._say)
            if finished is not None:
                return Outcome(finished)
        with progress.phase("setting up"):
            if self._beginning is None:  # a filter keeps some of its values
                self._beginning = beginnings.begun(self.prepared, folder.path, self._say)
            trainer = self._start(folder, store)
        if self.config.train.page and page.is_possible():
            self._snapshots = snapshots.Recorder(self.prepared, folder.path, trainer.epoch)
        folder.write_json("config.json", configs.to_dict(resuming.kept(self.config)))
        for name in ("summary.json", *_OF_AN_END):  # the run continues beyond its earlier end
            folder.remove(name)
        self._keep_beginning(store, trainer)
        if self.prepared.task.note:
            self._say(self.prepared.task.note)
        if self._engine.note is not None:
            self._say(self._engine.note)
        if isinstance(trainer, StreamTrainer) and trainer.note is not None:
            self._say(trainer.note)
        reason = self._stopping.reason
        if reason is None and trainer.epoch >= self.config.train.epochs:
            reason = "epochs_done"
        if reason is None and interrupts.signum is None:
            self._say("compiling …")
            reason = self._train(folder, store, trainer, lead)
        self._count_time()
        if reason is None:
            reason = "interrupted"
            self._say(f"signal {interrupts.signum}: saving")
        if reason != "non_finite" and trainer.step not in store.steps():
            self._save(store, trainer, metric=math.inf)
        if reason == "interrupted":
            values = ending.end_early(self._ended(folder, trainer), self._say)
            return Outcome(values, interrupts.signum)
        ended = self._ended(folder, trainer)
        try:
            # Everything is saved: from here on a signal need not wait for the end of anything.
            with interrupts.acting():
                best = functools.partial(self._best, store, trainer)
                return Outcome(ending.sum_up(ended, best, reason, self._say))
        except Interrupted as interrupted:
            return Outcome(ending.end_early(ended, self._say), interrupted.signum)

    def _train(
        self,
        folder: Workdir,
        store: CheckpointStore,
        trainer: Trainer,
        lead: sharing.Lead,
    ) -> str | None:
        """Train until a rule stops it, and return which; None if a signal came."""
        longest = self.config.curriculum.longest_horizon
        lines, reason = EpochLines(self._task, self.config.train.epochs, self._say, longest), None
        with Beside() as self._beside, lines.training(trainer.epoch):
            while lead.interrupts.signum is None:
                result = lead.advance(trainer)
                if result is None:
                    lines.advance(trainer.epoch + trainer.share)
                    continue
                self._count_time()
                if not self._rows:  # all is compiled by now
                    ending.load_ahead(self.config)
                reason = self._end_epoch(folder, store, trainer, result, lines)
                if reason is not None:
                    break
        self._beside = None
        return reason

    def _count_time(self) -> None:
        """Add the time since the last call."""
        now = time.perf_counter()
        self._elapsed, self._began = self._elapsed + now - self._began, now

    def _keep_beginning(self, store: CheckpointStore, trainer: Trainer) -> None:
        """Save the initial weights as step 0 if a run begins with those of another checkpoint."""
        origin = self._origin
        if origin is not None and not store.steps():
            self._say(f"begins with the weights of {printable(origin.path)}, update {origin.step}")
            self._save(store, trainer, metric=math.inf, keep=True)

    @property
    def _initial_params(self) -> Params:
        """Initial weights of the run; None before they were found."""
        return None if self._beginning is None else self._beginning.params

    @property
    def _origin(self) -> Origin | None:
        return None if self._beginning is None else self._beginning.origin

    def _start(self, folder: Workdir, store: CheckpointStore) -> Trainer:
        """Return the trainer, restored if there is a checkpoint."""
        trainer = self._make_trainer(self.config)

        def templates_of(found: Described) -> dict[str, Any]:
            # Arrays of another optimiser have another structure; each step has its own config.
            config = resuming.config_of(found.meta)
            changed = configs.differing_fields(self.config, config)
            same = not any(field.startswith("optimizer.") for field in changed)
            template = trainer if same else self._make_trainer(config)
            return {"params": template.params, "training": template.device_state()}

        restored = store.restore_last_described(templates_of)
        done = 0
        if restored is not None:
            record = Record.from_json(restored.meta, "the checkpoint")
            self._restore(trainer, restored, record)
            store.discard_after(restored.step)
            done = record.replicas[0].epoch
        self._rows = folder.cut_rows({None: done}, self._say)
        return trainer

    def _make_trainer(self, config: Config) -> Trainer:
        prepared, params = self.prepared, self._initial_params
        rows, forward = prepared.train_rows, prepared.forward
        return make_trainer(self._network, self._task, config, rows, forward, params)

    def _restore(self, trainer: Trainer, restored: Restored, record: Record) -> None:
        """Go on from a checkpoint."""
        (replica,) = record.replicas
        changed = resuming.changes_of(self.config, restored.meta, record)
        trainer.restore(restored.params, restored.training, replica.trainer)
        self._stopping, self._best_epoch = replica.stopping, replica.best_epoch
        if changed:
            self._stopping.reason = None  # the changed fields may allow it to continue
        self._elapsed = record.spent.wall_seconds
        self._say(f"resumed at update {restored.step}, epoch {replica.epoch}")
        if any(field.startswith("optimizer.") for field in changed):
            # Patience starts over, since the new optimiser may improve the loss.
            self._stopping = Stopping(best_frozen=self._stopping.best_frozen)
            self._say(f"{', '.join(changed)} changed: {trainer.refresh_optimizer()}")

    def _end_epoch(
        self,
        folder: Workdir,
        store: CheckpointStore,
        trainer: Trainer,
        result: EpochResult,
        lines: EpochLines,
    ) -> str | None:
        """Evaluate, log and save an epoch; return the reason to stop, if there is one."""
        train, epoch = self.config.train, trainer.epoch
        due = epochs.is_due(train, epoch)
        frozen = self.prepared.losses_after(result, trainer.params) if due else None
        memory = devices.peak_memory_mb()
        end = epochs.end_epoch(
            train, self._task.columns, result, frozen, self._stopping, memory_mb=memory
        )
        folder.append_row(end.row)
        self._rows.append(end.row)
        if self._on_row is not None:
            self._on_row(dict(end.row))
        if self._snapshots is not None and end.reason != "non_finite":
            self._snapshots.after(epoch, trainer.params, self._write)
        lines.show(end.row, last=end.reason is not None)
        if end.best:
            self._best_epoch = epoch
        keep = bool(train.checkpoint_every) and epoch % train.checkpoint_every == 0
        late = time.monotonic() - self._saved_at > _SAVE_SECONDS
        if end.reason != "non_finite" and (end.best or keep or late or end.reason is not None):
            metric = math.inf if end.frozen is None else end.frozen
            self._save(store, trainer, metric=metric, keep=keep)
        return end.reason

    def _save(
        self, store: CheckpointStore, trainer: Trainer, *, metric: float, keep: bool = False
    ) -> None:
        state, stopping = trainer.host_state(), self._stopping
        replica = ReplicaRecord(0, state, stopping, self._best_epoch, self._origin)
        record = Record(
            config=configs.to_dict(resuming.kept(self.config)),
            replicas=[replica],
            spent=Spent(wall_seconds=self._elapsed),
            data_hashes=self._hashes,
        )
        arrays = trainer.params, trainer.device_state()
        small = sum(leaf.nbytes for leaf in jax.tree.leaves(arrays)) <= _COPIED
        saving = store.saving(
            trainer.step, *arrays, record.to_json(), metric=metric, keep=keep, apart=small
        )
        self._write(saving)
        if not small and self._beside is not None:
            self._beside.wait()
        self._saved_at = time.monotonic()

    def _write(self, writing: Callable[[], None]) -> None:
        """Write what an epoch leaves: beside the next one while training goes on, else now."""
        if self._beside is None:
            writing()
        else:
            self._beside.do(writing)

    def _ended(self, folder: Workdir, trainer: Trainer) -> ending.Trained:
        return ending.Trained(
            config=self.config,
            folder=folder,
            prepared=self.prepared,
            trainer=trainer,
            initial_params=self._initial_params,
            origin=self._origin,
            rows=self._rows,
            seconds=self._elapsed,
        )

    def _best(self, store: CheckpointStore, trainer: Trainer) -> Params | None:
        """Return the best weights; None if none were evaluated yet."""
        if self._stopping.best_frozen is None:
            return None
        best = store.restore_best(trainer.params)
        return None if best is None else best.params
