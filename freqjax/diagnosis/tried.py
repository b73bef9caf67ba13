"""Causes that only a trial can tell: another rate, another width, a gradient that is not cut."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from freqjax.diagnosis import gradients
from freqjax.diagnosis.patient import Patient
from freqjax.diagnosis.rehearsal import FEWEST_UPDATES, Rehearsal, rehearse
from freqjax.networks import GivesWeights, SingleLstm, make_network
from freqjax.tasks.examination import Examination
from freqjax.tasks.extraction.clock import Clock
from freqjax.text import number

# A change of the recipe explains the error if it alone takes at least this share of it away.
_MENDED_SHARE = 0.5
# From a thousandth of the rate to ten thousand times: rates that people set wrongly are wrong by decades.
_SCALES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
_SAME = _SCALES.index(1.0)
# A cut gradient that sees less than this share of the whole slope is too short.
_SLOPE_SHARE = 1 / 3
# At weights that hold no clock, a cut gradient this far from the whole one points elsewhere.
_COSINE, _NORM_RATIO = 0.5, 0.1
_WIDER = 8


def learning_rate(patient: Patient) -> tuple[Examination, Examination]:
    """Too high and too low: the run's recipe at eight rates, from the same start."""
    rehearsal = None
    if patient.uses_rate:
        rehearsal = rehearse(patient, _SCALES, seconds=min(8.0, patient.seconds_left / 2))
    best = None
    if rehearsal is not None and np.isfinite(rehearsal.errors).any():
        best = int(np.argmin(rehearsal.errors))
    return (
        _rate(patient, rehearsal, best, "learning_rate_high", range(_SAME)),
        _rate(patient, rehearsal, best, "learning_rate_low", range(_SAME + 1, len(_SCALES))),
    )


def _rate(
    patient: Patient,
    rehearsal: Rehearsal | None,
    best: int | None,
    cause: str,
    others: Sequence[int],
) -> Examination:
    rate, scale = patient.config.optimizer.learning_rate, 0.1 if cause.endswith("high") else 10.0
    found, evidence = None, {}
    if not patient.uses_rate:
        words = (
            "No learning rate decided the steps: the curriculum's are damped Gauss-Newton steps."
        )
    elif rehearsal is None:
        words = f"Too dear to try: {FEWEST_UPDATES} updates at eight rates take longer than may be spent."
    elif best is None:
        words = "No rate that was tried gives finite numbers."
    else:
        nearest = min(others, key=lambda r: rehearsal.errors[r])
        scale, other, same = _SCALES[nearest], rehearsal.errors[nearest], rehearsal.errors[_SAME]
        kept = float(np.mean(patient.frozen_train_errors(patient.params)))
        # Where rates on both sides do better the better one names the side.
        found = best in others and _mends(patient, other, kept, same)
        if not found and not rehearsal.tells(patient):
            found = None
        words = (
            f"From the same start, {rehearsal.updates} updates at {scale:g} times the rate reach a frozen "
            f"error of {_say(other)}; at the run's own rate they reach {_say(same)}, and the run kept "
            f"{_say(kept)}."
        )
        evidence = {
            "updates": rehearsal.updates,
            "share_of_an_epoch": rehearsal.rows_seen,
            "frozen_mse_per_rate": {
                f"{s * rate:.3g}": _finite(e)
                for s, e in zip(_SCALES, rehearsal.errors, strict=True)
            },
            "kept_mse": _finite(kept),
        }
    return Examination(
        cause=cause,
        found=found,
        words=words,
        evidence=evidence,
        threshold=(
            f"another rate alone takes at least {_MENDED_SHARE:.0%} of the error away, of the run's and of "
            "the first weights': less could be luck, or another way of failing"
        ),
        experiment=patient.command(f"optimizer.learning_rate={rate * scale:g}"),
        advice=f"Set optimizer.learning_rate to {rate * scale:g}, or to the best of the rates tried.",
    )


def _mends(patient: Patient, reached: float, kept: float, same: float) -> bool:
    """Whether a change that reached an error explains what the run kept, and `same` without the change.

    All of them are on the training rows: where the run has learned those, neither rate nor width failed.
    And it must be as much better than the first weights and than predicting zero, if they are better
    than the run: a change that only does less harm mends nothing.
    """
    first = float(np.mean(patient.frozen_train_errors(patient.initial_params)))
    return kept >= patient.goal and reached < _MENDED_SHARE * min(kept, same, first, patient.zero)


def gradient_truncation(patient: Patient) -> Examination:
    """Whether the gradient was cut before the error could reach what caused it."""
    found, evidence = False, {}
    words = "The gradient goes through the whole block: nothing is cut"
    window, samples = patient.window, patient.task.samples
    if patient.shuffled:
        words = (
            f"The gradient goes through all {window} samples of a window, beyond which nothing is learned "
            "from; what that costs is in the limit of the window"
        )
    elif window < samples:
        own = gradients.compare(
            patient.network, patient.task, patient.last_params, patient.train_rows, window
        )
        evidence = {"truncation": window, "samples": own.samples, "cosine": own.cosine}
        evidence["norm_ratio"] = own.norm_ratio
        found = None
        if own.cosine is None or own.norm_ratio is None:
            words = "At the run's last weights there is no gradient to compare"
        else:
            found = True if own.cosine < _COSINE or own.norm_ratio < _NORM_RATIO else None
            words = (
                f"At the run's last weights the gradient cut after {window} samples has a cosine of "
                f"{own.cosine:.3g} with the whole one and {own.norm_ratio:.3g} of its norm"
            )
        task = patient.task
        clock = task.constructed() if isinstance(task, GivesWeights) else None
        if task.keeps_time and isinstance(clock, Clock):
            slope = gradients.clock_slope(clock, task, patient.train_rows, window)
            share = max(slope.share)
            evidence |= {"clock_slope_share": slope.share, "clock_off_hz": slope.off_hz}
            words += (
                f". At a clock that is {1e3 * slope.off_hz:.3g} mHz off it sees {share:.2g} of the slope "
                "that would mend it"
            )
            if share < _SLOPE_SHARE and not found:
                words += (
                    ": weights that remember nothing have nothing to lose by the cut, and never learn "
                    "to remember"
                )
            found = bool(found) or share < _SLOPE_SHARE
        elif found is None:
            words += ": weights that remember nothing have nothing to lose by the cut, so that tells nothing"
    return Examination(
        cause="gradient_truncation",
        found=found,
        words=f"{words}.",
        evidence=evidence,
        threshold=(
            f"at a nearly right clock the cut gradient sees less than {_SLOPE_SHARE:.2g} of the slope along "
            f"a frequency, about K / T; or at the run's own weights a cosine below {_COSINE:g} or "
            f"{_NORM_RATIO:g} of the norm: what is left is drowned by the noise of the samples"
        ),
        experiment=patient.with_curriculum,
        advice="Let the gradient reach through the block (train.regime=full), over horizons that lengthen.",
    )


def capacity(patient: Patient) -> Examination:
    """Whether more units would have done what these could not."""
    hidden = patient.config.network.hidden_size
    if patient.task.keeps_time and _can_be_constructed(patient, hidden):
        mse = _constructed_error(patient)
        if mse < patient.goal:
            words = (
                f"{hidden} units are enough: with a clock written into them (constructed, not learned) the "
                f"error on the test rows is {number(mse)}."
            )
            evidence = {"hidden_size": hidden, "constructed_mse": mse}
            return _capacity(patient, False, words, evidence)
    if not patient.uses_rate:
        return _capacity(patient, None, "The curriculum's steps are too dear to repeat wider.", {})
    wide, left = hidden * _WIDER, patient.seconds_left
    wider = rehearse(patient, (1.0,), seconds=left / 2, hidden_size=wide)
    narrow = None
    if wider is not None:
        narrow = rehearse(patient, (1.0,), seconds=left / 4, most=wider.updates)
    if narrow is None or wider is None or narrow.updates < wider.updates:
        return _capacity(patient, None, f"Too dear to try: the same recipe with {wide} units.", {})
    kept = float(np.mean(patient.frozen_train_errors(patient.params)))
    reached, same = wider.errors[0], narrow.errors[0]
    words = (
        f"From the same recipe, {wider.updates} updates with {wide} units reach a frozen error of "
        f"{_say(reached)}; with {hidden} they reach {_say(same)}, and the run kept {_say(kept)}."
    )
    found = _mends(patient, reached, kept, same)
    if not found and not wider.tells(patient):
        found = None
    evidence = {
        "hidden_size": hidden,
        "wider": wide,
        "updates": wider.updates,
        "wider_mse": _finite(reached),
        "same_mse": _finite(same),
        "kept_mse": _finite(kept),
    }
    return _capacity(patient, found, words, evidence)


def _can_be_constructed(patient: Patient, hidden: int) -> bool:
    """Whether weights that solve the task are known for a network like this one."""
    task = patient.task
    if not (isinstance(task, GivesWeights) and isinstance(patient.network, SingleLstm)):
        return False
    return hidden >= task.constructed().units


def _constructed_error(patient: Patient) -> float:
    """Of a network of this very size with the clock written in: what it can hold, if not learn."""
    task = patient.task
    config = dataclasses.replace(patient.config.network, initializer="constructed")
    params = make_network(config, task).init(jax.random.key(0))
    outputs = patient.prepared.frozen(params).outputs("test")
    return task.measure(outputs, patient.prepared.batches["test"])["mse"]


def _capacity(
    patient: Patient, found: bool | None, words: str, evidence: dict[str, Any]
) -> Examination:
    hidden = patient.config.network.hidden_size
    return Examination(
        cause="capacity",
        found=found,
        words=words,
        evidence=evidence,
        threshold=(
            "weights of this size that solve the task refute it; where none can be written down, it is found "
            f"where {_WIDER} times as many units alone take at least {_MENDED_SHARE:.0%} of the error away"
        ),
        experiment=patient.command(f"network.hidden_size={hidden * _WIDER}"),
        advice=f"Raise network.hidden_size above {hidden}.",
    )


def _say(value: float) -> str:
    return number(value) if math.isfinite(value) else "no finite value"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
