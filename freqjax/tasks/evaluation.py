"""What a task says of frozen weights: a score beside its baselines and its limit, and sections to read.

Axes: B sequences, T samples, O outputs, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from freqjax.networks import Network
from freqjax.networks.arrays import EitherArray
from freqjax.networks.network import Params
from freqjax.tasks.batch import Batch

# A score, or outputs on the test rows: one a sample, or one a sequence.
Baseline = float | Float[EitherArray, "B T O"] | Float[EitherArray, "B O"]


@runtime_checkable
class Frozen(Protocol):
    """A network with frozen weights, run over the rows of a task.

    Attributes:
      network: the network.
      params: its weights.
    """

    network: Network
    params: Params

    def initial_params(self) -> Params:
        """Return the weights that training began with."""
        ...

    def batch(self, split: str) -> Batch | None:
        """Return the rows of a split (train, validation or test); None where the task has none."""
        ...

    def outputs(self, split: str) -> Float[np.ndarray, "B T O"]:
        """Return the outputs [B, T, O] on the rows of a split."""
        ...

    def run(self, batch: Batch, reset: str) -> Float[np.ndarray, "B T O"]:
        """Return the outputs [B, T, O] on `batch`, under a value of `task.reset`."""
        ...


class Table(NamedTuple):
    """A table whose first column names the rows.

    Attributes:
      columns: the headings, that of the first column too.
      rows: text, numbers, or None where nothing is known; as many a row as there are columns.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Section(NamedTuple):
    """A part of a report: what a summary prints, report.md holds and a page shows.

    Attributes:
      title: its heading.
      words: sentences or paragraphs, in order.
      table: shown after the words, or None.
      figures: PNGs, shown last.
      data: what else a page may draw from, ready for JSON.
    """

    title: str
    words: Sequence[str] = ()
    table: Table | None = None
    figures: Sequence[Path] = ()
    data: Any = None


class Evaluation(NamedTuple):
    """What frozen weights are worth on a task.

    The score may be another measure than the loss that training minimises, such as an accuracy; where it is
    the loss, `per_group` and `losses` hold the same numbers.

    Attributes:
      score: on the test rows that are judged.
      score_name: of the score, for people.
      higher_is_better: whether a higher score is better.
      goal: what the score of every group must reach to count as learned; None where none is set.
      per_group: [G] score of each group.
      baselines: name → score on the same rows; `constant`, the best constant predictor, first.
      limit: the best score that any estimator can have; None where it is not known.
      limit_note: why the limit is what it is, or why there is none.
      limit_per_group: [G] the best score that any estimator can have in each group; None where not known.
      loss: on the test rows that are judged.
      loss_name: of the loss, for people.
      losses: [G] loss of each group; NaN for one without test rows.
      constant_loss: test loss of the predictor that `constant_name` names.
      constant_name: the predictor without inputs that losses are held against.
      when: which part of the rows is judged, as words after a number, such as " after the first second";
        empty for all of them.
      metrics: what else summary.json holds, ready for JSON; at least `train` and `test`.
      sections: for a reader, in order.
    """

    score: float
    score_name: str
    higher_is_better: bool
    goal: float | None
    per_group: Sequence[float]
    baselines: Mapping[str, float]
    limit: float | None
    limit_note: str
    limit_per_group: Sequence[float] | None
    loss: float
    loss_name: str
    losses: Sequence[float]
    constant_loss: float
    constant_name: str
    when: str
    metrics: Mapping[str, Any]
    sections: Sequence[Section]

    @property
    def is_finite(self) -> bool:
        """Whether score and loss are finite."""
        return bool(np.isfinite([self.score, self.loss]).all())

    @property
    def scores_loss(self) -> bool:
        """Whether the score is the loss."""
        return self.score_name == self.loss_name

    @property
    def worst(self) -> float:
        """The worst score of a group that has test rows."""
        known = [score for score in self.per_group if not np.isnan(score)] or [self.score]
        return min(known) if self.higher_is_better else max(known)

    @property
    def is_learned(self) -> bool:
        """Whether the score of every group is better than the goal; False where none is set."""
        if self.goal is None or not self.is_finite:
            return False
        return self.worst > self.goal if self.higher_is_better else self.worst < self.goal
