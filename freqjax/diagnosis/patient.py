"""The run that is examined: what it was, what it left, and how long its examination may take."""

from __future__ import annotations

import functools
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from freqjax.config.sections import Config
from freqjax.networks import Network, TurningPairs
from freqjax.tasks import Extraction, Sequences
from freqjax.tasks.evaluation import Evaluation
from freqjax.tasks.examination import Evidence, Examination
from freqjax.training.frozen import group_means
from freqjax.training.prepared import Prepared

# An examination takes this share of the training time, or so many seconds, whichever is more.
_SHARE, _SECONDS = 0.2, 30.0


@dataclass
class Patient:
    """A run, with what has been measured of it already.

    Attributes:
      folder: its work directory.
      prepared: its config as it was trained, its task, rows and network.
      initial_params: the weights it started from.
      params: the weights it kept: best or last.
      last_params: the weights it ended with.
      rows: of metrics.jsonl.
      evaluation: of `params`, frozen.
      seconds: how long it has trained.
      changed_files: fields whose file is not the one it was trained on.
      began: when the examination began, on the clock of `time.monotonic`.
    """

    folder: Path
    prepared: Prepared
    initial_params: Any
    params: Any
    last_params: Any
    rows: Sequence[dict[str, Any]]
    evaluation: Evaluation
    seconds: float
    changed_files: Sequence[str] = ()
    began: float = field(default_factory=time.monotonic)

    @property
    def config(self) -> Config:
        """Its config, as it was trained."""
        return self.prepared.config

    @property
    def task(self) -> Extraction:
        """Its task."""
        return self.prepared.task

    @property
    def network(self) -> Network:
        """Its network."""
        return self.prepared.network

    @property
    def train_rows(self) -> Sequences:
        """Its training rows, as the network reads them."""
        return self.prepared.train_rows

    @property
    def train(self) -> dict[str, Any]:
        """What the task says of the kept weights on the training rows."""
        return self.evaluation.metrics["train"]

    @property
    def test(self) -> dict[str, Any]:
        """The same on the test rows."""
        return self.evaluation.metrics["test"]

    @property
    def key(self) -> str:
        """Under which rows and evaluations hold the error of each group."""
        return self.task.columns.per_group

    @property
    def zero(self) -> float:
        """The error of predicting zero."""
        return self.evaluation.constant_loss

    @property
    def goal(self) -> float:
        """What every group must come below."""
        assert self.evaluation.goal is not None  # as extraction has it
        return self.evaluation.goal

    @property
    def errors(self) -> list[float]:
        """[G] frozen test error of the kept weights; infinite where the output is not finite."""
        return [value if np.isfinite(value) else np.inf for value in self.evaluation.losses]

    @property
    def error(self) -> float:
        """The mean of `errors`."""
        return float(np.mean(self.errors))

    @property
    def updated(self) -> bool:
        """Whether any update was made: before the first there is nothing to explain."""
        return bool(self.rows) or self.last_params is not self.initial_params

    @property
    def healthy(self) -> bool:
        """Whether every group has come below the goal."""
        return max(self.errors) < self.goal

    @functools.cached_property
    def last_train_errors(self) -> list[float]:
        """[G] frozen error of the last weights on the training rows."""
        return self.frozen_train_errors(self.last_params)

    def frozen_train_errors(self, params: Any) -> list[float]:
        """[G] frozen error of `params` on the training rows; infinite where it is not finite."""
        outputs = self.prepared.forward(params, self.train_rows, self.config.task.reset)
        means = group_means(outputs, self.train_rows, self.task)
        return [value if np.isfinite(value) else np.inf for value in means]

    def examine_task(self) -> list[Examination]:
        """What the task sees in its own rows and in the output."""
        turning = []
        # Only rotors are pairs; what two other units do together is no reading of a frequency.
        if isinstance(self.network, TurningPairs):
            hertz = self.task.time.samples * self.network.pair_cycles(self.params)
            owners = self.network.pair_owners()
            turning = [hertz[owners == group] for group in range(len(self.task.group_names))]
        return self.task.examine(
            Evidence(
                train_rows=self.prepared.batches["train"],
                test_rows=self.prepared.batches["test"],
                test=self.test,
                errors=self.errors,
                goal=self.goal,
                oscillations_hz=turning,
                credit_seconds=self.credit_samples / self.task.time.samples,
                changed_files=self.changed_files,
                command=self.command,
                with_curriculum=self.with_curriculum,
            )
        )

    @property
    def uses_rate(self) -> bool:
        """Whether a learning rate decided its steps; the curriculum's damped steps have none."""
        return not any("horizon_s" in row for row in self.rows) and not (
            self.config.train.regime == "full" and self.config.curriculum.first_horizon is not None
        )

    @property
    def window(self) -> int:
        """K, the samples through which its gradient went."""
        samples, train = self.task.samples, self.config.train
        kept = {"online": 1, "tbptt": train.truncation, "windows": self.config.windows.length}
        return min(kept.get(train.regime, samples), samples)

    @property
    def shuffled(self) -> bool:
        """Whether its rows come in an order of chance, so that no update leads up to the next one's."""
        return self.config.train.regime == "windows"

    @property
    def credit_samples(self) -> int:
        """The samples through which its last gradients went: a curriculum may not have come to the end."""
        horizon = self.rows[-1].get("horizon_s") if self.rows else None
        if horizon is None:  # no curriculum, or none that has begun
            return self.window
        return min(self.window, round(horizon * self.task.time.samples))

    @property
    def seconds_left(self) -> float:
        """What the examination may still take."""
        allowed = max(_SECONDS, _SHARE * self.seconds)
        return allowed - (time.monotonic() - self.began)

    def command(self, *changes: str, epochs: int | None = None) -> str:
        """A command that repeats the run with `changes` (section.field=value), in a folder of its own."""
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
        """The changes that make its network the one-layer LSTM, which alone has rotors and a curriculum."""
        network = self.config.network
        changes = [
            f"network.{name}={wanted}".lower()
            for name, (_, wanted) in network.beyond_one_lstm.items()
        ]
        return [*changes, "network.dropout=0"] if network.dropout else changes

    @property
    def with_curriculum(self) -> str:
        """The command that trains on the same task through a whole gradient, over lengthening horizons."""
        rate = self.task.time.samples
        first = min(0.25, self.task.samples / rate / 4)
        changes = [
            f"curriculum.first_horizon={max(first, 2 / rate):g}",
            "train.regime=full",
            "train.streams=parallel",
            "train.divergence_factor=none",
            "task.reset=block",
            "network.learned_carry=true",
        ]
        if self.config.network.hidden_size >= 2 * len(self.task.group_names):
            changes.append("network.initializer=rotor")
        return self.command(*changes, *self.to_one_lstm, epochs=300)
