"""End of an epoch: sums over its updates, then the evaluation of the frozen weights.

It is the same for a run, for a replica that shares a program with others, and for a serial replica:

    UpdateLog.end_epoch   sums, alerts and learning-rate plateau of the epoch's updates → EpochResult
    is_due                whether the frozen weights are evaluated after it
    end_epoch             the row of metrics, the best weights so far, the stopping rules → EpochEnd

Axes: G groups, P parameter arrays.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from freqjax.config.sections import OptimizerConfig, TrainConfig
from freqjax.tasks import Task
from freqjax.tasks.columns import Columns
from freqjax.training import monitors
from freqjax.training.chunks import ChunkInfo
from freqjax.training.frozen import FrozenLosses
from freqjax.training.monitors import Totals, finite_or_null
from freqjax.training.optimizers import Plateau
from freqjax.training.stopping import Stopping

# Number of epochs whose losses are stored, for alerts.
_LOSSES_KEPT = 20


class EpochResult(NamedTuple):
    """Result of an epoch's updates.

    Attributes:
      row: the entries of metrics.jsonl that training computes.
      loss: the training loss, which may not be finite.
      alerts: sentences on unusual losses and gradients.
      judged: [G] frozen losses by which the trainer itself chose its weights, None where a group has none
        yet; None if the trainer does not choose.
    """

    row: dict[str, Any]
    loss: float
    alerts: list[str]
    judged: list[float | None] | None = None


class EpochEnd(NamedTuple):
    """Epoch that has ended.

    Attributes:
      row: the complete row of metrics.jsonl.
      frozen: loss of the frozen weights; None if they were not evaluated.
      best: whether they are the best so far.
      reason: why training stops; None if it continues.
    """

    row: dict[str, Any]
    frozen: float | None
    best: bool
    reason: str | None


@dataclass
class UpdateLog:
    """Log of the updates so far on the host; saved with every checkpoint.

    Attributes:
      plateau: rules and state of the schedule plateau.
      epoch, step: completed epochs and updates.
      totals: sums over the epoch so far.
      losses: losses of the last epochs, oldest first.
      bad_step: the first update whose loss or gradient was not finite.
    """

    plateau: Plateau
    epoch: int = 0
    step: int = 0
    totals: Totals = dataclasses.field(default_factory=Totals)
    losses: list[float] = dataclasses.field(default_factory=list)
    bad_step: int | None = None

    @staticmethod
    def begin(config: OptimizerConfig) -> UpdateLog:
        """Return the log before the first update."""
        rules = config.plateau_factor, config.plateau_patience, config.plateau_min_delta
        return UpdateLog(Plateau(*rules))

    def add(self, info: ChunkInfo, updates: int, seconds: float) -> None:
        """Add a chunk of `updates` updates that took `seconds`."""
        self.totals.add(info, self.step + 1, updates, seconds)
        self.step += updates
        if self.bad_step is None:
            self.bad_step = self.totals.bad_step

    def end_epoch(self, task: Task, config: OptimizerConfig, layers: Sequence[str]) -> EpochResult:
        """Summarise the epoch and begin the next; `layers` are the names of the P parameter arrays.

        The entry `pretraining` of the row is the number of its updates that learned no target: the losses of
        these are those of outputs that are none of the network's.
        """
        totals, self.totals = self.totals, Totals()
        self.epoch += 1
        row = totals.row(self.epoch, self.step, task.group_label, layers)
        pretraining = min(totals.updates, totals.updates + task.pretraining - self.step)
        if pretraining > 0:
            row["pretraining"] = pretraining
        alerts = monitors.alerts(totals, self.step, layers, self.losses)
        self.losses = [*self.losses, totals.loss][-_LOSSES_KEPT:]
        if config.schedule == "plateau":
            self.plateau.observe(totals.loss)
        return EpochResult(row, totals.loss, alerts)

    def forget_plateau(self) -> None:
        """Restart the schedule plateau."""
        self.plateau = Plateau(self.plateau.factor, self.plateau.patience, self.plateau.min_delta)

    def to_json(self) -> dict[str, Any]:
        """Return the log as a JSON-serialisable dictionary."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(values: dict[str, Any], config: OptimizerConfig) -> UpdateLog:
        """Restore the log from the result of `to_json`; the rules of the plateau are those of `config`."""
        log = UpdateLog.begin(config)
        memory = {name: values["plateau"][name] for name in ("scale", "best", "waited")}
        return dataclasses.replace(
            log,
            plateau=dataclasses.replace(log.plateau, **memory),
            epoch=values["epoch"],
            step=values["step"],
            totals=Totals(**values["totals"]),
            losses=values["losses"],
            bad_step=values.get("bad_step"),
        )


def is_due(config: TrainConfig, epoch: int) -> bool:
    """Return whether the frozen weights are evaluated after `epoch`."""
    every = config.evaluate_every
    return bool(every) and (epoch % every == 0 or epoch >= config.epochs)


def end_epoch(
    config: TrainConfig,
    columns: Columns,
    result: EpochResult,
    frozen: FrozenLosses | None,
    stopping: Stopping,
    **measured: Any,
) -> EpochEnd:
    """Complete the row of an epoch and apply the stopping rules.

    Args:
      config: the rules.
      columns: names of the task's columns.
      result: result of the epoch's updates.
      frozen: losses of the frozen weights; None if they were not evaluated.
      stopping: state of the rules, which is updated.
      measured: further entries of the row.
    """
    mean, worst, groups = (None, None, None) if frozen is None else frozen
    row = {
        **result.row,
        columns.frozen: mean,
        columns.frozen_per_group: groups,
        **measured,
        "alerts": result.alerts,
    }
    reason = stopping.observe(config, result.row["epoch"], result.loss, mean, worst)
    best = mean is not None and stopping.is_best(mean)
    return EpochEnd(finite_or_null(row), mean, best, reason)
