"""Judgement of a classifier: scores of its probabilities beside those of classifiers without a network.

What calibrates (temperature) or decides (threshold) is fitted to validation rows, and test rows only report.
Scores of recordings are those of the mean log probability of their windows.
Axes: N windows, M validation windows, C classes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from freqjax import progress
from freqjax.tasks.classifier import intervals, scores
from freqjax.tasks.classifier.baselines import (
    Constant,
    Logistic,
    MiniRocket,
    Ridge,
    summary_statistics,
    with_context,
)
from freqjax.tasks.classifier.calibration import Temperature, Threshold, probabilities_of
from freqjax.tasks.classifier.config import ClassifierConfig
from freqjax.tasks.classifier.context import Kind, context_of
from freqjax.tasks.classifier.dataset import Dataset, Part
from freqjax.tasks.classifier.intervals import Interval

# With fewer groups than this the bootstrap is too narrow.
_FEW_GROUPS = 20


class Judged(NamedTuple):
    """Probabilities of a classifier on the parts of a dataset, and what was fitted to validation rows.

    Attributes:
      probabilities: part → [N, C], after the temperature.
      raw: part → [N, C], before it.
      temperature: 1 where there are no validation rows.
      threshold: of the probability of class 1 of two; 0.5 where there are no validation rows; None of more.
    """

    probabilities: Mapping[str, Float[np.ndarray, "N C"]]
    raw: Mapping[str, Float[np.ndarray, "N C"]]
    temperature: float
    threshold: float | None


class Judge:
    """Classifiers without a network on a dataset, and the scores of any classifier on it."""

    def __init__(self, dataset: Dataset, config: ClassifierConfig) -> None:
        """Store the dataset, of which nothing is computed yet."""
        self.dataset, self._config = dataset, config
        self.classes = len(dataset.class_names)

    @property
    def is_binary(self) -> bool:
        """True if there are two classes, of which the second is called positive."""
        return self.classes == 2

    def judge(
        self,
        logits: Mapping[str, Float[np.ndarray, "N C"]],
        held_out: Float[np.ndarray, "M C"] | None = None,
    ) -> Judged:
        """Calibrate the logits of parts.

        Args:
          logits: by part.
          held_out: logits of M validation rows, of a fit that did not see them; None for those of the part.
        """
        temperature, threshold = Temperature(1.0), 0.5
        if held_out is None:
            held_out = logits.get("validation")
        if held_out is not None and len(held_out):
            labels = self.dataset.validation.label
            temperature = Temperature.fit(labels, held_out.astype(np.float64))
            if self.is_binary:
                positive = probabilities_of(temperature(held_out))[:, 1]
                threshold = Threshold.fit(labels, positive).value
        found = {name: probabilities_of(temperature(own)) for name, own in logits.items()}
        raw = {name: probabilities_of(own) for name, own in logits.items()}
        return Judged(found, raw, temperature.value, threshold if self.is_binary else None)

    def scores(self, judged: Judged, part: str) -> dict[str, Any]:
        """Return all scores of a part, ready for JSON."""
        own, labels = judged.probabilities[part], self.dataset.parts[part].label
        predicted = own.argmax(axis=1)
        found = {
            "accuracy": scores.accuracy(labels, predicted),
            "macro_f1": scores.macro_f1(labels, predicted, self.classes),
            "average_precision": self._average_precision(labels, own),
            "ece": self._calibration_error(labels, own),
            "ece_before": self._calibration_error(labels, judged.raw[part]),
            "recording_accuracy": self.recording_accuracy(part, own),
            "accuracy_per_group": self._by_group(part, own),
        }
        if judged.threshold is not None:
            found["f1"] = scores.f1_at(labels, own[:, 1], 0.5)
            found["f1_tuned"] = scores.f1_at(labels, own[:, 1], judged.threshold)
            found["roc_area"] = scores.roc_area(labels, own[:, 1])
        return found

    def _average_precision(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """Return the average precision of class 1 of two, or the mean of each class against all others."""
        if self.is_binary:
            return scores.average_precision(labels, probabilities[:, 1])
        each = [
            scores.average_precision((labels == c).astype(np.int64), probabilities[:, c])
            for c in range(self.classes)
            if np.any(labels == c)
        ]
        return float(np.mean(each))

    def _calibration_error(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        if self.is_binary:
            return scores.binary_calibration_error(labels, probabilities[:, 1])
        return scores.top_calibration_error(labels, probabilities)

    def _by_group(self, part: str, probabilities: np.ndarray) -> dict[str, float]:
        """Return the accuracy of each group of a part by its name."""
        rows, names = self.dataset.parts[part], self.dataset.group_names
        found = {}
        for group in np.unique(rows.group):
            own = rows.group == group
            predicted = probabilities[own].argmax(axis=1)
            found[names[group]] = scores.accuracy(rows.label[own], predicted)
        return found

    def recording_accuracy(self, part: str, probabilities: Float[np.ndarray, "N C"]) -> float:
        """Return the share of recordings whose class is that of the highest mean log probability.

        NaN if windows of one recording have different labels.
        """
        rows = self.dataset.parts[part]
        logs = np.log(np.maximum(probabilities, 1e-12))
        right = []
        for recording in np.unique(rows.recording):
            own = rows.recording == recording
            labels = np.unique(rows.label[own])
            if len(labels) > 1:
                return math.nan
            right.append(int(logs[own].mean(axis=0).argmax()) == labels[0])
        return float(np.mean(right))

    def score(
        self, labels: Int[np.ndarray, " N"], probabilities: Float[np.ndarray, "N C"]
    ) -> float:
        """Return the score that a run is ranked by: average precision of two classes, macro F1 of more."""
        if self.is_binary:
            return scores.average_precision(labels, probabilities[:, 1])
        return scores.macro_f1(labels, probabilities.argmax(axis=1), self.classes)

    def beyond(self, judged: Judged, name: str) -> Interval:
        """Return the paired difference of the score to a baseline's on the test rows, over groups."""
        test = self.dataset.test
        statistic = intervals.of_difference(
            self.score,
            test.label,
            judged.probabilities["test"],
            self.baselines[name].probabilities["test"],
        )
        return over_groups(statistic, test.group)

    def interval(self, judged: Judged) -> Interval:
        """Return the score on the test rows with its interval over groups."""
        test = self.dataset.test
        statistic = intervals.of_score(self.score, test.label, judged.probabilities["test"])
        return over_groups(statistic, test.group)

    @functools.cached_property
    def baselines(self) -> dict[str, Judged]:
        """Constant, logistic regression of summary statistics, and MiniRocket with a ridge regression."""
        constant = Constant.fit(self._fitted_part.label, self.classes)
        counts = {name: len(part.label) for name, part in self.dataset.parts.items()}
        same = {name: constant.probabilities(count) for name, count in counts.items()}
        threshold = None
        if self.is_binary:
            labels = self.dataset.validation.label
            threshold = (
                Threshold.fit(labels, same["validation"][:, 1]).value if len(labels) else 0.5
            )
        fits = {"logistic": self._logistic, "minirocket": self._minirocket}
        fitted = {name: fits[name]() for name in progress.each("baselines", list(fits), even=False)}
        return {"constant": Judged(same, same, 1.0, threshold), **fitted}

    @property
    def _refits(self) -> bool:
        return self._config.refit and len(self.dataset.validation.label) > 0

    @functools.cached_property
    def _fitted_part(self) -> Part:
        """Rows that classifiers are fitted to in the end."""
        train, validation = self.dataset.train, self.dataset.validation
        return joined(train, validation) if self._refits else train

    def _features(self, compute: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> dict[str, Any]:
        """Compute features of each part's windows, and of their context."""
        found = {}
        for name, part in self.dataset.parts.items():
            kind: Kind = self._config.context  # pyright: ignore[reportAssignmentType]
            context = context_of(part, kind, self._config.windows)
            found[name] = with_context(compute(*stacked(part)), context)
        return found

    def _logistic(self) -> Judged:
        features = self._features(summary_statistics)
        parts, classes = self.dataset.parts, self.classes
        train = features["train"], parts["train"].label
        held_out = self._held_out(features)
        fitted = Logistic.choose(train, held_out or train, classes)
        apart = fitted.logits(held_out[0]) if held_out else None
        if self._refits:
            rows = np.concatenate([features["train"], features["validation"]])
            fitted = Logistic.fit(rows, self._fitted_part.label, classes, fitted.strength)
        return self.judge({name: fitted.logits(own) for name, own in features.items()}, apart)

    def _minirocket(self) -> Judged:
        rocket = MiniRocket.fit(*stacked(self._fitted_part), self._config.baseline_kernels)
        features = self._features(rocket.features)
        held_out = self._held_out(features)
        fitted = Ridge.fit(features["train"], self.dataset.train.label, self.classes)
        apart = fitted.scores(held_out[0]) if held_out else None
        if self._refits:
            rows = np.concatenate([features["train"], features["validation"]])
            fitted = Ridge.fit(rows, self._fitted_part.label, self.classes)
        return self.judge({name: fitted.scores(own) for name, own in features.items()}, apart)

    def _held_out(self, features: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
        """Return features and labels of validation rows; None if there are none."""
        labels = self.dataset.validation.label
        return (features["validation"], labels) if len(labels) else None


def over_groups(statistic: intervals.Statistic, groups: Int[np.ndarray, " N"]) -> Interval:
    """Return the interval of a statistic over groups: by the jackknife if they are few."""
    few = len(np.unique(groups)) < _FEW_GROUPS
    return intervals.jackknife(statistic, groups) if few else intervals.bootstrap(statistic, groups)


def stacked(part: Part) -> tuple[Float[np.ndarray, "N T F"], Any]:
    """Return the channels of all modalities side by side, and which of their values are present."""
    masks = [
        np.broadcast_to(part.masks[name][..., None], values.shape)
        for name, values in part.inputs.items()
    ]
    return np.concatenate(list(part.inputs.values()), axis=2), np.concatenate(masks, axis=2)


def joined(first: Part, second: Part) -> Part:
    """Return the windows of two parts as one."""
    fields = first._asdict()
    for name, value in second._asdict().items():
        own = fields[name]
        if isinstance(own, dict):
            fields[name] = {key: np.concatenate([own[key], value[key]]) for key in own}
        else:
            fields[name] = np.concatenate([own, value])
    return Part(**fields)
