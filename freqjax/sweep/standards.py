"""Reference levels of the test losses and scores of replicas, which decide whether a replica has learned.

A task has a goal as a share of the loss of a predictor without inputs, or a goal for its score, or none; then
a replica must be better than every baseline. The complete evaluation of a task is for one network at a time
(`Task.evaluate`); replicas of a sweep only have this comparison.
Axes: G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from freqjax.tasks import Task
from freqjax.tasks.evaluation import Frozen
from freqjax.tasks.scoring import baseline_scores, score_key
from freqjax.text import number
from freqjax.training.frozen import FrozenLosses

Row = dict[str, Any]


class Names(NamedTuple):
    """Names in the rows and texts of a sweep, whose replicas all have one task.

    Attributes:
      metric: name of the loss in keys such as `test_<metric>`.
      label: name of the loss in texts.
      frozen: the column of metrics.jsonl with the frozen loss.
      constant: the key of the loss of a predictor without inputs.
      constant_name: name of that predictor in texts.
      group: a group in sentences.
      goal_share: as `Task.goal_share`.
      goal: goal for the score; None if there is none.
      score: name of the score in texts.
      higher_is_better: whether a higher score is better.
    """

    metric: str
    label: str
    frozen: str
    constant: str
    constant_name: str
    group: str
    goal_share: float | None
    goal: float | None
    score: str
    higher_is_better: bool

    @property
    def test(self) -> str:
        """Key of the test loss."""
        return f"test_{self.metric}"

    @property
    def choosing(self) -> tuple[str, str]:
        """Keys of the losses that select the best replica: validation, and training if there is none."""
        return f"validation_{self.metric}", f"train_{self.metric}"


def names_of(task: Task) -> Names:
    """Return the names of `task`."""
    return Names(
        metric=task.objective.metric,
        label=task.objective.label,
        frozen=task.columns.frozen,
        constant=task.columns.constant,
        constant_name=task.constant_name,
        group=task.group_word,
        goal_share=task.goal_share,
        goal=task.goal,
        score=task.score_name or task.objective.label,
        higher_is_better=task.higher_is_better,
    )


class Standard:
    """Reference levels for the replicas that read one set of rows."""

    def __init__(self, task: Task, frozen: Frozen) -> None:
        """Evaluate the predictor without inputs, and the baselines if they are needed.

        Args:
          task: the task.
          frozen: any network on the rows.
        """
        self._task = task
        self._constant = task.constant_loss(frozen)
        self._baselines = {} if task.goal_share is not None else baseline_scores(task, frozen)

    def judge(self, test: FrozenLosses, frozen: Frozen) -> Row:
        """Return the entries of the comparison in a replica's row of sweep.json.

        Args:
          test: its losses on the test rows.
          frozen: its network, which is run if the score is not the loss.
        """
        task, found = self._task, {self._task.columns.constant: self._constant}
        if task.goal_share is not None:
            return found
        mean, groups = test.mean, test.per_group
        if task.score_name is not None:
            batch = frozen.batch("test")
            assert batch is not None  # every task has test rows
            mean, groups = task.scores(frozen.outputs("test"), task.sequences(batch))
            key = score_key(task)
            found |= {f"test_{key}": mean, f"worst_test_{key}": self._worst(groups)}
        best = (max if task.higher_is_better else min)(self._baselines.values())
        goal, reached = (best, mean) if task.goal is None else (task.goal, self._worst(groups))
        solved = reached > goal if task.higher_is_better else reached < goal
        return found | {"best_baseline": best, "solved": bool(solved)}

    def _worst(self, groups: Sequence[float]) -> float:
        known = [value for value in groups if not np.isnan(value)] or [float("nan")]
        return min(known) if self._task.higher_is_better else max(known)


def is_solved(row: Row, names: Names) -> bool:
    """Return whether the replica of a row of sweep.json has learned the task."""
    if names.goal_share is None:
        return row["solved"]
    worst = row[f"worst_test_{names.metric}"]
    return worst is not None and worst < names.goal_share * row[names.constant]


def goal_words(rows: Sequence[Row], names: Names) -> str:
    """Return the criterion for a replica that has learned, as words after "replicas have"."""
    if names.goal_share is not None:
        goals = {f"{names.goal_share * row[names.constant]:.3g}" for row in rows}
        share = f"{names.goal_share:.0%} of {names.constant_name}"
        return f"every {names.group} below {goals.pop() if len(goals) == 1 else share}"
    if names.goal is None:
        return f"a {names.score} better than that of every baseline"
    side = "above" if names.higher_is_better else "below"
    return f"every {names.group} {side} {number(names.goal)} in {names.score}"
