"""The contract between training and what is learned.

A task gives rows (`split`), an objective and an evaluation. Training, checkpoints, stopping, sweeps,
diagnosis and reports know this contract and nothing of what the rows mean. A new task is a subclass of
`Task` and a line in `freqjax.config.names`, or is named as `package.module:Class`.
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
from freqjax.networks.arrays import AnyArray
from freqjax.tasks.batch import Batch, Sequences, sequences_of
from freqjax.tasks.columns import Columns, columns_of
from freqjax.tasks.drawing import draw_run
from freqjax.tasks.evaluation import Baseline, Evaluation, Frozen, Section
from freqjax.tasks.examination import Evidence, Examination
from freqjax.tasks.objectives import Objective
from freqjax.tasks.scoring import constant_outputs, evaluate_rows, means
from freqjax.tasks.windows import warm_up


class Input(NamedTuple):
    """One of the named inputs of a task.

    Attributes:
      name: as `Batch.inputs` has it.
      size: D of this input.
      selects: whether it is a one-hot selector of the group whose target is wanted.
    """

    name: str
    size: int
    selects: bool = False


class TimeUnit(NamedTuple):
    """The unit in which a task tells time.

    Attributes:
      name: its symbol, such as s.
      samples: how many samples it has.
    """

    name: str
    samples: float


# Of a task whose samples stand for no time.
SAMPLES = TimeUnit("samples", 1.0)


class Task:
    """The base of tasks; a subclass sets the attributes and defines `split`.

    Attributes:
      Config: the class of its section of the config.
      config: that section.
      context: the window of samples that an output may depend on; None for all samples so far.
      inputs: in the order in which a network reads them.
      output_size: O.
      samples: T of a sequence.
      time: the unit of time.
      group_label: what a group is, singular; rows of metrics.jsonl hold `loss_per_<group_label>`.
      group_word: what a group is called in sentences, singular.
      group_names: name of each group, in order, for people.
      objective: what training minimises.
      weighted: whether rows have weights: a mask, weights of sequences, or one target a sequence.
      easier: a change of a field, as section.field=value, that lets more be known; None for none.
      score_name: of `row_score`, for people; None where the score is the loss.
      higher_is_better: whether a higher score is better.
      goal: what the score of every group must reach to count as learned; None where none is set.
      goal_share: the goal as a share of `constant_loss`, which the loss of every group must be below; None
        where `goal` tells it.
      constant_name: the predictor without inputs that `constant_loss` is of.
      limit: the best score that any estimator can have; None where the law of the rows does not tell.
      limit_note: why it is that, or why there is none; a clause without a full stop.
      easier_words: what else does, for a sentence that begins with "Ask for less:".
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
    easier_words: str = "less noise, longer sequences, or a later judgement"

    def __init__(self, config: TaskConfig, context: Context | None = None) -> None:
        """Keep `config` and `context`; rows are read or drawn when they are asked for."""
        self.config, self.context = config, context
        self.samples = config.samples

    def split(self, name: str) -> Batch | None:
        """Return the rows of train, validation or test, on the host; None where there is no such split.

        Where there are validation rows they choose the weights that are kept; else the training rows do.

        Raises:
          UserError: rows that cannot be read or used.
        """
        raise NotImplementedError

    def sample(self, key: jax.Array, samples: int) -> Batch:
        """Return the first T = `samples` samples of training rows drawn afresh from `key`; traceable.

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
        """Whether training rows can be drawn afresh."""
        return type(self).sample is not Task.sample

    @property
    def input_size(self) -> int:
        """D, the inputs side by side."""
        return sum(part.size for part in self.inputs)

    @property
    def selectors(self) -> tuple[int, ...]:
        """Which of the D inputs are a one-hot selector; empty where there is none."""
        found, first = [], 0
        for part in self.inputs:
            found += range(first, first + part.size) if part.selects else []
            first += part.size
        return tuple(found)

    @property
    def longest(self) -> int:
        """Samples through which a state is carried at most."""
        if self.context is None:
            return self.samples
        return self.context.windows.length + warm_up(self.context.windows)

    @property
    def columns(self) -> Columns:
        """The names of the task's columns in metrics.jsonl."""
        return columns_of(self.group_label, self.objective.metric, self.time.name)

    def checks(self, evidence: Evidence) -> list[Examination]:
        """Look for the causes of an error that only this task can see; none by default.

        Each names in `before` where it ranks. Before the first update (`evidence.updated`) only what is
        wrong with the rows can be looked for.
        """
        return []

    def sequences(self, batch: Batch) -> Sequences:
        """Return `batch` as a network reads it; traceable."""
        return sequences_of(batch, [part.name for part in self.inputs])

    def rows(self, split: str) -> Sequences:
        """Return the rows of a split as a network reads them.

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

        The score of a split is their mean, weighted as the losses are.
        """
        return self.objective.row_loss(outputs, targets)

    def constant_loss(self, frozen: Frozen) -> float:
        """Return the test loss of a predictor without inputs: that of the best constant unless overridden."""
        batch = frozen.batch("test")
        assert batch is not None  # every task has test rows
        rows = self.sequences(batch)
        return means(self, self.objective.row_loss, constant_outputs(self, frozen), rows).all

    def baselines(self, frozen: Frozen) -> Mapping[str, Baseline]:
        """Return what other methods reach on the test rows, by name; none unless overridden.

        A value is their outputs on the test rows, [B, T, O] or [B, O] (one a sequence), or a score. The best
        constant is always among the baselines and need not be given.
        """
        del frozen
        return {}

    def sections(self, frozen: Frozen, evaluation: Evaluation) -> Sequence[Section]:
        """Return what a report says of this task beyond scores and baselines; nothing unless overridden."""
        del frozen, evaluation
        return ()

    def evaluate(self, frozen: Frozen) -> Evaluation:
        """Return the scores, baselines and sections of frozen weights.

        Scores are weighted means of `row_score` on each split, beside the best constant of the training
        targets, `baselines` and `limit`; a task that is judged in another way overrides this.
        """
        return evaluate_rows(self, frozen)

    def describe(self) -> dict[str, Any]:
        """Return what a summary says of the task itself, ready for JSON; nothing unless overridden."""
        return {}

    def draw(
        self, frozen: Frozen, evaluation: Evaluation, rows: Sequence[dict[str, Any]], folder: Path
    ) -> list[Path]:
        """Draw the figures of a run and return the PNGs in reading order.

        These are the figures that any task has; figures of the task's own are added by overriding this.

        Args:
          frozen: the evaluated network.
          evaluation: of it.
          rows: of metrics.jsonl; empty for an evaluation alone, which has no curves.
          folder: made if absent.
        """
        return draw_run(self, frozen, evaluation, rows, folder)
