"""The learning rate as a cause: the run's own recipe at eight rates from the same start."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.diagnosis.mending import (
    MENDED_SHARE,
    Beside,
    finite_or_none,
    mends,
    mends_beside,
    said,
)
from freqjax.diagnosis.trial import FEWEST_UPDATES, Trial, retrain
from freqjax.tasks.examination import Examination

# From a thousandth of the rate to ten thousand times: rates that people set wrongly are wrong by decades.
_SCALES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
_SAME = _SCALES.index(1.0)
# For each rate: a second or so on one core.
_WORK = 2e9


def learning_rate(
    run: RunUnderExamination, beside: Beside | None = None
) -> tuple[Examination, Examination]:
    """Try the run's recipe at eight rates from the same start: was its own too high, or too low?

    With `beside` another fault of the recipe is mended in all of them: two at once hide each other.
    """
    trial = None
    if run.uses_rate and not run.knows_its_rows:
        trial = retrain(run, _SCALES, _WORK, config=None if beside is None else beside.config)
    best = None
    if trial is not None and np.isfinite(trial.errors).any():
        best = int(np.argmin(trial.errors))
    return (
        _rate(run, trial, best, "learning_rate_high", range(_SAME), beside),
        _rate(run, trial, best, "learning_rate_low", range(_SAME + 1, len(_SCALES)), beside),
    )


def better_scale(rates: Sequence[Examination], rate: float) -> float | None:
    """Return the multiple of the rate that mended most where a rate was found to be wrong."""
    for examination in rates:
        if examination.found:
            return examination.evidence["better_rate"] / rate
    return None


def _rate(
    run: RunUnderExamination,
    trial: Trial | None,
    best: int | None,
    cause: str,
    others: Sequence[int],
    beside: Beside | None,
) -> Examination:
    rate, scale = run.config.optimizer.learning_rate, 0.1 if cause.endswith("high") else 10.0
    found, evidence = None, {}
    if not run.uses_rate:
        words = (
            "No learning rate decided the steps: the curriculum's are damped Gauss-Newton steps."
        )
    elif run.knows_its_rows:
        found, words = False, "The training rows are learned: the rate did for them."
    elif trial is None:
        words = f"Too dear to try: {FEWEST_UPDATES} updates at eight rates need more than is spent on it."
    elif best is None:
        words = "No rate that was tried gives finite numbers."
    else:
        nearest = min(others, key=lambda r: trial.errors[r])
        scale, other, same = _SCALES[nearest], trial.errors[nearest], trial.errors[_SAME]
        tested = trial.test_errors[nearest]
        # Where rates on both sides do better the better one names the side.
        found = best in others and (
            mends(run, other, same) if beside is None else mends_beside(run, other, same)
        )
        if not found and not trial.tells(run):
            found = None
        words = (
            f"From the same start{'' if beside is None else f' {beside.words}'}, {trial.updates} updates at "
            f"{scale:g} times the rate reach a frozen error of {said(other)}; at the run's own rate they "
            f"reach {said(same)}, and the run kept {said(run.kept_train_error)}."
        )
        evidence = {
            "updates": trial.updates,
            "share_of_an_epoch": trial.rows_seen,
            f"frozen_{run.metric}_per_rate": {
                f"{s * rate:.3g}": finite_or_none(e)
                for s, e in zip(_SCALES, trial.errors, strict=True)
            },
            f"same_{run.metric}": finite_or_none(same),
            f"kept_{run.metric}": finite_or_none(run.kept_train_error),
            "better_rate": scale * rate,
            f"better_{run.metric}": finite_or_none(other),
            f"better_test_{run.metric}": finite_or_none(tested),
        }
    return Examination(
        cause=cause,
        found=found,
        words=words,
        evidence=evidence,
        threshold=(
            f"another rate alone takes at least {MENDED_SHARE:.0%} of the error away, of the run's and of "
            "the first weights': less could be luck, or another way of failing"
        ),
        experiment=run.command(*_changes(run, scale), *(() if beside is None else beside.changes)),
        advice=f"Set optimizer.learning_rate to {rate * scale:g}, or to the best of the rates tried.",
    )


def at(run: RunUnderExamination, scale: float) -> Beside:
    """Return the run's recipe at `scale` times its rate."""
    optimizer = run.config.optimizer
    changed = dataclasses.replace(
        optimizer,
        learning_rate=scale * optimizer.learning_rate,
        weight_decay=_decay(run, scale),
    )
    return Beside(
        dataclasses.replace(run.config, optimizer=changed),
        f"at {scale:g} times the rate",
        tuple(_changes(run, scale)),
    )


def _decay(run: RunUnderExamination, scale: float) -> float:
    """Return the decay that is no weaker at `scale` times the rate: see `retrain`."""
    optimizer = run.config.optimizer
    return optimizer.weight_decay / (min(scale, 1.0) if optimizer.name == "adamw" else 1)


def _changes(run: RunUnderExamination, scale: float) -> list[str]:
    optimizer = run.config.optimizer
    changes = [f"optimizer.learning_rate={optimizer.learning_rate * scale:g}"]
    if _decay(run, scale) != optimizer.weight_decay:
        changes.append(f"optimizer.weight_decay={_decay(run, scale):g}")
    return changes
