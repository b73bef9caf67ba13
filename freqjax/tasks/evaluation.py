"""Evaluation of frozen weights on a task: a score beside baselines and limit, and sections of a report.

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
    """Network with frozen weights, run over the rows of a task.

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
        """Return the rows of a split (train, validation or test); None if the task has none."""
        ...

    def outputs(self, split: str) -> Float[np.ndarray, "B T O"]:
        """Return the outputs [B, T, O] on the rows of a split."""
        ...

    def run(self, batch: Batch, reset: str) -> Float[np.ndarray, "B T O"]:
        """Return the outputs [B, T, O] on `batch`, under a value of `task.reset`."""
        ...


class Table(NamedTuple):
    """Table whose first column names the rows.

    Attributes:
      columns: the headings, including that of the first column.
      rows: text, numbers, or None for unknown values; one per column in each row.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Section(NamedTuple):
    """Part of a report, as a summary prints it, report.md contains it and a page shows it.

    Attributes:
      title: its heading.
      words: sentences or paragraphs, in order.
      table: shown after the words, or None.
      figures: PNGs, shown last.
      data: further data for a page, ready for JSON.
    """

    title: str
    words: Sequence[str] = ()
    table: Table | None = None
    figures: Sequence[Path] = ()
    data: Any = None


class Evaluation(NamedTuple):
    """Result of evaluating frozen weights on a task.

    The score may differ from the loss that training minimises, such as an accuracy; if it is the loss,
    `per_group` and `losses` hold the same numbers.

    Attributes:
      score: score on the test rows that are judged.
      score_name: name of the score in texts.
      higher_is_better: whether a higher score is better.
      goal: the score that every group must reach to count as learned; None if none is set.
      per_group: [G] score of each group.
      baselines: name → score on the same rows; `constant`, the best constant predictor, first.
      limit: the best score of any estimator; None if unknown.
      limit_note: the reason for the limit, or for its absence.
      limit_per_group: [G] the best score of any estimator in each group; None if unknown.
      loss: loss on the test rows that are judged.
      loss_name: name of the loss in texts.
      losses: [G] loss of each group; NaN for one without test rows.
      constant_loss: test loss of the predictor that `constant_name` names.
      constant_name: the predictor without inputs that losses are compared with.
      when: the part of the rows that is judged, as words after a number, such as " after the first second";
        empty for all rows.
      metrics: further entries of summary.json, ready for JSON; at least `train` and `test`.
      sections: sections of the report, in order.
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
        """True if score and loss are finite."""
        return bool(np.isfinite([self.score, self.loss]).all())

    @property
    def scores_loss(self) -> bool:
        """True if the score is the loss."""
        return self.score_name == self.loss_name

    @property
    def constant_score(self) -> float:
        """Score of the predictor without inputs that `constant_name` names."""
        return self.constant_loss if self.scores_loss else self.baselines["constant"]

    @property
    def best_baseline(self) -> str | None:
        """Name of the best baseline besides the constants; None if there is none."""
        return best_baseline(self.baselines, higher_is_better=self.higher_is_better)

    @property
    def worst(self) -> float:
        """Worst score among the groups that have test rows."""
        known = [score for score in self.per_group if not np.isnan(score)] or [self.score]
        return min(known) if self.higher_is_better else max(known)

    @property
    def is_learned(self) -> bool:
        """True if the score of every group is better than the goal; False if none is set."""
        if self.goal is None or not self.is_finite:
            return False
        return self.worst > self.goal if self.higher_is_better else self.worst < self.goal


def best_baseline(baselines: Mapping[str, Any], *, higher_is_better: bool) -> str | None:
    """Return the name of the best baseline besides the constants; None if there is none.

    Args:
      baselines: a score, or None, of each by its name.
      higher_is_better: whether the best score is the highest.
    """
    others = {
        name: value
        for name, value in baselines.items()
        if name not in ("constant", "zero") and value is not None and np.isfinite(value)
    }
    choose = max if higher_is_better else min
    return choose(others, key=others.__getitem__) if others else None
