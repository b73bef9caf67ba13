"""Figures of a run of any task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freqjax import progress
from freqjax.figures import attempt, processes
from freqjax.tasks.columns import is_filtered
from freqjax.tasks.evaluation import Evaluation, Frozen

if TYPE_CHECKING:
    from freqjax.tasks.task import Task


# Draws a figure and returns its PNG.
Draw = Callable[[], Path]


def draw_each(drawings: Sequence[Draw]) -> list[Path]:
    """Draw figures, counted, and return the PNGs; those that other processes draw are written later.

    Within `attempt` or `made` of `freqjax.figures.attempt` one that fails is left out.
    """
    alone = processes.current() is None
    return attempt.each(progress.each("figures", drawings) if alone else drawings)


def run_drawings(
    task: Task,
    frozen: Frozen,
    evaluation: Evaluation,
    rows: Sequence[dict[str, Any]],
    folder: Path,
) -> list[Draw]:
    """Return the drawings of scores beside baselines and, if there are `rows`, of the course of training."""
    from freqjax import figures  # matplotlib takes most of a second to import

    others = dict(evaluation.baselines)
    if evaluation.limit is not None:
        others["limit"] = evaluation.limit
    found: list[Draw] = [
        partial(
            figures.group_scores,
            evaluation.score_name,
            dict(zip(task.group_names, evaluation.per_group, strict=True)),
            evaluation.score,
            others,
            evaluation.goal,
            evaluation.higher_is_better,
            folder,
        )
    ]
    if not rows:
        return found
    scale = figures.Scale(
        name=evaluation.loss_name,
        groups=task.group_names,
        everything="all rows",
        constant=evaluation.constant_loss,
        constant_name=evaluation.constant_name,
        goal=evaluation.goal if evaluation.scores_loss else None,
        unit=task.time.name,
        frozen_on="train" if frozen.batch("validation") is None else "validation",
        possible=_possible(evaluation),
        block=task.samples / task.time.samples,
    )
    history = figures.history_of(rows, len(task.group_names), task.columns)
    found.append(partial(figures.learning_curves, history, scale, folder))
    if history.is_staged:
        found.append(partial(figures.curriculum, history, scale, folder))
    if is_filtered(rows):
        return found
    if frozen.batch("validation") is None:  # losses on different rows are not comparable
        found.append(partial(figures.chasing_gap, history, scale, evaluation.loss, folder))
    found.append(partial(figures.gradient_norms, rows, folder, second_order=history.is_staged))
    return found


def _possible(evaluation: Evaluation) -> list[tuple[float, str]]:
    """Return the baselines and the limit that a log axis can show; none if the score is not the loss."""
    if not evaluation.scores_loss:
        return []
    known = {name: loss for name, loss in evaluation.baselines.items() if name != "constant"}
    if evaluation.limit is not None:
        known["least possible"] = evaluation.limit
    return [(loss, name) for name, loss in known.items() if loss > 0]
