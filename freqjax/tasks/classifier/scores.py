"""Scores of a classifier: of classes, of a ranking, of probabilities, and what a constant predictor reaches.

A score that is not defined on its rows, such as the average precision of rows without a positive, is NaN.
Axes: N rows, C classes, M distinct values of a score, B bins.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

# Bins of the expected calibration error, as in Guo et al. (2017).
BINS = 15


def accuracy(labels: Int[np.ndarray, " N"], predicted: Int[np.ndarray, " N"]) -> float:
    """Return the share of rows whose class is predicted."""
    return float(np.mean(labels == predicted)) if len(labels) else math.nan


def confusion(
    labels: Int[np.ndarray, " N"], predicted: Int[np.ndarray, " N"], classes: int
) -> Int[np.ndarray, "C C"]:
    """Count the rows of each class (rows of the result) by what is predicted for them (columns).

    Args:
      labels: 0 to C − 1.
      predicted: 0 to C − 1.
      classes: C.
    """
    found = labels.astype(np.int64) * classes + predicted
    return np.bincount(found, minlength=classes**2).reshape(classes, classes)


def class_f1(
    labels: Int[np.ndarray, " N"], predicted: Int[np.ndarray, " N"], classes: int
) -> Float[np.ndarray, " C"]:
    """Return F1 = 2 TP / (2 TP + FP + FN) of each class against all others; NaN for one without a row.

    Args:
      labels: 0 to C − 1.
      predicted: 0 to C − 1.
      classes: C.
    """
    counts = confusion(labels, predicted, classes)
    hits, rows = np.diag(counts), counts.sum(axis=1)
    values = 2 * hits / np.maximum(rows + counts.sum(axis=0), 1)
    return np.where(rows > 0, values, np.nan)


def macro_f1(
    labels: Int[np.ndarray, " N"], predicted: Int[np.ndarray, " N"], classes: int
) -> float:
    """Return the mean F1 of the classes that have a row.

    A class absent from the labels is left out: its F1 could not exceed 0 whatever is predicted, so that
    counting it would judge the choice of rows (a person who never does one exercise) and not the classifier.
    To predict such a class still costs the recall of the class that was right.

    Args:
      labels: 0 to C − 1.
      predicted: 0 to C − 1.
      classes: C.
    """
    values = class_f1(labels, predicted, classes)
    there = ~np.isnan(values)
    return float(values[there].mean()) if there.any() else math.nan


class Curves(NamedTuple):
    """Precision, recall and false positive rate when rows from each distinct score on are called positive.

    Attributes:
      thresholds: the distinct scores, the highest first; a row is positive if its score is at least this.
      precision: share of the rows called positive that are.
      recall: share of the positive rows that are called so, the true positive rate.
      fallout: share of the negative rows that are called positive, the false positive rate.
    """

    thresholds: Float[np.ndarray, " M"]
    precision: Float[np.ndarray, " M"]
    recall: Float[np.ndarray, " M"]
    fallout: Float[np.ndarray, " M"]


def curves(labels: Int[np.ndarray, " N"], scores: Float[np.ndarray, " N"]) -> Curves:
    """Compute the curves of precision over recall and of recall over fall-out.

    Rows of one score pass the threshold together, so ties have one point. The first point of the receiver
    operating characteristic, (0, 0), stands for no threshold and is not among them.

    Args:
      labels: 0 or 1.
      scores: of the positive class; the higher, the more positive.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, positive = scores[order], labels[order] == 1
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1) if len(ranked) else order
    called = last + 1.0
    hits = np.cumsum(positive, dtype=np.float64)[last]
    totals = float(positive.sum()), float(len(labels) - positive.sum())
    return Curves(
        ranked[last].astype(np.float64),
        hits / called,
        hits / totals[0] if totals[0] else np.full(len(last), np.nan),
        (called - hits) / totals[1] if totals[1] else np.full(len(last), np.nan),
    )


def average_precision(labels: Int[np.ndarray, " N"], scores: Float[np.ndarray, " N"]) -> float:
    """Return Σ (Rₘ − Rₘ₋₁) Pₘ over the distinct scores: precision P weighted by the recall R gained there.

    Args:
      labels: 0 or 1.
      scores: of the positive class.
    """
    found = curves(labels, scores)
    return (
        float(np.sum(np.diff(found.recall, prepend=0) * found.precision))
        if len(labels)
        else math.nan
    )


def roc_area(labels: Int[np.ndarray, " N"], scores: Float[np.ndarray, " N"]) -> float:
    """Return the area under recall over fall-out: the chance that a positive row outranks a negative one.

    Args:
      labels: 0 or 1.
      scores: of the positive class; a tie counts half.
    """
    found = curves(labels, scores)
    recall, fallout = np.append(0, found.recall), np.append(0, found.fallout)
    return float(np.trapezoid(recall, fallout)) if len(labels) else math.nan


def f1_at(
    labels: Int[np.ndarray, " N"], scores: Float[np.ndarray, " N"], threshold: float
) -> float:
    """Return F1 of the positive class if rows of at least `threshold` are called positive."""
    return float(class_f1(labels, (scores >= threshold).astype(np.int64), 2)[1])


class BestThreshold(NamedTuple):
    """The threshold of the highest F1, and that F1.

    Attributes:
      threshold: rows of at least this are positive.
      f1: on the rows where the threshold was found, so an optimistic value.
    """

    threshold: float
    f1: float


def best_threshold(labels: Int[np.ndarray, " N"], scores: Float[np.ndarray, " N"]) -> BestThreshold:
    """Find the threshold of the highest F1; of several, that which calls the fewest rows positive.

    It lies halfway between the lowest score that it calls positive and the next lower one, so that it does
    not rest on a single row; below the lowest score of all it is that score.

    Args:
      labels: 0 or 1; without a positive row, both values found are NaN.
      scores: of the positive class.
    """
    if not np.any(labels == 1):
        return BestThreshold(math.nan, math.nan)
    found = curves(labels, scores)
    total = found.precision + found.recall
    f1 = 2 * found.precision * found.recall / np.where(total > 0, total, 1)
    best = int(np.argmax(f1))
    below = found.thresholds[min(best + 1, len(f1) - 1)]
    return BestThreshold(float((found.thresholds[best] + below) / 2), float(f1[best]))


class Reliability(NamedTuple):
    """Rows by their confidence, in bins of equal width from 0 to 1.

    Attributes:
      count: rows of each bin.
      confidence: their mean confidence; NaN in an empty bin.
      share: the share of them that came true; NaN in an empty bin.
    """

    count: Int[np.ndarray, " B"]
    confidence: Float[np.ndarray, " B"]
    share: Float[np.ndarray, " B"]

    @property
    def error(self) -> float:
        """Expected calibration error: the mean over rows of a bin's |share − confidence|."""
        there = self.count > 0
        gaps = np.abs(self.share[there] - self.confidence[there])
        return float(np.average(gaps, weights=self.count[there])) if there.any() else math.nan


def reliability(
    confidences: Float[np.ndarray, " N"], came_true: Bool[np.ndarray, " N"], bins: int = BINS
) -> Reliability:
    """Compare confidences with what came true (Guo et al. 2017, equations 2 to 5).

    Args:
      confidences: 0 to 1; a bin holds its upper end, and the first one 0 too.
      came_true: whether what the confidence was in is so.
      bins: B, at least 1.
    """
    place = np.clip(np.ceil(confidences * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    rows = np.where(count > 0, count, np.nan)
    sums = np.bincount(place, weights=confidences, minlength=bins)
    true = np.bincount(place, weights=came_true, minlength=bins)
    return Reliability(count, sums / rows, true / rows)


def binary_calibration_error(
    labels: Int[np.ndarray, " N"], probabilities: Float[np.ndarray, " N"], bins: int = BINS
) -> float:
    """Return the expected calibration error of probabilities of the positive class.

    Args:
      labels: 0 or 1.
      probabilities: of class 1.
      bins: B.
    """
    return reliability(probabilities, labels == 1, bins).error


def top_calibration_error(
    labels: Int[np.ndarray, " N"], probabilities: Float[np.ndarray, "N C"], bins: int = BINS
) -> float:
    """Return the expected calibration error of the highest probability of each row.

    With two classes it differs from the binary one: a probability of 0.1 counts as one of 0.9 there.

    Args:
      labels: 0 to C − 1.
      probabilities: of each class.
      bins: B.
    """
    right = probabilities.argmax(axis=1) == labels
    return reliability(probabilities.max(axis=1), right, bins).error


class RateDifference(NamedTuple):
    """True positive rate less false positive rate, with its standard error.

    Attributes:
      value: 0 for any predictor that does not look at its input, 1 for a perfect one.
      error: for independent rows; rows of one person are not, so see `freqjax.tasks.classifier.intervals`.
    """

    value: float
    error: float


def rate_difference(
    labels: Int[np.ndarray, " N"], predicted: Int[np.ndarray, " N"]
) -> RateDifference:
    """Return TPR − FPR, which tells a classifier from a constant at any prevalence.

    The error is √(t (1 − t) / P + f (1 − f) / Q) of P positive and Q negative rows, with one hit and one
    miss added to both rates there (Agresti and Caffo 2000), since it would be 0 at rates of 0 and 1.

    Args:
      labels: 0 or 1; without rows of both, both values are NaN.
      predicted: 0 or 1.
    """
    counts = confusion(labels, predicted, 2)
    rows = counts.sum(axis=1)
    if not rows.all():
        return RateDifference(math.nan, math.nan)
    rates = counts[:, 1] / rows
    smooth = (counts[:, 1] + 1) / (rows + 2)
    error = np.sqrt(np.sum(smooth * (1 - smooth) / (rows + 2)))
    return RateDifference(float(rates[1] - rates[0]), float(error))
