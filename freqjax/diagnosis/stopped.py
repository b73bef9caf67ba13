"""Runs that ended before they were done: stopped by a rule, slowed by a schedule, or given too few epochs.

All are told by one trial: the run goes on from its last weights at the rate that it began with.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.diagnosis.mending import MENDED_SHARE, finite_or_none, said
from freqjax.diagnosis.trial import FEWEST_UPDATES, Trial, retrain
from freqjax.tasks.examination import Examination

# The run goes on for so many times the updates that it made, or for those that a rule spared it.
_MORE = 2.0
# A run of few updates goes on for at least so many: no recipe shows in fewer what it can learn.
_LEAST_MORE = 400
_WORK = 8e9
# A rate that fell to less than this share of its peak moves nothing any more.
_SLOWED = 0.2
# Going on must not make the test rows worse.
_NO_WORSE = 0.9
# What a run is given in the place of the rule that ended it.
_UNRULED = {
    "train.divergence_factor": "train.divergence_factor=none",
    "train.target_mse": "train.target_mse=none",
    "train.patience": "train.patience=none",
    "optimizer.schedule": "optimizer.schedule=cosine",
}


class _Finding(NamedTuple):
    """Result of a search: whether it found the cause (None if not tried), a sentence, and its numbers."""

    found: bool | None
    words: str
    evidence: dict[str, Any]


def stopped_early(run: RunUnderExamination, *, wrong_rows: bool) -> tuple[Examination, Examination]:
    """Let the run go on: was it stopped by a rule or its schedule, or did it need more epochs?

    With `wrong_rows` the test rows are known to be no judge of it.
    """
    rule = _rule(run)
    shown, made = _shown_by_going_on(run, rule, wrong_rows=wrong_rows), _epochs(run)
    epochs = math.ceil((1 + _more(run, None)) * max(run.config.train.epochs, 1))
    if rule is None:
        stopped = _Finding(False, "No rule stopped the run and no schedule slowed it", {})
        unfinished, change = shown, f"train.epochs={2 * max(made, 1)}"
        advice = "Nothing: no rule ended it."
    else:
        stopped = _by_rule(run, rule, shown)
        unfinished = _Finding(False, f"Its epochs did not end it, but {rule} did", {})
        change, advice = _UNRULED[rule], f"Let {rule} wait longer, or do without it."
    longer = f"Train longer: --resume with train.epochs={epochs} goes on from here."
    return (
        _examination(run, "schedule_stopped", stopped, change, advice),
        _examination(run, "needs_epochs", unfinished, f"train.epochs={epochs}", longer),
    )


def _examination(
    run: RunUnderExamination, cause: str, finding: _Finding, change: str, advice: str
) -> Examination:
    return Examination(
        cause=cause,
        found=finding.found,
        words=f"{finding.words}.",
        evidence=finding.evidence,
        threshold=(
            f"up to {_MORE:g} times as many updates more, at least {_LEAST_MORE}, or those that a rule "
            f"spared it, take at least {MENDED_SHARE:.0%} of the error on the training rows away, and that "
            "on the test rows falls too"
        ),
        experiment=run.command(change),
        advice=advice,
    )


def _shown_by_going_on(run: RunUnderExamination, rule: str | None, *, wrong_rows: bool) -> _Finding:
    """Tell whether the run, let go on from its last weights, learns what it had not."""
    if not run.uses_rate:
        return _of_the_curriculum(run)
    if run.knows_its_rows:
        return _Finding(
            False, "The training rows are learned: the updates were enough for them", {}
        )
    schedule = run.config.optimizer.schedule
    trial = retrain(
        run,
        (1.0,),
        _WORK,
        begin=run.last_params,
        more=_more(run, rule),
        schedule="constant" if schedule == "constant" else "cosine",
    )
    if trial is None:
        dear = f"Too dear to try: {FEWEST_UPDATES} updates more need more than is spent on it"
        return _Finding(None, dear, {})
    words = (
        f"From its last weights, {trial.updates} updates more take the frozen error on the training rows "
        f"from {said(run.last_train_error)} to {said(trial.errors[0])}, and that on the test rows to "
        f"{said(trial.test_errors[0])}"
    )
    evidence = {
        "updates": trial.updates,
        f"continued_{run.metric}": finite_or_none(trial.errors[0]),
        f"continued_test_{run.metric}": finite_or_none(trial.test_errors[0]),
    }
    return _Finding(_goes_on(run, trial, wrong_rows=wrong_rows), words, evidence)


def _by_rule(run: RunUnderExamination, rule: str, shown: _Finding) -> _Finding:
    """Return what going on has shown as a finding about the rule that ended or slowed the run."""
    if rule == "optimizer.schedule":
        share = run.rows[-1]["lr"] / run.config.optimizer.learning_rate
        words = f"The schedule had lowered the rate to {share:.2g} of its peak"
        evidence = {"rate_share": share}
    else:
        setting, made = getattr(run.config.train, rule.split(".")[1]), _epochs(run)
        words = (
            f"{rule}={setting:g} stopped the run after {made} of {run.config.train.epochs} epochs"
        )
        evidence = {"epochs": made, "rule": rule}
    return _Finding(shown.found, f"{words}. {shown.words}", evidence | shown.evidence)


def _epochs(run: RunUnderExamination) -> int:
    return run.rows[-1]["epoch"] if run.rows else 0


def _more(run: RunUnderExamination, rule: str | None) -> float:
    """Return for how many times its updates the run goes on: as planned, where a rule stopped it."""
    made = _epochs(run)
    more = max(_MORE, _LEAST_MORE / run.updates) if run.updates else _MORE
    if not made or rule is None or not rule.startswith("train."):
        return more
    return max(more, run.config.train.epochs / made - 1)


def _goes_on(run: RunUnderExamination, trial: Trial, *, wrong_rows: bool) -> bool | None:
    """Tell whether going on takes half of the error away, on rows that it does not learn by heart."""
    before = min(run.kept_train_error, run.last_train_error, run.constant_loss)
    mended = before >= run.goal and trial.errors[0] < MENDED_SHARE * before
    if mended and (wrong_rows or trial.test_errors[0] < _NO_WORSE * run.test_error):
        return True
    return False if 2 * trial.updates >= run.updates else None


def _of_the_curriculum(run: RunUnderExamination) -> _Finding:
    """Tell whether horizons still lengthened when the epochs were over."""
    horizons = [
        row[run.task.columns.horizon] for row in run.rows if run.task.columns.horizon in row
    ]
    whole = run.task.samples / run.task.time.samples
    longest = run.config.curriculum.longest_horizon
    aim = whole if longest is None else min(whole, longest)
    if len(horizons) < 2:
        return _Finding(None, "The curriculum made too few steps to tell", {})
    grew = bool(horizons[-1] > horizons[len(horizons) // 2])
    words = f"The horizon stood at {horizons[-1]:g} of {aim:g} {run.task.time.name} at the end"
    return _Finding(grew and bool(horizons[-1] < aim), words, {})


def _rule(run: RunUnderExamination) -> str | None:
    """Return the field of the rule that ended or slowed the run; None where its epochs did."""
    if not run.rows:
        return None
    train, optimizer, last = run.config.train, run.config.optimizer, run.rows[-1]
    if last["epoch"] < train.epochs:
        return _stopping_rule(run)
    slowed = last.get("lr") is not None and last["lr"] < _SLOWED * optimizer.learning_rate
    return "optimizer.schedule" if optimizer.schedule == "plateau" and slowed else None


def _stopping_rule(run: RunUnderExamination) -> str | None:
    """Return which rule stopped a run before its epochs were over; None for a signal or a bad number."""
    train, losses = run.config.train, [row["loss"] for row in run.rows]
    if any(loss is None for loss in losses):
        return None
    factor, best = train.divergence_factor, min(losses[:-1], default=None)
    if factor is not None and best is not None and losses[-1] > factor * best:
        return "train.divergence_factor"
    frozen = run.rows[-1].get(run.task.columns.frozen_per_group)
    if train.target_mse is not None and frozen is not None:
        known = [loss for loss in frozen if loss is not None]
        if known and max(known) < train.target_mse:
            return "train.target_mse"
    return None if train.patience is None else "train.patience"
