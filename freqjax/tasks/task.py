"""Interface between training and tasks.

A task defines rows (`split`), an objective and an evaluation. Training, checkpoints, stopping, sweeps,
diagnosis and reports use only this interface and do not depend on the meaning of the rows. A new task is a
subclass of `Task` and a line in `freqjax.config.names`, or is named as `package.module:Class`.
Axes: B sequences, T samples, D inputs, O outputs, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
from jaxtyping import Array, Float

from freqjax.config.sections import Context, TaskConfig
from freqjax.errors import UserError
from freqjax.networks import Network
from freqjax.networks.arrays import AnyArray, EitherArray
from freqjax.tasks.batch import Batch, Sequences, sequences_of, without_burn_in
from freqjax.tasks.columns import Columns, columns_of
from freqjax.tasks.drawing import Draw, draw_each, run_drawings
from freqjax.tasks.evaluation import Baseline, Evaluation, Frozen, Section
from freqjax.tasks.examination import Evidence, Examination
from freqjax.tasks.objectives import Objective
from freqjax.tasks.scoring import Means, constant_outputs, evaluate_rows, means
from freqjax.tasks.usage import Usage
from freqjax.tasks.windows import warm_up


class Input(NamedTuple):
    """Named input of a task.

    Attributes:
      name: its key in `Batch.inputs`.
      size: D of this input.
      selects: whether it is a one-hot selector of the group whose target is expected.
    """

    name: str
    size: int
    selects: bool = False


class TimeUnit(NamedTuple):
    """Unit of time of a task.

    Attributes:
      name: its symbol, such as s.
      samples: samples in one unit.
    """

    name: str
    samples: float


# Unit of a task whose samples have no time.
SAMPLES = TimeUnit("samples", 1.0)


class Task:
    """Base class of tasks; a subclass sets the attributes and defines `split`.

    Attributes:
      Config: the class of its section of the config.
      config: that section.
      context: the window of samples that an output may depend on; None for all samples up to it.
      inputs: the named inputs, in the order in which a network reads them.
      output_size: O.
      samples: T, samples of a sequence.
      burn_in: samples at the start of a sequence that no loss and no score counts.
      time: the unit of time.
      group_label: a group in names, singular; rows of metrics.jsonl hold `loss_per_<group_label>`.
      group_word: a group in sentences, singular.
      group_names: names of the groups in texts, in order.
      objective: the loss that training minimises.
      weighted: whether rows have weights: a mask, weights of sequences, or one target per sequence.
      easier: a change of a field, as section.field=value, that makes the task easier; None for none.
      score_name: name of `row_score` in texts; None if the score is the loss.
      higher_is_better: whether a higher score is better.
      goal: the score that every group must reach to count as learned; None if none is set.
      goal_share: the goal as a share of `constant_loss`, which the loss of every group must be below; None
        if `goal` defines it.
      constant_name: the predictor without inputs whose loss is `constant_loss`.
      limit: the best score of any estimator; None if the law of the rows does not determine it.
      limit_note: the reason for the limit, or for its absence; a clause without a full stop.
      pretraining: updates at the start of a run that learn no target; the outputs in them, and so their
        losses, are none of the network's.
      easier_words: other ways to make the task easier, in words after "Ask for less:".
      note: what a run says of its data before it trains, a sentence; empty for nothing.
    """

    Config: ClassVar[type[TaskConfig]] = TaskConfig
    config: TaskConfig
    inputs: tuple[Input, ...]
    output_size: int
    samples: int
    objective: Objective
    time: TimeUnit = SAMPLES
    group_label: str = "group"
    group_word: str = "group"
    group_names: tuple[str, ...] = ("all",)
    weighted: bool = True
    easier: str | None = None
    score_name: str | None = None
    higher_is_better: bool = False
    goal: float | None = None
    goal_share: float | None = None
    constant_name: str = "the best constant"
    limit: float | None = None
    limit_note: str = "the law of the rows is not known"
    pretraining: int = 0
    easier_words: str = "less noise, longer sequences, or a later judgement"
    note: str = ""

    def __init__(self, config: TaskConfig, context: Context | None = None) -> None:
        """Store `config` and `context`; rows are read or drawn on demand."""
        self.config, self.context = config, context
        self.samples, self.burn_in = config.samples, config.burn_in_samples
        if self.burn_in:
            self.weighted = True

    def split(self, name: str) -> Batch | None:
        """Return the rows of train, validation or test, on the host; None if there is no such split.

        The weights to keep are chosen on the validation rows if there are any, else on the training rows.

        Raises:
          UserError: rows that cannot be read or used.
        """
        raise NotImplementedError

    def sample(self, key: jax.Array, samples: int) -> Batch:
        """Return the first T = `samples` samples of new training rows, drawn from `key`; traceable.

        A task whose rows can be drawn (`task.noise=fresh`) overrides this.

        Raises:
          UserError: the rows of this task cannot be drawn.
        """
        raise UserError(
            f"task.noise is fresh: it must be fixed, since the rows of {self.config.name} cannot be "
            "drawn anew."
        )

    @property
    def draws(self) -> bool:
        """True if new training rows can be drawn."""
        return type(self).sample is not Task.sample

    @property
    def input_size(self) -> int:
        """D, the sum of the sizes of the inputs."""
        return sum(part.size for part in self.inputs)

    @property
    def selectors(self) -> tuple[int, ...]:
        """Indices of the D inputs that are a one-hot selector; empty if there is none."""
        found, first = [], 0
        for part in self.inputs:
            found += range(first, first + part.size) if part.selects else []
            first += part.size
        return tuple(found)

    @property
    def longest(self) -> int:
        """Largest number of samples through which a state is carried."""
        if self.context is None:
            return self.samples
        return self.context.windows.length + warm_up(self.context.windows)

    @property
    def columns(self) -> Columns:
        """Names of the task's columns in metrics.jsonl."""
        return columns_of(self.group_label, self.objective.metric, self.time.name)

    def checks(self, evidence: Evidence) -> list[Examination]:
        """Look for causes of an error that are specific to this task; none by default.

        `before` of each defines its rank. Before the first update (`evidence.updated`) only the rows can be
        checked.
        """
        return []

    def sequences(self, batch: Batch) -> Sequences:
        """Return `batch` in the form that a network reads; traceable."""
        found = sequences_of(batch, [part.name for part in self.inputs])
        return without_burn_in(found, self.burn_in) if self.burn_in else found

    def rows(self, split: str) -> Sequences:
        """Return the rows of a split in the form that a network reads.

        Raises:
          KeyError: the task has no such split.
        """
        batch = self.split(split)
        if batch is None:
            raise KeyError(split)
        return self.sequences(batch)

    def row_score(
        self, outputs: Float[AnyArray, "*N O"], targets: Float[AnyArray, "*N O"]
    ) -> Float[Array, "*N"]:
        """Return the score of every row: outputs and targets [..., O] → [...]; the loss unless overridden.

        The score of a split is their mean, with the weights of the losses.
        """
        return self.objective.row_loss(outputs, targets)

    def least_possible(self) -> tuple[float | None, str]:
        """Return the best score of any estimator, or None, and the reason: `limit` and `limit_note`.

        A task whose limit takes time to compute overrides this.
        """
        return self.limit, self.limit_note

    def scores(self, outputs: Float[EitherArray, "B T O"], rows: Sequences) -> Means:
        """Return the score of outputs on `rows`, over all and over each group.

        By default these are means of `row_score`, weighted as the rows are; a task whose score is no mean
        over rows overrides this.
        """
        return means(self, self.row_score, outputs, rows)

    def constant_loss(self, frozen: Frozen) -> float:
        """Return the test loss of a predictor without inputs: the best constant unless overridden."""
        batch = frozen.batch("test")
        assert batch is not None  # every task has test rows
        rows = self.sequences(batch)
        return means(self, self.objective.row_loss, constant_outputs(self, frozen), rows).all

    def baselines(self, frozen: Frozen) -> Mapping[str, Baseline]:
        """Return the results of other methods on the test rows, by name; none unless overridden.

        A result is their outputs on the test rows, [B, T, O] or [B, O] (one per sequence), or a score. The
        best constant is always among the baselines and need not be given.
        """
        del frozen
        return {}

    def sections(self, frozen: Frozen, evaluation: Evaluation) -> Sequence[Section]:
        """Return sections of the report besides scores and baselines; none unless overridden."""
        del frozen, evaluation
        return ()

    def evaluate(self, frozen: Frozen) -> Evaluation:
        """Return the scores, baselines and sections of frozen weights.

        Scores are weighted means of `row_score` on each split, beside the best constant of the training
        targets, `baselines` and `limit`; a task with another evaluation overrides this.
        """
        return evaluate_rows(self, frozen)

    def usage(self, network: Network) -> Usage:
        """Return what a trained network is for, and commands that use it; nothing unless overridden.

        A run's card has these beside what holds of every network.
        """
        del network
        return Usage()

    def describe(self) -> dict[str, Any]:
        """Return entries of a summary about the task itself, ready for JSON; none unless overridden."""
        return {}

    def draw(
        self, frozen: Frozen, evaluation: Evaluation, rows: Sequence[dict[str, Any]], folder: Path
    ) -> list[Path]:
        """Draw the figures of a run and return the PNGs in reading order.

        They are those of `drawings`; a task overrides one of the two to add its own. Where processes draw (
        `freqjax.figures.processes`) the files may not be there yet when they are returned.

        Args:
          frozen: the evaluated network.
          evaluation: of it.
          rows: of metrics.jsonl; empty for an evaluation without training, which has no curves.
          folder: created if it is missing.
        """
        return draw_each(self.drawings(frozen, evaluation, rows, folder))

    def drawings(
        self, frozen: Frozen, evaluation: Evaluation, rows: Sequence[dict[str, Any]], folder: Path
    ) -> list[Draw]:
        """Return what draws each figure of `draw`, so that it is known how many there are."""
        return run_drawings(self, frozen, evaluation, rows, folder)
