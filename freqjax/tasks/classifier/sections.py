"""Sections of the report of a classifier: scores beside baselines, classes, groups and calibration.

Axes: N windows, C classes.
"""

from __future__ import annotations

import math

import numpy as np

from freqjax.tasks.classifier import intervals, scores
from freqjax.tasks.classifier.config import ClassifierConfig
from freqjax.tasks.classifier.intervals import Interval
from freqjax.tasks.classifier.judged import Judge, Judged, over_groups
from freqjax.tasks.classifier.possible import Possible, section_of
from freqjax.tasks.classifier.probes import Probes
from freqjax.tasks.evaluation import Section, Table
from freqjax.text import number

# Score → its name in texts, in the order of the table.
_SHOWN = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "average_precision": "average precision",
    "f1_tuned": "F1 at the threshold",
    "ece": "calibration error",
    "recording_accuracy": "accuracy of recordings",
}


def sections_of(
    judge: Judge,
    judged: Judged,
    probes: Probes,
    best: Possible | None,
    config: ClassifierConfig,
) -> list[Section]:
    """Return the sections in reading order."""
    return [
        _standing(judge, judged, config),
        *section_of(best),
        *_modalities(judge, judged, probes),
        *([] if config.refit else [_calibration(judge, judged)]),
        _classes(judge, judged),
        _groups(judge, judged),
    ]


def _standing(judge: Judge, judged: Judged, config: ClassifierConfig) -> Section:
    """Describe all scores beside those of the baselines, and the paired differences."""
    found = {"network": judge.scores(judged, "test")}
    found |= {name: judge.scores(own, "test") for name, own in judge.baselines.items()}
    shown = {
        key: name
        for key, name in _SHOWN.items()
        if key in found["network"] and not math.isnan(found["network"][key])
    }
    rows = [(name, *(own[key] for key in shown)) for name, own in found.items()]
    test = judge.dataset.test
    persons = len(np.unique(test.group))
    words = [
        f"{len(test.label):,} windows of {persons} groups that nothing was trained on. All classifiers read "
        f"the same context: {_context(config)}.",
    ]
    if config.shared_groups:
        words.insert(
            0, "The split of these data shares groups: the scores are those of persons known."
        )
    for name in found:
        if name not in ("network", "constant"):
            words.append(f"Beyond {name}: {_said(judge.beyond(judged, name))}.")
    return Section("What it is worth", words, Table(("", *shown.values()), rows))


def _context(config: ClassifierConfig) -> str:
    return {
        "none": "none",
        "past": f"at most {config.windows} windows before each",
        "both": f"at most {config.windows} windows before each and as many behind it",
    }[config.context]


def _said(interval: Interval) -> str:
    """Say a difference with its interval."""
    if math.isnan(interval.low):
        return f"{number(interval.value)} (of one group: no interval)"
    return (
        f"{number(interval.value)}, from {number(interval.low)} to {number(interval.high)} at 95 % over "
        f"{interval.groups} groups"
    )


def _modalities(judge: Judge, judged: Judged, probes: Probes) -> list[Section]:
    """Describe what is left when a modality tells nothing; nothing if there is only one."""
    if not probes.without:
        return []
    name = "Average precision" if judge.is_binary else "Macro F1"
    own = judge.score(judge.dataset.test.label, judged.probabilities["test"])
    rows = [("none", own, own)]
    rows += [(key, value, probes.shuffled[key]) for key, value in probes.without.items()]
    words = (
        f"{name} of the same weights, where a modality is missing in all test windows, and where each has "
        "that of another window, so that all is as always but what it tells."
    )
    return [
        Section("Without a modality", (words,), Table(("modality", "missing", "shuffled"), rows))
    ]


def _calibration(judge: Judge, judged: Judged) -> Section:
    """Describe what calibrates and decides."""
    own = judge.scores(judged, "test")
    words = [
        f"Probabilities are those of logits divided by {number(judged.temperature)}, which is fitted to "
        f"validation rows; the expected calibration error on the test rows goes from "
        f"{number(own['ece_before'])} to {number(own['ece'])}."
    ]
    if judged.threshold is not None:
        words.append(
            f"A window is called positive from {number(judged.threshold)} on, chosen on validation rows: F1 "
            f"is {number(own['f1_tuned'])}, and {number(own['f1'])} at 0.5."
        )
    return Section("Calibration", words)


def _classes(judge: Judge, judged: Judged) -> Section:
    """Describe the F1 of each class with its interval over groups."""
    test = judge.dataset.test
    rows = [
        (name, int(np.sum(test.label == c)), interval.value, interval.low, interval.high)
        for c, (name, interval) in enumerate(
            zip(judge.dataset.class_names, class_intervals(judge, judged), strict=True)
        )
    ]
    return Section(
        "By class",
        ("F1 of each class, with intervals of 95 % over groups.",),
        Table(("class", "windows", "F1", "from", "to"), rows),
    )


def _groups(judge: Judge, judged: Judged) -> Section:
    """Describe the scores of each group."""
    test, own = judge.dataset.test, judged.probabilities["test"]
    rows = []
    for group in np.unique(test.group):
        kept = test.group == group
        accuracy = scores.accuracy(test.label[kept], own[kept].argmax(axis=1))
        rows.append(
            (
                judge.dataset.group_names[group],
                int(kept.sum()),
                accuracy,
                judge.score(test.label[kept], own[kept]),
            )
        )
    name = "average precision" if judge.is_binary else "macro F1"
    return Section("By group", (), Table(("group", "windows", "accuracy", name), rows))


def predictions(judge: Judge, judged: Judged, part: str) -> np.ndarray:
    """Return the class that is told for each window of a part: [N], by the threshold if there is one."""
    own = judged.probabilities[part]
    if judged.threshold is None:
        return own.argmax(axis=1)
    return (own[:, 1] >= judged.threshold).astype(np.int64)


def class_intervals(judge: Judge, judged: Judged) -> list[Interval]:
    """Return the F1 of each class on the test rows with its interval over groups, within 0 and 1."""
    test, told = judge.dataset.test, predictions(judge, judged, "test")

    def f1_of(c: int) -> intervals.Score:
        return lambda labels, found: float(scores.class_f1(labels, found, judge.classes)[c])

    found = [
        over_groups(intervals.of_score(f1_of(c), test.label, told), test.group)
        for c in range(judge.classes)
    ]
    # What lies beyond the range of a score is no possible value: leaving it out loses no confidence.
    return [
        own._replace(low=float(np.maximum(own.low, 0)), high=float(np.minimum(own.high, 1)))
        for own in found
    ]
