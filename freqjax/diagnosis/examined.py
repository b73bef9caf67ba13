"""The run that is examined: its config, what it recorded, and what its examination may cost.

Axes: G groups.
"""

from __future__ import annotations

import copy
import functools
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from freqjax.config import overrides, validation
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.networks import GivesPeaks, GivesRotors, Network
from freqjax.networks.arrays import EitherArray
from freqjax.networks.network import Params
from freqjax.tasks import Sequences, Task
from freqjax.tasks.evaluation import Evaluation
from freqjax.tasks.examination import GOAL_SHARE, Evidence
from freqjax.training.frozen import group_means
from freqjax.training.prepared import Prepared


@dataclass
class RunUnderExamination:
    """Run under examination, with the measurements made so far.

    Attributes:
      folder: its work directory.
      prepared: its config as it was trained, its task, rows and network.
      initial_params: the weights it started from.
      params: the weights it kept: best or last.
      last_params: the weights it ended with.
      rows: of metrics.jsonl.
      evaluation: what the task says of `params`.
      seconds: how long it has trained.
      changed_files: fields whose file is not the one it was trained on.
      effort: how much of the usual work its trials may take; 0 for no trial at all.
    """

    folder: Path
    prepared: Prepared
    initial_params: Params
    params: Params
    last_params: Params
    rows: Sequence[dict[str, Any]]
    evaluation: Evaluation
    seconds: float
    changed_files: Sequence[str] = ()
    effort: float = 1.0

    @property
    def config(self) -> Config:
        """Config that the run was trained with."""
        return self.prepared.config

    @property
    def task(self) -> Task:
        """Task of the run."""
        return self.prepared.task

    @property
    def network(self) -> Network:
        """Network of the run."""
        return self.prepared.network

    @property
    def train_rows(self) -> Sequences:
        """Training rows in the form that the network reads."""
        return self.prepared.train_rows

    @property
    def metric(self) -> str:
        """Short name of the loss, the ending of keys of the evidence."""
        return self.task.objective.metric

    @property
    def constant_loss(self) -> float:
        """Test loss of a predictor without inputs."""
        return self.evaluation.constant_loss

    @property
    def goal(self) -> float:
        """Loss below which a group counts as learned.

        If the task sets no goal for its loss, it is a share of the loss of a predictor without inputs.
        """
        evaluation = self.evaluation
        if evaluation.goal is not None and evaluation.scores_loss:
            return evaluation.goal
        return GOAL_SHARE * self.constant_loss

    @property
    def errors(self) -> list[float]:
        """[G] test loss of the kept weights; infinite if not finite, NaN for a group without rows.

        The task decides which part of the rows is judged.
        """
        return _finite(self.evaluation.losses, self.prepared.batches["test"].group)

    @property
    def error(self) -> float:
        """Mean of `errors`."""
        return float(np.nanmean(self.errors))

    @property
    def train_loss(self) -> float:
        """Loss of the kept weights over all training rows."""
        return self._loss("train")

    @property
    def test_loss(self) -> float:
        """Loss of the kept weights over all test rows."""
        return self._loss("test")

    def _loss(self, split: str) -> float:
        loss = self.evaluation.metrics[split][self.metric]
        return np.nan if loss is None else loss

    @property
    def updates(self) -> int:
        """How many updates it made."""
        return self.rows[-1]["step"] if self.rows else 0

    @property
    def updated(self) -> bool:
        """True if any update was made; before the first there is no error to explain."""
        return bool(self.rows) or self.last_params is not self.initial_params

    @property
    def healthy(self) -> bool:
        """True if the run has reached its goal or, if none is set, is better than every baseline."""
        evaluation = self.evaluation
        if evaluation.goal is not None or not evaluation.is_finite:
            return evaluation.is_learned
        if evaluation.higher_is_better:
            return evaluation.score > max(evaluation.baselines.values())
        return evaluation.score < min(evaluation.baselines.values())

    @functools.cached_property
    def last_train_errors(self) -> list[float]:
        """[G] loss of the last weights on the training rows, with the conventions of `errors`."""
        return errors_of(self._train_outputs(self.last_params), self.train_rows, self.task)

    @functools.cached_property
    def last_train_error(self) -> float:
        """The mean of `last_train_errors`."""
        return float(np.nanmean(self.last_train_errors))

    @functools.cached_property
    def test_error(self) -> float:
        """The mean loss of the kept weights over the groups of the test rows, from their first sample on."""
        rows = self.prepared.rows("test")
        return mean_error(
            self.prepared.forward(self.params, rows, self.config.task.reset), rows, self.task
        )

    @functools.cached_property
    def kept_train_error(self) -> float:
        """Mean loss of the kept weights over the groups of the training rows."""
        return self._mean_train_error(self.params)

    @property
    def knows_its_rows(self) -> bool:
        """Whether the kept weights have learned the training rows: no recipe failed then."""
        return self.kept_train_error < self.goal

    @functools.cached_property
    def initial_train_error(self) -> float:
        """Mean loss of the initial weights over the groups of the training rows."""
        return self._mean_train_error(self.initial_params)

    def _mean_train_error(self, params: Params) -> float:
        return mean_error(self._train_outputs(params), self.train_rows, self.task)

    def _train_outputs(self, params: Params) -> np.ndarray:
        return self.prepared.forward(params, self.train_rows, self.config.task.reset)

    @property
    def evidence(self) -> Evidence:
        """Evidence for the task's own checks."""
        return Evidence(
            network=self.network,
            params=self.params,
            updated=self.updated,
            train_rows=self.prepared.batches["train"],
            test_rows=self.prepared.batches["test"],
            evaluation=self.evaluation,
            errors=self.errors,
            goal=self.goal,
            credit=self.credit_samples / self.task.time.samples,
            changed_files=self.changed_files,
            command=self.command,
            through_time=self.through_time,
            decays=self.config.optimizer.weight_decay > 0,
            rate=self.config.optimizer.learning_rate,
            frozen=self.frozen,
            near_start=self.near_start,
        )

    @property
    def frozen(self) -> list[list[float | None]]:
        """[E][G] frozen losses of the epochs that were evaluated, the oldest first; None if not finite."""
        losses = [row.get(self.task.columns.frozen_per_group) for row in self.rows]
        return [each for each in losses if each is not None]

    @property
    def near_start(self) -> tuple[str, ...]:
        """Changes to first weights that turn as the training targets do; empty where it cannot have them."""
        network = self.config.network
        fits = network.hidden_size >= 2 * len(self.task.group_names)
        if not (fits and isinstance(self.task, GivesPeaks)) or network.beyond_one_lstm:
            return ()
        if network.initializer == "spectral" or self.config.train.init_from:
            return ()
        carry = () if network.learned_carry else ("network.learned_carry=true",)
        changes = ("network.initializer=spectral", *carry)
        try:
            self.changed(changes)
        except UserError:  # fields of rotors may not fit a task that had none
            return ()
        return changes

    def changed(self, changes: Sequence[str]) -> Config:
        """Return its config with `changes`, section.field=value.

        Raises:
          UserError: they do not fit it.
        """
        pairs = [(field, value) for field, _, value in (c.partition("=") for c in changes)]
        return validation.validate_training(overrides.apply(copy.deepcopy(self.config), pairs))

    @property
    def uses_rate(self) -> bool:
        """True if a learning rate determines the steps; the curriculum's damped steps have none."""
        has_horizons = any(self.task.columns.horizon in row for row in self.rows)
        return not has_horizons and not self.config.is_curriculum

    @property
    def window(self) -> int:
        """K, the number of samples that the gradient is propagated through."""
        samples, train = self.task.samples, self.config.train
        if train.gradient == "rtrl":
            return samples
        kept = {"online": 1, "tbptt": train.truncation, "windows": self.config.windows.length}
        return min(kept.get(train.regime, samples), samples)

    @property
    def shuffled(self) -> bool:
        """True if the rows are in random order, so that successive updates have unrelated targets."""
        return self.config.train.is_shuffled

    @property
    def credit_samples(self) -> int:
        """Number of samples that the last gradients were propagated through, such as the last horizon."""
        horizon = self.rows[-1].get(self.task.columns.horizon) if self.rows else None
        if horizon is None:  # no curriculum, or none that has begun
            return self.window
        return min(self.window, round(horizon * self.task.time.samples))

    def command(self, *changes: str, epochs: int | None = None) -> str:
        """Return a command that repeats the run with `changes` (section.field=value), in a new folder."""
        if epochs is not None:
            changes = (*changes, f"train.epochs={epochs}")
        if self.config.train.escalate:
            changes = (*changes, "train.escalate=")
        name = changes[0].split(".", 1)[1].replace("=", "-").replace("/", "-")
        folder = self.folder if self.folder.name else self.folder.resolve()
        words = ["python", "-m", "freqjax.main", "--config", str(folder / "config.json")]
        words += [f"--config.{change}" for change in changes]
        words += ["--workdir", f"{folder}-{name.rstrip('-')}"]
        return shlex.join(words)

    @property
    def to_one_lstm(self) -> list[str]:
        """Changes to a one-layer LSTM, the only network with rotors and a curriculum."""
        network = self.config.network
        changes = [
            f"network.{name}={wanted}".lower()
            for name, (_, wanted) in network.beyond_one_lstm.items()
        ]
        return [*changes, "network.dropout=0"] if network.dropout else changes

    @property
    def has_rotors(self) -> bool:
        """True if the task supports rotors, rotating pairs of units."""
        return isinstance(self.task, GivesRotors)

    @property
    def has_horizons(self) -> bool:
        """True if lengthening horizons suit the task: a squared error at every sample."""
        targets = self.prepared.batches["train"].targets
        return self.task.objective.squared and targets.ndim == 3

    @property
    def uncut(self) -> list[str]:
        """The changes that let its gradient reach through whole blocks, and nothing else."""
        changes = ["train.regime=tbptt", f"train.truncation={self.task.samples}"]
        if self.config.curriculum.first_horizon is not None:
            changes.append("curriculum.first_horizon=none")
        return [*changes, *self.to_default_gradient]

    @property
    def to_default_gradient(self) -> list[str]:
        """Changes to a gradient, and an optimizer of it, that every regime has."""
        train = self.config.train
        changes = [] if train.gradient == "auto" else ["train.gradient=auto"]
        if train.state_correction:
            changes.append("train.state_correction=false")
        if self.config.is_filter:
            changes += ["optimizer.name=adam", "train.engine=auto"]
        return changes

    @property
    def through_time(self) -> str:
        """Command that trains on the same task with the full gradient.

        It uses lengthening horizons if these suit the task.
        """
        if not self.has_horizons:
            return self.command(*self.uncut)
        rate = self.task.time.samples
        first = min(0.25, self.task.samples / rate / 4)
        if self.config.curriculum.first_horizon is not None and not self.uses_rate:
            first = min(first, self.config.curriculum.first_horizon / 2)
        changes = [
            f"curriculum.first_horizon={max(first, 2 / rate):g}",
            "train.regime=full",
            "train.streams=parallel",
            "train.divergence_factor=none",
            "task.reset=block",
            "network.learned_carry=true",
        ]
        if self.has_rotors and self.config.network.hidden_size >= 2 * len(self.task.group_names):
            changes.append("network.initializer=rotor")
        changes += [*self.to_default_gradient, *self.to_one_lstm]
        return self.command(*changes, epochs=300)


def errors_of(outputs: np.ndarray, rows: Sequences, task: Task) -> list[float]:
    """Return [G] mean loss, infinite if not finite, and NaN for a group without rows."""
    return _finite(group_means(outputs, rows, task), rows.groups)


def mean_error(outputs: np.ndarray, rows: Sequences, task: Task) -> float:
    """Return the mean of `errors_of` over the groups."""
    return float(np.nanmean(errors_of(outputs, rows, task)))


def _finite(losses: Sequence[float | None], groups: EitherArray) -> list[float]:
    """Return [G] losses, infinite if not finite, and NaN for a group that is not among `groups`."""
    there = set(np.asarray(groups).tolist())
    return [
        (loss if loss is not None and np.isfinite(loss) else np.inf) if group in there else np.nan
        for group, loss in enumerate(losses)
    ]
