"""Default evaluation of a task: losses and scores of each split beside constant and baselines.

Axes: B sequences, T samples, O outputs, G groups.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from freqjax import progress
from freqjax.networks.arrays import EitherArray
from freqjax.tasks.batch import Batch, Sequences, mean_of_all, means_by_group
from freqjax.tasks.evaluation import Baseline, Evaluation, Frozen, Section, Table
from freqjax.text import number, span

if TYPE_CHECKING:
    from freqjax.tasks.task import Task

# (outputs, targets), each [B, T, O] → [B, T].
Measure = Callable[[jax.Array, jax.Array], jax.Array]


class Means(NamedTuple):
    """Weighted means of a measure over the rows of a split.

    Attributes:
      all: mean over all rows.
      per_group: [G] mean over each group; NaN for one without rows.
    """

    all: float
    per_group: list[float]


def evaluate_rows(task: Task, frozen: Frozen) -> Evaluation:
    """Evaluate frozen weights on every split of `task`; see `Task.evaluate`."""
    splits = [name for name in ("train", "validation", "test") if frozen.batch(name) is not None]
    measured = {name: measure_split(task, frozen, name) for name in splits}
    rows = task.sequences(_test_batch(frozen))
    loss = means(task, task.objective.row_loss, frozen.outputs("test"), rows)
    score = task.scores(frozen.outputs("test"), rows)
    constant = task.constant_loss(frozen)
    with progress.phase("limit"):
        limit, note = task.least_possible()
    with progress.phase("baselines"):
        baselines = baseline_scores(task, frozen)
    judged_from = span(task.burn_in / task.time.samples, task.time.name)
    evaluation = Evaluation(
        score=score.all,
        score_name=task.score_name or task.objective.label,
        higher_is_better=task.higher_is_better,
        goal=task.goal if task.goal_share is None else task.goal_share * constant,
        per_group=score.per_group,
        baselines=baselines,
        limit=limit,
        limit_note=note,
        limit_per_group=None,
        loss=loss.all,
        loss_name=task.objective.label,
        losses=loss.per_group,
        constant_loss=constant,
        constant_name=task.constant_name,
        when=f" after the first {judged_from}" if task.burn_in else "",
        metrics=measured,
        sections=(),
    )
    return evaluation._replace(
        sections=[what_is_possible(evaluation), *task.sections(frozen, evaluation)]
    )


def baseline_scores(task: Task, frozen: Frozen) -> dict[str, float]:
    """Return the scores of the best constant and of the task's baselines on the test rows, by name."""
    rows = task.sequences(_test_batch(frozen))
    outputs = {"constant": constant_outputs(task, frozen), **task.baselines(frozen)}
    return {name: _score_of(task, value, rows) for name, value in outputs.items()}


def measure_split(task: Task, frozen: Frozen, split: str) -> dict[str, Any]:
    """Return loss and score on the rows of a split, for all groups and for each group, ready for JSON."""
    batch = frozen.batch(split)
    assert batch is not None  # the caller has checked it
    rows, outputs = task.sequences(batch), frozen.outputs(split)
    measured = {task.objective.metric: means(task, task.objective.row_loss, outputs, rows)}
    if task.score_name is not None:
        measured[score_key(task)] = task.scores(outputs, rows)
    found: dict[str, Any] = {}
    for name, mean in measured.items():
        found |= {name: mean.all, f"{name}_per_{task.group_label}": mean.per_group}
    return found


def score_key(task: Task) -> str:
    """Return the key of the score in summaries and rows of sweeps."""
    name = task.score_name or task.objective.metric
    return name.replace(" ", "_").replace("-", "_")


def means(
    task: Task, measure: Measure, outputs: Float[EitherArray, "B T O"], rows: Sequences
) -> Means:
    """Return the means of `measure` over `rows`, weighted as the rows are.

    Args:
      task: names the groups.
      measure: a function that gives one value per row.
      outputs: [B, T, O].
      rows: the rows of these outputs.
    """
    values = measure(jnp.asarray(outputs), jnp.asarray(rows.targets))
    return Means(mean_of_all(values, rows), means_by_group(values, rows, len(task.group_names)))


def constant_outputs(task: Task, frozen: Frozen) -> Float[np.ndarray, "B T O"]:
    """Return the best constant of the training rows, as outputs [B, T, O] on the test rows."""
    batch = frozen.batch("train")
    assert batch is not None  # every task has training rows
    train = task.sequences(batch)
    targets = np.asarray(train.targets).reshape(-1, task.output_size)
    weights = np.ones(len(targets)) if train.weights is None else np.ravel(train.weights)
    best = task.objective.constant(targets, weights).astype(np.float32)
    return np.broadcast_to(best, task.sequences(_test_batch(frozen)).targets.shape)


def what_is_possible(evaluation: Evaluation) -> Section:
    """Describe the score beside the baselines and the limit, or the reason for its absence."""
    rows = [("network", evaluation.score), *evaluation.baselines.items()]
    if evaluation.limit is None:
        said = f"No limit is known: {evaluation.limit_note}."
    else:
        rows.append(("limit", evaluation.limit))
        said = (
            f"No estimator can do better than {number(evaluation.limit)}: {evaluation.limit_note}."
        )
    which = "higher" if evaluation.higher_is_better else "lower"
    return Section(
        title="What is possible",
        words=(f"The {evaluation.score_name} on the test rows; {which} is better. {said}",),
        table=Table(("", evaluation.score_name), rows),
    )


def _score_of(task: Task, value: Baseline, rows: Sequences) -> float:
    """Return a baseline's score: `value` itself, or the score of outputs [B, T, O] or [B, O]."""
    value = np.asarray(value)
    if value.ndim == 0:
        return float(value)
    outputs = value[:, None] if value.ndim == 2 else value
    outputs = np.broadcast_to(outputs, np.shape(rows.targets))
    return task.scores(outputs, rows).all


def _test_batch(frozen: Frozen) -> Batch:
    batch = frozen.batch("test")
    assert batch is not None  # every task has test rows
    return batch
