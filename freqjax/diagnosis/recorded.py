"""Causes that the run's own records show: its losses, its gradients, its limit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from freqjax.diagnosis.patient import Patient
from freqjax.report.summary import CHASING_RATIO
from freqjax.tasks.examination import Examination
from freqjax.text import number
from freqjax.training.monitors import EXPLODING_NORM, VANISHING_NORM

# Where at least this share of the error cannot be avoided, the limit explains it.
_LIMIT_SHARE = 0.5
# A prequential loss above this share of the zero predictor's shows no sign of success to be explained.
_SUCCESS_SHARE = 0.8
# The block trained last is remembered and another forgotten if their errors differ by this much.
_FORGETTING_RATIO = 3.0
_OVERFITTING_RATIO = 2.0
# Gradients are too large where they are so in this share of the epochs.
_EXPLODED_SHARE = 0.25


def non_finite(patient: Patient) -> Examination:
    """Whether a number of the run, or its output, is not finite."""
    bad = next((row for row in patient.rows if row["loss"] is None or _named(row)), None)
    words = "Every loss and gradient is finite, and so is the output."
    if bad is not None:
        said = next(iter(_named(bad)), f"the loss of epoch {bad['epoch']} is not finite")
        words = f"{said[0].upper()}{said[1:]}."
    elif not patient.evaluation.is_finite:
        words = "The output of the kept weights is not finite."
    return Examination(
        cause="non_finite",
        found=bad is not None or not patient.evaluation.is_finite,
        words=words,
        evidence={
            "epoch": None if bad is None else bad["epoch"],
            "step": None if bad is None else bad["step"],
            "largest_gradient_norm": _largest(patient),
        },
        threshold="any loss, gradient or output that is not finite: nothing after it means anything",
        experiment=patient.command("optimizer.learning_rate=0.001", "optimizer.clip_norm=1.0"),
        advice="Clip the gradient and lower the learning rate; if it stays, look at the first bad rows.",
    )


def _named(row: dict[str, Any]) -> list[str]:
    return [alert for alert in row["alerts"] if alert.startswith("non-finite")]


def information_limit(patient: Patient) -> Examination:
    """Whether what is possible lies close to what was reached."""
    limits = patient.evaluation.limit_per_group
    worst = None if limits is None else max(limits)
    floor = None if limits is None else float(np.mean(limits))
    found = (
        None
        if floor is None or worst is None or not math.isfinite(patient.error)
        else (worst >= patient.goal and floor >= _LIMIT_SHARE * patient.error)
    )
    if not math.isfinite(patient.error):
        words = "The output is not finite: it cannot be held against what is possible."
    elif floor is None:
        words = f"The limit is not known: {patient.evaluation.limit_note}"
    elif found:
        words = (
            f"Nobody can do better than {number(floor)} on these streams; "
            f"the network is at {number(patient.error)}."
        )
    else:
        words = (
            f"It is possible: the limit is {number(floor)}, and the network is at "
            f"{number(patient.error)}."
        )
    return Examination(
        cause="information_limit",
        found=found,
        words=words,
        evidence={"bayes_mse": floor, "bayes_mse_worst": worst, "mse": _json(patient.error)},
        threshold=(
            f"the limit is at least {_LIMIT_SHARE:g} of the error, and above the goal of "
            f"{number(patient.goal)} in some component: then most of the error is nobody's fault"
        ),
        experiment=patient.command(patient.task.easier or "task.noise=fresh"),
        advice="Ask for less: a known start, a smaller phase_scale, longer streams, or a later judgement.",
    )


def exploding_gradient(patient: Patient) -> Examination:
    """Whether the gradient was too large before it was clipped, from the first epoch on, and often."""
    largest, layer, epoch = _extreme_layer(patient, largest=True)
    norms = [row["grad_norm"] for row in patient.rows if row.get("grad_norm") is not None]
    share = sum(norm > EXPLODING_NORM for norm in norms) / len(norms) if norms else 0.0
    found = (share >= _EXPLODED_SHARE and norms[0] > EXPLODING_NORM) if norms else None
    return Examination(
        cause="exploding_gradient",
        found=found,
        words=(
            "No gradient was recorded."
            if largest is None
            else f"The mean gradient before clipping was above {EXPLODING_NORM:g} in {share:.0%} of the "
            f"epochs; the largest was {largest:.3g}, in {layer} in epoch {epoch}."
        ),
        evidence={
            "share_of_epochs": share,
            "largest_norm": largest,
            "layer": layer,
            "epoch": epoch,
        },
        threshold=(
            f"an epoch's mean norm above {EXPLODING_NORM:g}, in the first and in at least "
            f"{_EXPLODED_SHARE:.0%} of the epochs: first weights are right in nothing, and errors of size "
            "one give norms near one unless the recurrence multiplies them. A nearly right clock may have "
            "hundreds later on, and a single spike is clipped and passes"
        ),
        experiment=patient.command("network.initializer=orthogonal", "optimizer.clip_norm=1.0"),
        advice="Start from weights that keep an error's size (rotor, orthogonal); clip; cut it sooner.",
    )


def vanishing_gradient(patient: Patient) -> Examination:
    """Whether a layer's gradient was nothing from the first epoch on, and in most epochs."""
    dead = _dead_layers(patient)
    return Examination(
        cause="vanishing_gradient",
        found=bool(dead) if _recorded(patient) else None,
        words=(
            "No gradient was recorded."
            if not _recorded(patient)
            else "No gradient at all reached "
            + ", ".join(f"{name} ({share:.0%} of the epochs)" for name, share in dead.items())
            + "."
            if dead
            else "Every layer had a gradient at first or in most epochs."
        ),
        evidence={
            "share_of_epochs_per_layer": dead,
            "smallest_norm": _extreme_layer(patient, largest=False)[0],
        },
        threshold=(
            f"the largest norm in an epoch below {VANISHING_NORM:g}, in the first epoch and in at least half "
            "of them: nothing but rounding is left in float32 beside losses of size one, and a gradient that "
            "dies later was killed by something else"
        ),
        experiment=patient.command(
            "network.initializer=rotor", "network.learned_carry=true", *patient.to_one_lstm
        ),
        advice="Start from gates that are half open (any initialiser here); scale inputs to size one.",
    )


def weight_chasing(patient: Patient) -> Examination:
    """Whether the loss while training looked better than the weights are."""
    ratio, group, epoch, moving, frozen = _largest_gap(patient)
    within = patient.window < patient.task.samples and not patient.shuffled
    found = within and ratio is not None and ratio > CHASING_RATIO and not _last_is_learned(patient)
    if patient.shuffled:
        words = "Windows are shuffled: no target moves on from one update to the next."
    elif not within:
        words = "No update comes between the rows of a block: the weights cannot follow its target."
    elif ratio is None:
        words = "No epoch has both losses, or the loss while training shows nothing to explain."
    else:
        words = (
            f"In epoch {epoch} the loss of {group} was {number(moving)} while training and {number(frozen)} "
            f"with the weights frozen: {ratio:#.3g} times."
        )
    return Examination(
        cause="weight_chasing",
        found=found,
        words=words,
        evidence={
            "ratio": ratio,
            "component": group,
            "epoch": epoch,
            "prequential_mse": moving,
            "frozen_mse": frozen,
        },
        threshold=(
            f"frozen / prequential above {CHASING_RATIO:g} in a component: weights that hold what they "
            "learned give a ratio of one, and a noisy epoch stays well below this"
        ),
        experiment=patient.command(
            f"optimizer.learning_rate={patient.config.optimizer.learning_rate / 1000:g}"
        ),
        refuted_if="the loss while training stays as low with steps a thousand times smaller",
        advice=(
            "Do not read the loss while training: it falls because the weights move with the target. "
            "Judge by the frozen loss, and let the gradient reach through time."
        ),
    )


def _largest_gap(patient: Patient) -> tuple[Any, ...]:
    """(ratio, group, epoch, prequential, frozen) of the component and epoch where they differ most."""
    label = patient.task.group_label
    gaps: list[tuple[Any, ...]] = [
        (frozen / moving, name, row["epoch"], moving, frozen)
        for row in patient.rows
        if "horizon_s" not in row and row[f"frozen_mse_per_{label}"] is not None
        for name, moving, frozen in zip(
            patient.task.group_names,
            row[f"loss_per_{label}"],
            row[f"frozen_mse_per_{label}"],
            strict=True,
        )
        if moving and frozen and moving < _SUCCESS_SHARE * patient.zero
    ]
    return max(gaps, default=(None,) * 5)


def forgetting(patient: Patient) -> Examination:
    """Whether the component trained last is known and one trained before it is not, though it was."""
    found, evidence = None, {}
    words = "Components are trained side by side: none comes last."
    in_order = patient.config.train.streams == "sequential" and not patient.shuffled
    if in_order and len(patient.task.group_names) > 1:
        last, worst, name = _last_and_worst(patient)
        learned = _last_is_learned(patient)
        moving = _last_prequential(patient, name)
        found = learned and moving is not None and moving < _SUCCESS_SHARE * patient.zero
        words = (
            f"With the last weights the component trained last has {number(last)}, and {name} "
            f"{number(worst)}"
            + ("." if moving is None else f" ({number(moving)} while it was trained).")
        )
        evidence = {
            "last_component_mse": _json(last),
            "worst_mse": _json(worst),
            "worst": name,
            "worst_prequential_mse": moving,
        }
    return Examination(
        cause="forgetting",
        found=found,
        words=words,
        evidence=evidence,
        threshold=(
            f"the component trained last is {_FORGETTING_RATIO:g} times better than another that had been "
            "learned while it was trained: order alone makes no such difference to weights that keep both"
        ),
        experiment=patient.command("train.streams=parallel"),
        advice="Train the components side by side (train.streams=parallel), or lower the rate.",
    )


def _last_and_worst(patient: Patient) -> tuple[float, float, str]:
    """Frozen error on the training rows of the component trained last, of the worst, and its name."""
    errors = patient.last_train_errors
    worst = int(np.argmax(errors))
    return (
        errors[int(patient.train_rows.groups[-1])],
        errors[worst],
        patient.task.group_names[worst],
    )


def _last_is_learned(patient: Patient) -> bool:
    """Whether the weights at the end know the component that was trained last, and others far less."""
    if patient.config.train.streams != "sequential" or len(patient.task.group_names) < 2:
        return False
    last, worst, _ = _last_and_worst(patient)
    return last < worst / _FORGETTING_RATIO and last < _SUCCESS_SHARE / 2 * patient.zero


def _last_prequential(patient: Patient, name: str) -> float | None:
    if not patient.rows:
        return None
    losses = patient.rows[-1][f"loss_per_{patient.task.group_label}"]
    return losses[patient.task.group_names.index(name)]


def overfitting(patient: Patient) -> Examination:
    """Whether the training rows are known and the test rows are not."""
    train = patient.train["mse"]
    test = patient.test["mse"]
    known = np.isfinite([_number(train), _number(test)]).all() and train > 0
    ratio = test / train if known else math.nan
    found = ratio > _OVERFITTING_RATIO if known else None
    rows = int(np.prod(np.asarray(patient.train_rows.targets).shape[:2]))
    return Examination(
        cause="overfitting",
        found=found,
        words=(
            f"Frozen, the error on the training rows is {number(train)} and on the test rows {number(test)}: "
            f"{ratio:#.3g} times."
            if known
            else "The errors on the training and the test rows cannot be compared."
        ),
        evidence={
            "train_mse": train,
            "test_mse": test,
            "ratio": _json(ratio),
            "training_rows": rows,
        },
        threshold=(
            f"test / train above {_OVERFITTING_RATIO:g}: both hold as many seconds of the same law, so that "
            "chance alone moves it by a few per cent"
        ),
        experiment=patient.command("task.noise=fresh")
        if not patient.config.task.train_path
        else patient.command("optimizer.name=adamw", "optimizer.weight_decay=0.01"),
        advice="Show it more: fresh noise, more starts, longer streams. Only then fewer weights.",
    )


def _largest(patient: Patient) -> float | None:
    norms = [row["grad_norm_max"] for row in patient.rows if row.get("grad_norm_max") is not None]
    return max(norms, default=None)


def _extreme_layer(
    patient: Patient, *, largest: bool
) -> tuple[float | None, str | None, int | None]:
    """(norm, layer, epoch) of the largest or smallest of the epochs' maxima."""
    norms = [
        (norm, name, row["epoch"])
        for row in patient.rows
        for name, norm in row.get("grad_norm_max_per_layer", {}).items()
        if norm is not None
    ]
    pick = max if largest else min
    return pick(norms, default=(None, None, None))


def _recorded(patient: Patient) -> bool:
    """Whether any epoch has a gradient that is a number."""
    return any(
        norm is not None
        for row in patient.rows
        for norm in row.get("grad_norm_max_per_layer", {}).values()
    )


def _dead_layers(patient: Patient) -> dict[str, float]:
    """Layers without a gradient in the first epoch and in at least half of them, and in what share."""
    counts: dict[str, int] = {}
    first = patient.rows[0].get("grad_norm_max_per_layer", {}) if patient.rows else {}
    dead = {name for name, norm in first.items() if norm is not None and norm < VANISHING_NORM}
    for row in patient.rows:
        for name, norm in row.get("grad_norm_max_per_layer", {}).items():
            counts[name] = counts.get(name, 0) + (norm is not None and norm < VANISHING_NORM)
    shares = {name: count / len(patient.rows) for name, count in counts.items()}
    return {name: share for name, share in shares.items() if name in dead and share >= 0.5}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _json(value: float) -> float | None:
    return value if math.isfinite(value) else None
