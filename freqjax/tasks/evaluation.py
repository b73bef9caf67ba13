"""What a task says of frozen weights: a score beside its baselines and its limit, and sections to read.

Axes: B sequences, T samples, O outputs, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from freqjax.tasks.batch import Batch


@runtime_checkable
class Frozen(Protocol):
    """A network with frozen weights, run over the rows of a task."""

    def batch(self, split: str) -> Batch | None:
        """Return the rows of a split (train, validation or test); None where the task has none."""
        ...

    def outputs(self, split: str) -> np.ndarray:
        """Return the outputs [B, T, O] on the rows of a split."""
        ...

    def run(self, batch: Batch, reset: str) -> np.ndarray:
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

    Attributes:
      score: on the test rows.
      score_name: of the score, for people.
      higher_is_better: whether a higher score is better.
      goal: the score, or the loss of every group, that counts as learned; None where none is set.
      baselines: name → score on the same rows; `constant`, the best constant predictor, first.
      limit: the best score that any estimator can have; None where it is not known.
      limit_note: why the limit is what it is, or why there is none.
      per_group: [G] test loss of each group, as it is judged.
      limit_per_group: [G] the least test loss that any estimator can have in each group; None where unknown.
      when: what part of the rows is judged, as words after a number, such as " after the first second"; empty
        for all of them.
      constant_loss: test loss of the best constant predictor.
      metrics: what else summary.json holds, ready for JSON; at least `train` and `test`.
      sections: for a reader, in order.
    """

    score: float
    score_name: str
    higher_is_better: bool
    goal: float | None
    baselines: Mapping[str, float]
    limit: float | None
    limit_note: str
    per_group: Sequence[float]
    limit_per_group: Sequence[float] | None
    when: str
    constant_loss: float
    metrics: Mapping[str, Any]
    sections: Sequence[Section]
