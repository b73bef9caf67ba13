"""Scores against brute force, closed forms, and scikit-learn where it is installed."""

import math

import numpy as np
import pytest

from freqjax.tasks.classifier import scores

RANDOM = np.random.default_rng(0)
CLASSES = 5
LABELS = RANDOM.integers(0, 4, 200)  # the last class is absent
PREDICTED = np.where(RANDOM.random(200) < 0.6, LABELS, RANDOM.integers(0, CLASSES, 200))
TRUE = (RANDOM.random(120) < 0.3).astype(np.int64)
TIED = np.round(RANDOM.normal(size=120) + TRUE, 1)  # many ties


def brute_f1(true, called):
    hits = sum(1 for t, c in zip(true, called, strict=True) if t and c)
    wrong = sum(1 for t, c in zip(true, called, strict=True) if bool(t) != bool(c))
    return 2 * hits / (2 * hits + wrong) if hits + wrong else math.nan


def test_confusion_and_accuracy_count_rows():
    counts = scores.confusion(LABELS, PREDICTED, CLASSES)
    for a in range(CLASSES):
        for b in range(CLASSES):
            assert counts[a, b] == np.sum((a == LABELS) & (b == PREDICTED))
    assert scores.accuracy(LABELS, PREDICTED) == pytest.approx(np.trace(counts) / 200)


def test_f1_of_each_class_and_the_mean_of_those_that_are_there():
    found = scores.class_f1(LABELS, PREDICTED, CLASSES)
    for c in range(4):
        assert found[c] == pytest.approx(brute_f1(c == LABELS, c == PREDICTED))
    assert np.isnan(found[4])
    assert np.sum(PREDICTED == 4) > 0
    assert scores.macro_f1(LABELS, PREDICTED, CLASSES) == pytest.approx(found[:4].mean())


def test_a_class_that_is_never_predicted_counts_as_0():
    labels = np.array([0, 0, 1, 1])
    assert scores.macro_f1(labels, np.zeros(4, np.int64), 3) == pytest.approx((2 / 3 + 0) / 2)


def test_curves_hold_one_point_for_each_threshold():
    found = scores.curves(TRUE, TIED)
    assert np.all(found.thresholds == np.unique(TIED)[::-1])
    for threshold, precision, recall, fallout in zip(*found, strict=True):
        called = threshold <= TIED
        assert precision == pytest.approx(TRUE[called].mean())
        assert recall == pytest.approx(TRUE[called].sum() / TRUE.sum())
        assert fallout == pytest.approx((1 - TRUE)[called].sum() / (1 - TRUE).sum())


def test_average_precision_of_a_few_rows_by_hand():
    # Ranked: 1, then a tie of 0 and 1, then 0 and 1; precision 1, 2/3, 3/5, recall 1/3 more each.
    labels, ranks = np.array([1, 0, 1, 0, 1]), np.array([5.0, 4, 4, 2, 1])
    assert scores.average_precision(labels, ranks) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert scores.average_precision(labels, np.zeros(5)) == pytest.approx(3 / 5)


def test_average_precision_is_that_of_the_definition_over_rows_without_ties():
    ranks = RANDOM.normal(size=120) + TRUE
    order = np.argsort(-ranks)
    at = [TRUE[order[: n + 1]].mean() for n in range(120) if TRUE[order[n]]]
    assert scores.average_precision(TRUE, ranks) == pytest.approx(np.mean(at))


def test_the_area_is_the_chance_that_a_positive_row_ranks_above_a_negative_one():
    pairs = TIED[TRUE == 1][:, None] - TIED[TRUE == 0][None]
    chance = np.mean(pairs > 0) + np.mean(pairs == 0) / 2
    assert scores.roc_area(TRUE, TIED) == pytest.approx(chance)


def test_the_best_threshold_is_that_of_a_search_over_all():
    ends = np.concatenate([np.unique(TIED), [TIED.max() + 1]])
    every = [brute_f1(TRUE, t <= TIED) for t in ends]
    found = scores.best_threshold(TRUE, TIED)
    assert found.f1 == pytest.approx(max(every))
    assert scores.f1_at(TRUE, TIED, found.threshold) == pytest.approx(found.f1)
    assert found.threshold not in TIED
    # Both of the thresholds next to it are worse, or call more rows positive.
    labels, ranks = np.array([0, 1, 1]), np.array([0.1, 0.2, 0.6])
    assert scores.best_threshold(labels, ranks) == (pytest.approx(0.15), 1.0)
    assert scores.best_threshold(np.ones(3, int), np.full(3, 0.4)) == (pytest.approx(0.4), 1.0)


def brute_calibration(confidences, came_true, bins):
    gap, low = 0.0, -1.0
    for b in range(bins):
        high = (b + 1) / bins
        rows = [i for i, c in enumerate(confidences) if low < c <= high]
        if rows:
            gap += abs(sum(confidences[i] - came_true[i] for i in rows)) / len(confidences)
        low = high
    return gap


def test_calibration_errors_are_those_of_bins_counted_one_by_one():
    p = 1 / (1 + np.exp(-TIED))
    assert scores.binary_calibration_error(TRUE, p) == pytest.approx(brute_calibration(p, TRUE, 15))
    both = np.stack([1 - p, p], axis=1)
    right = (both.argmax(1) == TRUE).astype(float)
    found = scores.top_calibration_error(TRUE, both, 10)
    assert found == pytest.approx(brute_calibration(both.max(1), right, 10))
    table = scores.reliability(np.array([0.0, 0.5, 1.0]), np.array([False, True, True]), 2)
    assert table.count.tolist() == [2, 1]
    assert table.error == pytest.approx((2 * 0.25 + 0) / 3)


def test_calibrated_probabilities_have_no_error_but_that_of_chance():
    p = RANDOM.random(100_000)
    assert scores.binary_calibration_error((RANDOM.random(100_000) < p).astype(int), p) < 0.01


def test_the_rate_difference_of_calls_at_random_is_0_within_its_error():
    random = np.random.default_rng(1)
    found = []
    for _ in range(400):
        true, called = random.random((2, 300)) < np.array([[0.2], [0.6]])
        found.append(scores.rate_difference(true.astype(int), called.astype(int)))
    values, errors = np.array(found).T
    assert abs(values.mean()) < 4 * values.std() / 20
    assert errors.mean() == pytest.approx(values.std(), rel=0.15)
    perfect = scores.rate_difference(TRUE, TRUE)
    assert perfect.value == 1
    assert perfect.error > 0
    assert math.isnan(scores.rate_difference(np.zeros(3, int), np.zeros(3, int)).value)


@pytest.mark.parametrize("probability", [0.1, 0.9])
def test_the_scores_of_a_constant_are_those_of_its_closed_form(probability):
    p, constant = TRUE.mean(), np.full(120, probability)
    both, called = np.stack([1 - constant, constant], axis=1), (constant >= 0.5).astype(np.int64)
    # F1 where all are called this class.
    positive, negative = 2 * p / (1 + p), 2 * (1 - p) / (2 - p)
    found = {
        "accuracy": scores.accuracy(TRUE, called),
        "f1": scores.class_f1(TRUE, called, 2)[1],
        "macro_f1": scores.macro_f1(TRUE, called, 2),
        "best_f1": scores.best_threshold(TRUE, constant).f1,
        "average_precision": scores.average_precision(TRUE, constant),
        "roc_area": scores.roc_area(TRUE, constant),
        "calibration_error": scores.binary_calibration_error(TRUE, constant),
        "top_calibration_error": scores.top_calibration_error(TRUE, both),
        "rate_difference": scores.rate_difference(TRUE, called).value,
    }
    assert found == pytest.approx(
        {
            "accuracy": p if probability > 0.5 else 1 - p,
            "f1": positive if probability > 0.5 else 0.0,
            "macro_f1": (positive if probability > 0.5 else negative) / 2,
            "best_f1": positive,
            "average_precision": p,
            "roc_area": 0.5,
            "calibration_error": abs(probability - p),
            # Of the other class, both are 1 minus these.
            "top_calibration_error": abs(probability - p),
            "rate_difference": 0.0,
        }
    )


def test_the_scores_of_a_constant_among_several_classes_are_those_of_its_closed_form():
    constant = np.array([0.1, 0.4, 0.2, 0.2, 0.1])
    shares = np.bincount(LABELS, minlength=CLASSES) / len(LABELS)
    called, rows = np.full(200, 1), np.tile(constant, (200, 1))
    share = shares[1]
    macro = 2 * share / (1 + share) / np.sum(shares > 0)
    assert scores.accuracy(LABELS, called) == pytest.approx(share)
    assert scores.macro_f1(LABELS, called, CLASSES) == pytest.approx(macro)
    assert scores.top_calibration_error(LABELS, rows) == pytest.approx(abs(0.4 - share))


def test_what_is_not_defined_is_nan_and_no_warning():
    none = np.zeros(4, np.int64)
    ranks = np.arange(4.0)
    assert math.isnan(scores.average_precision(none, ranks))
    assert math.isnan(scores.roc_area(none + 1, ranks))
    assert math.isnan(scores.f1_at(none, ranks, 1.0))
    assert math.isnan(scores.best_threshold(none, ranks).threshold)
    assert math.isnan(scores.macro_f1(none[:0], none[:0], 2))
    assert math.isnan(scores.accuracy(none[:0], none[:0]))
    assert math.isnan(scores.average_precision(none[:0], ranks[:0]))
    assert math.isnan(scores.binary_calibration_error(none[:0], ranks[:0]))


def test_scikit_learn_agrees():
    metrics = pytest.importorskip("sklearn.metrics")
    assert scores.average_precision(TRUE, TIED) == pytest.approx(
        metrics.average_precision_score(TRUE, TIED)
    )
    assert scores.roc_area(TRUE, TIED) == pytest.approx(metrics.roc_auc_score(TRUE, TIED))
    assert scores.macro_f1(LABELS, PREDICTED, CLASSES) == pytest.approx(
        metrics.f1_score(LABELS, PREDICTED, labels=range(4), average="macro")
    )
    assert np.all(
        scores.confusion(LABELS, PREDICTED, CLASSES)
        == metrics.confusion_matrix(LABELS, PREDICTED, labels=range(CLASSES))
    )
