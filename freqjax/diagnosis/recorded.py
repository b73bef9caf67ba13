"""Causes that are detected from a run's records: its losses and its gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.report.summary import CHASING_RATIO
from freqjax.tasks.examination import Examination
from freqjax.text import number
from freqjax.training.monitors import EXPLODING_NORM, VANISHING_NORM

# A prequential loss above this share of the constant predictor's is no apparent success.
_SUCCESS_SHARE = 0.8
# Ratio of the errors of a forgotten group and of the group trained last.
_FORGETTING_RATIO = 3.0
_OVERFITTING_RATIO = 2.0
# Share of the epochs in which gradients must be too large.
_EXPLODED_SHARE = 0.25
# Thresholds of gradients are for losses of size one: if the constant predictor's loss is larger, gradients
# may be larger, and if it is below a quarter, they may be smaller.
_SMALL_LOSS = 4.0


def non_finite(run: RunUnderExamination) -> Examination:
    """Check whether a number of the run, or its output, is not finite."""
    bad = next((row for row in run.rows if row["loss"] is None or _named(row)), None)
    finite = run.evaluation.is_finite and math.isfinite(run.test_loss)
    words = "Every loss and gradient is finite, and so is the output."
    if bad is not None:
        said = next(iter(_named(bad)), f"the loss of epoch {bad['epoch']} is not finite")
        words = f"{said[0].upper()}{said[1:]}."
    elif not finite:
        words = "The output of the kept weights is not finite."
    return Examination(
        cause="non_finite",
        found=bad is not None or not finite,
        words=words,
        evidence={
            "epoch": None if bad is None else bad["epoch"],
            "step": None if bad is None else bad["step"],
            "largest_gradient_norm": _largest(run),
        },
        threshold="any loss, gradient or output that is not finite: all later numbers are meaningless",
        experiment=run.command("optimizer.learning_rate=0.001", *clipping(run)),
        advice="Clip the gradient and lower the learning rate; if it stays, look at the first bad rows.",
    )


def clipping(run: RunUnderExamination) -> list[str]:
    """Return the fields of an experiment that clips the global norm of the gradient at 1."""
    rule = [] if run.config.optimizer.clip == "global" else ["optimizer.clip=global"]
    return [*rule, "optimizer.clip_norm=1.0"]


def _named(row: dict[str, Any]) -> list[str]:
    return [alert for alert in row["alerts"] if alert.startswith("non-finite")]


def exploding_gradient(run: RunUnderExamination) -> Examination:
    """Check whether the gradient before clipping was too large from the first epoch on, and often."""
    largest, layer, epoch = _extreme_layer(run, largest=True)
    norms = [row["grad_norm"] for row in run.rows if row.get("grad_norm") is not None]
    most = EXPLODING_NORM * max(1.0, run.constant_loss)
    share = sum(norm > most for norm in norms) / len(norms) if norms else 0.0
    found = (share >= _EXPLODED_SHARE and norms[0] > most) if norms else None
    starts = "rotor, orthogonal" if run.has_rotors else "orthogonal"
    return Examination(
        cause="exploding_gradient",
        found=found,
        words=(
            "No gradient was recorded."
            if largest is None
            else f"The mean gradient before clipping was above {most:g} in {share:.0%} of the "
            f"epochs; the largest was {largest:.3g}, in {layer} in epoch {epoch}."
        ),
        evidence={
            "share_of_epochs": share,
            "largest_norm": largest,
            "layer": layer,
            "epoch": epoch,
        },
        threshold=(
            f"an epoch's mean norm above {most:g}, in the first and in at least {_EXPLODED_SHARE:.0%} of the "
            "epochs: errors of size one give norms near one at the initial weights, unless the recurrence "
            "amplifies them. Nearly right weights may have norms of hundreds later, and clipping removes a "
            "single spike"
        ),
        experiment=run.command("network.initializer=orthogonal", *clipping(run)),
        advice=f"Start from weights that preserve an error's norm ({starts}); clip; truncate earlier.",
    )


def vanishing_gradient(run: RunUnderExamination) -> Examination:
    """Check whether a layer's gradient was negligible from the first epoch on, and in most epochs."""
    least = VANISHING_NORM * min(1.0, _SMALL_LOSS * run.constant_loss)
    dead = _dead_layers(run, least)
    start = ["network.initializer=orthogonal"]
    if run.has_rotors:
        start = ["network.initializer=rotor", "network.learned_carry=true", *run.to_one_lstm]
    return Examination(
        cause="vanishing_gradient",
        found=bool(dead) if _recorded(run) else None,
        words=(
            "No gradient was recorded."
            if not _recorded(run)
            else "No gradient at all reached "
            + ", ".join(f"{name} ({share:.0%} of the epochs)" for name, share in dead.items())
            + "."
            if dead
            else "Every layer had a gradient at first or in most epochs."
        ),
        evidence={
            "share_of_epochs_per_layer": dead,
            "smallest_norm": _extreme_layer(run, largest=False)[0],
        },
        threshold=(
            f"the largest norm in an epoch below {least:g}, in the first epoch and in at least half "
            "of them: beside losses of size one only rounding errors are left in float32, and a gradient "
            "that vanishes later has another cause"
        ),
        experiment=run.command(*start),
        advice="Start from gates that are half open (any initialiser here); scale inputs to size one.",
    )


def weight_chasing(run: RunUnderExamination) -> Examination:
    """Check whether the loss while training was lower than that of the frozen weights."""
    same_rows = run.prepared.choosing == "train"
    # Frozen losses on other rows differ for other reasons.
    ratio, group, epoch, moving, frozen = _largest_gap(run) if same_rows else (None,) * 5
    within = run.window < run.task.samples and not run.shuffled
    found = within and ratio is not None and ratio > CHASING_RATIO and not _last_is_learned(run)
    if run.shuffled:
        words = f"The {run.config.train.regime} are shuffled: successive updates have unrelated targets."
    elif not within:
        words = "There is no update within a block: the weights cannot follow its target."
    elif not same_rows:
        words = "The frozen losses are on the validation rows, which training losses cannot be compared with."
    elif ratio is None:
        words = "No epoch has both losses, or the loss while training is not low."
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
            run.task.group_word: group,
            "epoch": epoch,
            f"prequential_{run.metric}": moving,
            f"frozen_{run.metric}": frozen,
        },
        threshold=(
            f"frozen / prequential above {CHASING_RATIO:g} in a {run.task.group_word}: weights that retain "
            "what they learned have a ratio of one, and that of a noisy epoch is well below this"
        ),
        experiment=run.command(
            f"optimizer.learning_rate={run.config.optimizer.learning_rate / 1000:g}"
        ),
        refuted_if="the loss while training stays as low with steps a thousand times smaller",
        advice=(
            "Ignore the loss while training: it falls because the weights follow the target. Judge by the "
            "frozen loss, and propagate the gradient through time."
        ),
    )


def _largest_gap(run: RunUnderExamination) -> tuple[Any, ...]:
    """Return (ratio, group, epoch, prequential, frozen) for the group and epoch with the largest ratio."""
    columns = run.task.columns
    gaps: list[tuple[Any, ...]] = [
        (frozen / moving, name, row["epoch"], moving, frozen)
        for row in run.rows
        if columns.horizon not in row and row[columns.frozen_per_group] is not None
        for name, moving, frozen in zip(
            run.task.group_names,
            row[columns.loss],
            row[columns.frozen_per_group],
            strict=True,
        )
        if moving and frozen and moving < _SUCCESS_SHARE * run.constant_loss
    ]
    return max(gaps, default=(None,) * 5)


def forgetting(run: RunUnderExamination) -> Examination:
    """Check whether the group trained last is learned and an earlier one was learned and then lost."""
    found, evidence, word = None, {}, run.task.group_word
    words = f"No {word} is trained last: each is trained beside the others."
    in_order = run.config.train.streams == "sequential" and not run.shuffled
    if in_order and len(run.task.group_names) > 1:
        last, worst, name = _last_and_worst(run)
        learned = _last_is_learned(run)
        moving = _last_prequential(run, name)
        found = learned and moving is not None and moving < _SUCCESS_SHARE * run.constant_loss
        words = (
            f"With the last weights the {word} trained last has {number(last)}, and {name} "
            f"{number(worst)}"
            + ("." if moving is None else f" ({number(moving)} while it was trained).")
        )
        evidence = {
            f"last_component_{run.metric}": _json(last),
            f"worst_{run.metric}": _json(worst),
            "worst": name,
            f"worst_prequential_{run.metric}": moving,
        }
    return Examination(
        cause="forgetting",
        found=found,
        words=words,
        evidence=evidence,
        threshold=(
            f"the {word} trained last is {_FORGETTING_RATIO:g} times better than another that had been "
            "learned while it was trained: the order makes no such difference for weights that retain both"
        ),
        experiment=run.command("train.streams=parallel"),
        advice=f"Train every {word} beside the others (train.streams=parallel), or lower the rate.",
    )


def _last_and_worst(run: RunUnderExamination) -> tuple[float, float, str]:
    """Return the frozen training error of the group trained last, of the worst, and the worst's name."""
    errors = run.last_train_errors
    worst = int(np.nanargmax(errors))
    return (
        errors[int(run.train_rows.groups[-1])],
        errors[worst],
        run.task.group_names[worst],
    )


def _last_is_learned(run: RunUnderExamination) -> bool:
    """Return whether the last weights have learned the group trained last, and others far less."""
    if run.config.train.streams != "sequential" or len(run.task.group_names) < 2:
        return False
    last, worst, _ = _last_and_worst(run)
    return last < worst / _FORGETTING_RATIO and last < _SUCCESS_SHARE / 2 * run.constant_loss


def _last_prequential(run: RunUnderExamination, name: str) -> float | None:
    if not run.rows:
        return None
    losses = run.rows[-1][run.task.columns.loss]
    return losses[run.task.group_names.index(name)]


def overfitting(run: RunUnderExamination) -> Examination:
    """Check whether the error on the test rows is much larger than on the training rows."""
    train, test = run.train_loss, run.test_loss
    known = bool(np.isfinite([train, test]).all()) and train > 0
    ratio = test / train if known else math.nan
    found = ratio > _OVERFITTING_RATIO if known else None
    fresh = run.task.draws and not run.config.task.train_path
    more = (
        "fresh noise, more starts, longer streams"
        if run.task.draws
        else "more and longer sequences"
    )
    rows = int(np.prod(np.asarray(run.train_rows.targets).shape[:2]))
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
            f"train_{run.metric}": _json(train),
            f"test_{run.metric}": _json(test),
            "ratio": _json(ratio),
            "training_rows": rows,
        },
        threshold=(
            f"test / train above {_OVERFITTING_RATIO:g}: both have the same distribution, so that random "
            "differences are a few per cent"
        ),
        experiment=run.command("task.noise=fresh")
        if fresh
        else run.command("optimizer.name=adamw", "optimizer.weight_decay=0.01"),
        advice=f"Use more data: {more}. Only then use fewer weights.",
    )


def _largest(run: RunUnderExamination) -> float | None:
    norms = [row["grad_norm_max"] for row in run.rows if row.get("grad_norm_max") is not None]
    return max(norms, default=None)


def _extreme_layer(
    run: RunUnderExamination, *, largest: bool
) -> tuple[float | None, str | None, int | None]:
    """Return (norm, layer, epoch) of the largest or smallest of the epochs' maxima."""
    norms = [
        (norm, name, row["epoch"])
        for row in run.rows
        for name, norm in row.get("grad_norm_max_per_layer", {}).items()
        if norm is not None
    ]
    pick = max if largest else min
    return pick(norms, default=(None, None, None))


def _recorded(run: RunUnderExamination) -> bool:
    """Return whether any epoch has a finite gradient norm."""
    return any(
        norm is not None
        for row in run.rows
        for norm in row.get("grad_norm_max_per_layer", {}).values()
    )


def _dead_layers(run: RunUnderExamination, least: float) -> dict[str, float]:
    """Return the share of epochs without a gradient, for layers without one at first and in at least half."""
    counts: dict[str, int] = {}
    first = run.rows[0].get("grad_norm_max_per_layer", {}) if run.rows else {}
    dead = {name for name, norm in first.items() if norm is not None and norm < least}
    for row in run.rows:
        for name, norm in row.get("grad_norm_max_per_layer", {}).items():
            counts[name] = counts.get(name, 0) + (norm is not None and norm < least)
    shares = {name: count / len(run.rows) for name, count in counts.items()}
    return {name: share for name, share in shares.items() if name in dead and share >= 0.5}


def _json(value: float) -> float | None:
    return value if math.isfinite(value) else None
