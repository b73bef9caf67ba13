"""Schedules that never act: whose first change of the rate would come when the run has ended.

The rate of warm restarts rises again for the first time after `optimizer.restart_epochs` epochs. On a plateau
it falls for the first time after the first epoch, which improves on nothing, and `optimizer.plateau_patience`
and one more without an improvement, at the earliest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from freqjax.config.sections import OptimizerConfig
from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.tasks.examination import Examination


class _Rule(NamedTuple):
    """First action of a schedule, and the field that says when it comes.

    Attributes:
      first: whole epochs before its first action, of a config.
      action: what it does then, in words.
      field: the field that says when.
      sooner: its value for an action within a number of epochs; below its least value if there is none.
      least: the least value of the field.
    """

    first: Callable[[OptimizerConfig], int]
    action: str
    field: str
    sooner: Callable[[int], int]
    least: int


_RULES = {
    "warm_restarts": _Rule(
        lambda config: config.restart_epochs,
        "the first restart",
        "restart_epochs",
        lambda epochs: epochs // 2,
        1,
    ),
    "plateau": _Rule(
        lambda config: config.plateau_patience + 2,
        "the first fall of the rate, at the earliest,",
        "plateau_patience",
        lambda epochs: epochs // 2 - 2,
        0,
    ),
}


def schedule_idle(run: RunUnderExamination) -> Examination:
    """Tell whether the schedule's first action lies at or behind the last epoch that was planned.

    A run that a rule ended before is judged by its plan: what ended it is a cause of its own.
    """
    optimizer, epochs = run.config.optimizer, run.config.train.epochs
    rule = _RULES.get(optimizer.schedule) if run.uses_rate and run.rows else None
    found, evidence = False, {}
    words = (
        f"The schedule of the rate is {optimizer.schedule}, which has no first action to wait for."
    )
    if not run.uses_rate:
        words = "No schedule sets the size of the steps."
    change = "optimizer.schedule=cosine"
    if rule is not None:
        first, last = rule.first(optimizer), run.rows[-1]
        an_epoch = last["step"] / last["epoch"]
        found = first >= epochs
        evidence = {
            "first_action_epoch": first,
            "first_action_update": math.ceil(first * an_epoch),
            "epochs": epochs,
            "updates": run.updates,
        }
        words = (
            f"With {optimizer.schedule}, {rule.action} comes after {first} epochs, at update "
            f"{evidence['first_action_update']:,}; the run was to be {epochs} epochs long and made "
            f"{run.updates:,} updates."
        )
        if found and rule.sooner(epochs) >= rule.least:
            change = f"optimizer.{rule.field}={rule.sooner(epochs)}"
    return Examination(
        cause="schedule_idle",
        found=found,
        words=words,
        evidence=evidence,
        threshold="a first action at or behind the end of the last epoch changes no update",
        experiment=run.command(change),
        advice="Let the schedule act within the run, or take cosine, which falls to the end of any run.",
    )
