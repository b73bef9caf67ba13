"""Causes that need a trial: learning rate, capacity and truncation of the gradient."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from freqjax.diagnosis import gradients
from freqjax.diagnosis.examined import RunUnderExamination, mean_error
from freqjax.diagnosis.trial import FEWEST_UPDATES, Trial, retrain
from freqjax.tasks import Sequences
from freqjax.tasks.constructible import Constructible, Solution
from freqjax.tasks.examination import Examination
from freqjax.text import number

# A change explains the error if it alone removes at least this share of it.
_MENDED_SHARE = 0.5
# From a thousandth of the rate to ten thousand times: a wrong rate is usually wrong by orders of magnitude.
_SCALES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
_SAME = _SCALES.index(1.0)
# Time limit for the trials of all rates together, s.
_RATES_SECONDS = 8.0
# A truncated gradient with less than this share of the full slope is too short.
_SLOPE_SHARE = 1 / 3
# At weights that are not nearly right, thresholds of a truncated gradient that differs from the full one.
_COSINE, _NORM_RATIO = 0.5, 0.1
_WIDER = 8


def learning_rate(run: RunUnderExamination) -> tuple[Examination, Examination]:
    """Check whether the learning rate was too high or too low, by trials at eight rates."""
    trial = None
    if run.uses_rate:
        trial = retrain(run, _SCALES, seconds=min(_RATES_SECONDS, run.seconds_left / 2))
    best = None
    if trial is not None and np.isfinite(trial.errors).any():
        best = int(np.argmin(trial.errors))
    return (
        _rate(run, trial, best, "learning_rate_high", range(_SAME)),
        _rate(run, trial, best, "learning_rate_low", range(_SAME + 1, len(_SCALES))),
    )


def _rate(
    run: RunUnderExamination,
    trial: Trial | None,
    best: int | None,
    cause: str,
    others: Sequence[int],
) -> Examination:
    rate, scale = run.config.optimizer.learning_rate, 0.1 if cause.endswith("high") else 10.0
    found, evidence = None, {}
    if not run.uses_rate:
        words = (
            "No learning rate decided the steps: the curriculum's are damped Gauss-Newton steps."
        )
    elif trial is None:
        words = (
            f"Not tried: {FEWEST_UPDATES} updates at eight rates take longer than the time limit."
        )
    elif best is None:
        words = "No rate tried gives finite numbers."
    else:
        nearest = min(others, key=lambda r: trial.errors[r])
        scale, other, same = _SCALES[nearest], trial.errors[nearest], trial.errors[_SAME]
        kept = run.kept_train_error
        # If rates on both sides are better, the better one decides the side.
        found = best in others and _mends(run, other, kept, same)
        if not found and not trial.tells(run):
            found = None
        words = (
            f"From the same start, {trial.updates} updates at {scale:g} times the rate reach a frozen "
            f"error of {_say(other)}; at the run's own rate they reach {_say(same)}, and the run kept "
            f"{_say(kept)}."
        )
        evidence = {
            "updates": trial.updates,
            "share_of_an_epoch": trial.rows_seen,
            f"frozen_{run.metric}_per_rate": {
                f"{s * rate:.3g}": _finite(e) for s, e in zip(_SCALES, trial.errors, strict=True)
            },
            f"kept_{run.metric}": _finite(kept),
        }
    return Examination(
        cause=cause,
        found=found,
        words=words,
        evidence=evidence,
        threshold=(
            f"another rate alone removes at least {_MENDED_SHARE:.0%} of the error, of the run's and of the "
            "initial weights': a smaller change could be chance, or another failure"
        ),
        experiment=run.command(f"optimizer.learning_rate={rate * scale:g}"),
        advice=f"Set optimizer.learning_rate to {rate * scale:g}, or to the best of the rates tried.",
    )


def _mends(run: RunUnderExamination, reached: float, kept: float, same: float) -> bool:
    """Return whether a change explains the error.

    `reached` is the error with the change, `kept` that of the run and `same` that of a trial without the
    change, all on the training rows: if the run has learned these, or would have in as many updates, neither
    rate nor width is the cause. The error must also be as much below those of the initial weights and of the
    best constant, if they are better than the run, since a change that only does less harm is no remedy.
    """
    best = min(kept, same, run.initial_train_error, run.constant_loss)
    return min(kept, same) >= run.goal and reached < _MENDED_SHARE * best


def gradient_truncation(run: RunUnderExamination) -> Examination:
    """Check whether the gradient was truncated too early to assign credit."""
    found, evidence, solution = False, {}, _solution(run)
    words = "The gradient is propagated through the whole block: it is not truncated"
    if run.config.train.regime == "windows":
        words = (
            f"The gradient is propagated through all {run.window} samples of a window; the effect of the "
            "window is included in the limit"
        )
    elif run.window < run.task.samples:
        rows = gradients.affordable(run.train_rows)
        found, words, evidence = _at_the_last_weights(run, rows)
        if solution is not None:
            found, more, seen = _near_the_solution(run, rows, solution, bool(found))
            words, evidence = f"{words}. {more}", evidence | seen
        elif found is None:
            words += ": for weights without memory truncation loses nothing, so that this is inconclusive"
            if not isinstance(run.task, Constructible):
                found, more, tried = _with_the_whole_gradient(run)
                words, evidence = f"{words}. {more}", evidence | tried
    longer = (
        "Propagate the gradient through the block (train.regime=full), over lengthening horizons."
    )
    if not run.has_horizons:
        longer = "Propagate the gradient through whole sequences (train.truncation)."
    return Examination(
        cause="gradient_truncation",
        found=found,
        words=f"{words}.",
        evidence=evidence,
        threshold=_truncation_threshold(run, solution),
        experiment=run.through_time,
        advice=longer,
    )


def _at_the_last_weights(
    run: RunUnderExamination, rows: Sequences
) -> tuple[bool | None, str, dict[str, Any]]:
    """Compare the truncated and the full gradient at the last weights; return finding, words and numbers."""
    own = gradients.compare(run.network, run.task, run.last_params, rows, run.window)
    evidence = {
        "truncation": run.window,
        "samples": own.samples,
        "cosine": own.cosine,
        "norm_ratio": own.norm_ratio,
    }
    if own.cosine is None or own.norm_ratio is None:
        return None, "At the run's last weights there is no gradient to compare", evidence
    found = True if own.cosine < _COSINE or own.norm_ratio < _NORM_RATIO else None
    words = (
        f"At the run's last weights the gradient truncated after {run.window} samples has a cosine of "
        f"{own.cosine:.3g} with the full one and {own.norm_ratio:.3g} of its norm"
    )
    return found, words, evidence


def _near_the_solution(
    run: RunUnderExamination, rows: Sequences, solution: Solution, found: bool
) -> tuple[bool, str, dict[str, Any]]:
    """Compare slopes at weights that are nearly right; `found` is the finding at the run's own weights."""
    near = solution.nearly(rows.inputs.shape[1])
    seen = gradients.slope_seen(near, run.task, rows, run.window)
    share = max(seen)
    words = f"At {near.words} it has {share:.2g} of the slope that would correct it"
    if share < _SLOPE_SHARE and not found:
        words += (
            ": for weights without memory truncation loses nothing, and they never acquire memory"
        )
    evidence = {f"{solution.name}_slope_share": seen, **near.evidence}
    return found or share < _SLOPE_SHARE, words, evidence


def _with_the_whole_gradient(
    run: RunUnderExamination,
) -> tuple[bool | None, str, dict[str, Any]]:
    """Train with the full gradient in a trial; return finding, words and numbers.

    A task whose solution can be constructed needs no trial, which takes longer and is less conclusive.
    """
    samples, left = run.task.samples, run.seconds_left
    train = dataclasses.replace(
        run.config.train, regime="tbptt", truncation=samples, gradient="auto"
    )
    uncut = dataclasses.replace(run.config, train=train)
    whole = retrain(run, (1.0,), seconds=left / 4, config=uncut)
    cut = None
    if whole is not None:
        cut = retrain(run, (1.0,), seconds=left / 4, most=whole.updates)
    if cut is None or whole is None or cut.updates < whole.updates:
        return None, "The same training with the full gradient takes longer than the time limit", {}
    kept, reached, same = run.kept_train_error, whole.errors[0], cut.errors[0]
    words = (
        f"From the same start, {whole.updates} updates with a gradient through all {samples} samples reach a "
        f"frozen error of {_say(reached)}; with the truncated one they reach {_say(same)}, and the run kept "
        f"{_say(kept)}"
    )
    found = _mends(run, reached, kept, same) or (False if whole.tells(run) else None)
    evidence = {
        "updates": whole.updates,
        f"uncut_{run.metric}": _finite(reached),
        f"same_{run.metric}": _finite(same),
        f"kept_{run.metric}": _finite(kept),
    }
    return found, words, evidence


def _truncation_threshold(run: RunUnderExamination, solution: Solution | None) -> str:
    said = (
        f"at the run's own weights a cosine below {_COSINE:g} or {_NORM_RATIO:g} of the norm: the rest is "
        "small compared with the noise of the samples"
    )
    if solution is not None:
        return (
            f"at a nearly right {solution.name} the truncated gradient has less than {_SLOPE_SHARE:.2g} of "
            f"the slope along {solution.along}, about K / T; or {said}"
        )
    if isinstance(run.task, Constructible):
        return said
    return f"the full gradient alone removes at least {_MENDED_SHARE:.0%} of the error; or {said}"


def _solution(run: RunUnderExamination) -> Solution | None:
    """Return the known weights that solve the task of the run, or None."""
    return run.task.solution() if isinstance(run.task, Constructible) else None


def capacity(run: RunUnderExamination) -> Examination:
    """Check whether a wider network reaches a lower error."""
    hidden, metric = run.config.network.hidden_size, run.metric
    refuted = _refuted_by_solution(run)
    if refuted is not None:
        return refuted
    if not run.uses_rate:
        words = "Repeating the curriculum with a wider network takes longer than the time limit."
        return _capacity(run, None, words, {})
    wide, left = hidden * _WIDER, run.seconds_left
    network = dataclasses.replace(run.config.network, hidden_size=wide)
    wide_config = dataclasses.replace(run.config, network=network)
    wider = retrain(run, (1.0,), seconds=left / 2, config=wide_config)
    narrow = None
    if wider is not None:
        narrow = retrain(run, (1.0,), seconds=left / 4, most=wider.updates)
    if narrow is None or wider is None or narrow.updates < wider.updates:
        words = f"Not tried: the same training with {wide} units takes longer than the time limit."
        return _capacity(run, None, words, {})
    kept, reached, same = run.kept_train_error, wider.errors[0], narrow.errors[0]
    words = (
        f"With the same training, {wider.updates} updates with {wide} units reach a frozen error of "
        f"{_say(reached)}; with {hidden} they reach {_say(same)}, and the run kept {_say(kept)}."
    )
    found = _mends(run, reached, kept, same)
    if not found and not wider.tells(run):
        found = None
    evidence = {
        "hidden_size": hidden,
        "wider": wide,
        "updates": wider.updates,
        f"wider_{metric}": _finite(reached),
        f"same_{metric}": _finite(same),
        f"kept_{metric}": _finite(kept),
    }
    return _capacity(run, found, words, evidence)


def _refuted_by_solution(run: RunUnderExamination) -> Examination | None:
    """Construct a known solution in a network of this size, which shows what it can represent."""
    solution = _solution(run)
    params = None if solution is None else solution.params_of(run.network)
    if solution is None or params is None:
        return None
    hidden, test = run.config.network.hidden_size, run.prepared.batches["test"]
    outputs = run.prepared.frozen(params).outputs("test")
    error = mean_error(outputs, run.task.sequences(test), run.task)
    if error >= run.goal:
        return None
    words = (
        f"{hidden} units are enough: with the weights of a {solution.name} (constructed, not learned) the "
        f"error on the test rows is {number(error)}."
    )
    return _capacity(run, False, words, {"hidden_size": hidden, f"constructed_{run.metric}": error})


def _capacity(
    run: RunUnderExamination, found: bool | None, words: str, evidence: dict[str, Any]
) -> Examination:
    hidden = run.config.network.hidden_size
    return Examination(
        cause="capacity",
        found=found,
        words=words,
        evidence=evidence,
        threshold=(
            "weights of this size that solve the task refute it; if none are known, it is found if "
            f"{_WIDER} times as many units alone remove at least {_MENDED_SHARE:.0%} of the error"
        ),
        experiment=run.command(f"network.hidden_size={hidden * _WIDER}"),
        advice=f"Raise network.hidden_size above {hidden}.",
    )


def _say(value: float) -> str:
    return number(value) if math.isfinite(value) else "no finite value"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
