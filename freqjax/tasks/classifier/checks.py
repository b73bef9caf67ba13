"""Checks of a run of the classifier: constants, leaks, corrections, thresholds, modalities, validation.

| cause | rank | why there |
|---|---|---|
| leakage | before all | the scores are those of persons that were trained on |
| over_correction, uncalibrated_threshold | before a run that ended too soon | measured on the same weights |
| constant_predictor | before overfitting | any failure of the optimiser leaves it |
| unused_modality, no_better_than_a_line, validation_too_small | last | limits of a network that has learned |

A constant, and a network no better than a line, explain a low score. The others are facts of the rows or of
the weights as they are, and stand in a run that beats its baselines too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from freqjax.tasks.classifier.config import ClassifierConfig
from freqjax.tasks.classifier.dataset import Dataset
from freqjax.tasks.examination import Evidence, Examination
from freqjax.text import number

# A deviation of the probabilities below this is none; a share of windows above the other is one class alone.
_SPREAD, _TOLD = 0.02, 0.98
# Log-odds by which the mean probability may differ from the share of the class.
_SHIFT = 1.0
# What another threshold may be worth in F1.
_F1 = 0.1
# A modality is unused if the score with those of other windows is at least this share of the score beyond
# the constant's.
_USED = 0.98
# Validation groups below which a choice by them is one of persons, not of networks.
_FEW = 3

CAUSES = (
    "leakage",
    "over_correction",
    "uncalibrated_threshold",
    "constant_predictor",
    "unused_modality",
    "no_better_than_a_line",
    "validation_too_small",
)
_BEFORE_ALL, _MEASURED, _TRIED = "non_finite", "schedule_stopped", "overfitting"
_WARM = ("optimizer.schedule=cosine", "optimizer.warmup_fraction=0.2")


def checks(config: ClassifierConfig, dataset: Dataset, evidence: Evidence) -> list[Examination]:
    """Look for all causes of the task's own, in the order of `CAUSES`.

    Before the first update, and where outputs are not finite, only the rows are checked.

    Args:
      config: of the task.
      dataset: its parts.
      evidence: of the run.
    """
    found = [_leakage(config, dataset, evidence)]
    if not evidence.updated or not evidence.evaluation.is_finite:
        return found
    metrics = evidence.evaluation.metrics
    return [
        *found,
        _over_correction(config, metrics, evidence),
        _threshold(metrics, evidence),
        _constant(metrics, evidence),
        _unused(metrics, evidence),
        _line(metrics, evidence),
        _validation(config, dataset, evidence),
    ]


def _leakage(config: ClassifierConfig, dataset: Dataset, evidence: Evidence) -> Examination:
    trained = set(np.unique(dataset.train.group).tolist())
    tested = set(np.unique(dataset.test.group).tolist())
    shared = sorted(trained & tested)
    names = [dataset.group_names[group] for group in shared[:3]]
    words = "No group of the test was trained on."
    if shared:
        words = f"{len(shared)} of {len(tested)} test groups were trained on: {', '.join(names)}."
    return Examination(
        cause="leakage",
        found=bool(shared),
        words=words,
        evidence={"shared_groups": len(shared), "test_groups": len(tested)},
        threshold="none: windows of one person resemble each other more than those of two",
        experiment=evidence.command("task.folds=5", "task.shared_groups=false"),
        advice="Split by group: leave the split of the data out, or divide by task.folds.",
        refuted_if="the score is as high on groups that nothing was trained on",
        before=_BEFORE_ALL,
        even_if_healthy=True,
    )


def _over_correction(
    config: ClassifierConfig, metrics: Mapping[str, Any], evidence: Evidence
) -> Examination:
    probes = metrics["probes"]
    told, share = probes["mean_probability"], probes["share"]
    known = not (math.isnan(told) or math.isnan(share)) and 0 < share < 1
    shift = _log_odds(told) - _log_odds(share) if known else math.nan
    changes = ["task.balance=none"] if config.balance != "none" else ["task.undo_balance=true"]
    return Examination(
        cause="over_correction",
        found=bool(known and abs(shift) > _SHIFT and metrics["test"]["ece_before"] > 0.1),
        words=(
            f"The mean probability is {number(told)} where the share is {number(share)}: {number(shift)} in "
            f"log-odds; what unequal classes are corrected by is {config.balance}."
            if known
            else "There are more classes than two."
        ),
        evidence={"mean_probability": told, "share": share, "log_odds": shift},
        threshold=f"{_SHIFT:g} in log-odds, with a calibration error above 0.1",
        experiment=evidence.command(*changes),
        advice=(
            "Correct unequal classes once at most, by the sampler or by weights, and undo it in the logits "
            "(task.undo_balance), or not at all: a threshold does the same."
        ),
        refuted_if="the calibration error is as large",
        before=_MEASURED,
        even_if_healthy=True,
    )


def _threshold(metrics: Mapping[str, Any], evidence: Evidence) -> Examination:
    test, threshold = metrics["test"], metrics["threshold"]
    tuned, half = test.get("f1_tuned", math.nan), test.get("f1", math.nan)
    constant = metrics["baselines"]["constant"].get("f1_tuned", math.nan)
    return Examination(
        cause="uncalibrated_threshold",
        # Of probabilities that hardly vary a threshold makes little, and their order is chance.
        found=bool(
            tuned - half > _F1
            and tuned - constant > _F1 / 2
            and not _is_constant(metrics["probes"])
        ),
        words=(
            "There are more classes than two."
            if threshold is None
            else f"F1 is {number(half)} at 0.5, and {number(tuned)} at {number(threshold)}, which validation "
            f"rows chose; always calling positive has {number(constant)}."
        ),
        evidence={
            "f1": half,
            "f1_tuned": tuned,
            "f1_constant": constant,
            "threshold": threshold,
        },
        threshold=f"{_F1:g} in F1, and {_F1 / 2:g} beyond always calling positive",
        experiment=evidence.command("task.balance=none"),
        advice="Report F1 at the threshold of validation rows, or average precision, which needs none.",
        refuted_if="F1 at 0.5 is as high as at the chosen threshold",
        before=_MEASURED,
        even_if_healthy=True,
    )


def _constant(metrics: Mapping[str, Any], evidence: Evidence) -> Examination:
    probes, test = metrics["probes"], metrics["test"]
    difference, error = probes["rate_difference"], probes["rate_error"]
    spread = probes["spread"]
    words = (
        f"The probabilities vary by {number(spread)} between windows, and {probes['told']:.0%} of these are "
        f"told as one class; macro F1 is {number(test['macro_f1'])}, and "
        f"{number(metrics['baselines']['constant']['macro_f1'])} is the constant's."
    )
    if not math.isnan(difference):
        words += f" TPR − FPR is {number(difference)} ± {number(error)}."
    return Examination(
        cause="constant_predictor",
        found=_is_constant(probes),
        words=words,
        evidence={
            "spread": spread,
            "told": probes["told"],
            "rate_difference": difference,
            "rate_error": error,
        },
        threshold=(
            f"a deviation below {_SPREAD:g}, {_TOLD:.0%} of the windows in one class, and no difference of "
            "rates beyond two standard errors"
        ),
        # A warm-up to the same rate alone cures few: benchmarks.classifier_original.
        experiment=evidence.command(*_WARM, f"optimizer.learning_rate={evidence.rate / 3:.2g}"),
        advice="Take a third of the rate, warm it up over the first updates, and try three seeds.",
        refuted_if="the probabilities vary as little",
        before=_TRIED,
    )


def _is_constant(probes: Mapping[str, Any]) -> bool:
    """Return whether the probabilities are the same for all windows, within what chance makes."""
    difference = probes["rate_difference"]
    blind = math.isnan(difference) or abs(difference) < 2 * probes["rate_error"]
    return bool(probes["spread"] < _SPREAD and probes["told"] > _TOLD and blind)


def _unused(metrics: Mapping[str, Any], evidence: Evidence) -> Examination:
    probes, score = metrics["probes"], evidence.evaluation.score
    floor = evidence.evaluation.baselines["constant"]
    gained = score - floor
    unused = [
        name
        for name, value in probes["shuffled"].items()
        if gained > 0 and value - floor >= _USED * gained
    ]
    said = "; ".join(
        f"{number(value)} with {name} of other windows, {number(probes['without'][name])} without it"
        for name, value in probes["shuffled"].items()
    )
    return Examination(
        cause="unused_modality",
        found=bool(unused),
        words=f"The score is {number(score)}; {said or 'there is one modality'}.",
        evidence={
            "score": score,
            "shuffled": dict(probes["shuffled"]),
            "without": dict(probes["without"]),
        },
        threshold=f"{_USED:.0%} of what the score has beyond the constant's, with those of other windows",
        experiment=evidence.command("task.modality_dropout=0.3"),
        advice=f"Leave {' and '.join(unused) or 'it'} out of the data, or train with task.modality_dropout.",
        refuted_if="a network that is trained without the modality has a lower score",
        even_if_healthy=True,
    )


def _line(metrics: Mapping[str, Any], evidence: Evidence) -> Examination:
    score, line = evidence.evaluation.score, evidence.evaluation.baselines["logistic"]
    return Examination(
        cause="no_better_than_a_line",
        found=bool(score <= line),
        words=(
            f"The {evidence.evaluation.score_name} is {number(score)}, and {number(line)} is that of "
            "logistic regression on summary statistics."
        ),
        evidence={"score": score, "logistic": line, "beyond": dict(metrics["beyond"]["logistic"])},
        threshold="the score of logistic regression on the same windows with the same context",
        experiment=evidence.command("task.encoder=convolutions"),
        advice="Train longer, with a warm-up, and read samples over time and not their mean.",
    )


def _validation(config: ClassifierConfig, dataset: Dataset, evidence: Evidence) -> Examination:
    groups = len(np.unique(dataset.validation.group))
    chosen = not config.refit
    return Examination(
        cause="validation_too_small",
        found=chosen and groups < _FEW,
        words=f"Epoch, temperature and threshold were chosen by the windows of {groups} groups.",
        evidence={"groups": groups, "windows": len(dataset.validation.label)},
        threshold=f"{_FEW} groups: of fewer not even an interval is known",
        experiment=evidence.command("task.split=0.6,0.2,0.2"),
        advice="Give validation more groups, or choose nothing by them and train on them (task.refit).",
        even_if_healthy=True,
    )


def _log_odds(p: float) -> float:
    p = min(max(p, 1e-9), 1 - 1e-9)
    return math.log(p / (1 - p))
