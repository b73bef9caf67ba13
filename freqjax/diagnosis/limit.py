"""The cause information_limit: no estimator can have a much lower error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.tasks.evaluation import Evaluation
from freqjax.tasks.examination import Examination
from freqjax.text import number

# If at least this share of the error is irreducible, the limit explains it.
_SHARE = 0.5
# Factor of the hidden size in the experiment that can refute the limit.
_WIDER = 8


def information_limit(run: RunUnderExamination) -> Examination:
    """Check whether the limit is close to the error of the run."""
    evaluation, task = run.evaluation, run.task
    reached = run.error if evaluation.scores_loss else evaluation.score
    limits = evaluation.limit_per_group
    if limits is None and evaluation.limit is not None:
        limits = [evaluation.limit]
    limit = None if limits is None else float(np.mean(limits))
    found = None
    if limits is not None and math.isfinite(reached):
        found = (_of_losses if evaluation.scores_loss else _of_scores)(run, limits, reached)
    wider = f"network.hidden_size={_WIDER * run.config.network.hidden_size}"
    return Examination(
        cause="information_limit",
        found=found,
        words=_words(evaluation, limit, reached, found),
        evidence=_evidence(run, limits, reached),
        threshold=_threshold(run),
        experiment=run.command(task.easier or wider),
        advice=f"Ask for less: {task.easier_words}.",
        refuted_if=f"the frozen error ends {'no better' if task.easier else 'below the limit'}",
    )


def _of_losses(run: RunUnderExamination, limits: Sequence[float], reached: float) -> bool:
    return max(limits) >= run.goal and float(np.mean(limits)) >= _SHARE * reached


def _of_scores(run: RunUnderExamination, limits: Sequence[float], reached: float) -> bool:
    """Return whether at least half of the gap between score and goal is beyond the limit."""
    sign = 1 if run.evaluation.higher_is_better else -1
    wanted = _wanted(run.evaluation)
    beyond = sign * (wanted - float(np.mean(limits)))
    return beyond > 0 and beyond >= _SHARE * sign * (wanted - reached)


def _wanted(evaluation: Evaluation) -> float:
    """Return the score that a successful run reaches: the goal, or the best baseline."""
    if evaluation.goal is not None:
        return evaluation.goal
    best = max if evaluation.higher_is_better else min
    return best(evaluation.baselines.values())


def _words(evaluation: Evaluation, limit: float | None, reached: float, found: bool | None) -> str:
    if not math.isfinite(reached):
        return "The output is not finite: it cannot be compared with the limit."
    if limit is None:
        return f"The limit is not known: {evaluation.limit_note.rstrip('.')}."
    if found:
        return (
            f"No estimator can do better than {number(limit)} on these rows; the network is at "
            f"{number(reached)}."
        )
    return f"A better result is possible: the limit is {number(limit)}, the network is at {number(reached)}."


def _evidence(
    run: RunUnderExamination, limits: Sequence[float] | None, reached: float
) -> dict[str, Any]:
    evaluation = run.evaluation
    name = run.metric if evaluation.scores_loss else "score"
    worst = min if evaluation.higher_is_better else max
    return {
        f"bayes_{name}": None if limits is None else float(np.mean(limits)),
        f"bayes_{name}_worst": None if limits is None else worst(limits),
        name: reached if math.isfinite(reached) else None,
    }


def _threshold(run: RunUnderExamination) -> str:
    if run.evaluation.scores_loss:
        return (
            f"the limit is at least {_SHARE:g} of the error, and above the goal of {number(run.goal)} in "
            f"some {run.task.group_word}: then most of the error is irreducible"
        )
    return (
        f"at least {_SHARE:g} of what the score lacks to {number(_wanted(run.evaluation))} is beyond the "
        "limit: then no estimator can have most of it"
    )
