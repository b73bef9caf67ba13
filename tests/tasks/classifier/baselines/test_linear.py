"""Ridge and logistic regression, their scaling, statistics and context, against direct computation."""

import numpy as np
import pytest

from freqjax.tasks.classifier import scores
from freqjax.tasks.classifier.baselines import (
    Constant,
    Logistic,
    Ridge,
    Scaler,
    summary_statistics,
    with_context,
)
from freqjax.tasks.classifier.calibration import Temperature, log_loss, probabilities_of
from freqjax.tasks.classifier.context import context_of
from freqjax.tasks.classifier.dataset import Part
from freqjax.tasks.classifier.synthetic import PatternTask, bayes

RANDOM = np.random.default_rng(0)


def rows_of(count, size, classes=3):
    """Draw features with a class that depends on them, and their scales far apart."""
    features = RANDOM.normal(size=(count, size))
    labels = (features[:, :classes] * 2 + RANDOM.gumbel(size=(count, classes))).argmax(axis=1)
    return features * np.logspace(-2, 2, size) + 3, labels


@pytest.mark.parametrize("size", [8, 60])  # fewer features than rows, and more
def test_the_error_of_rows_left_out_is_that_of_leaving_them_out(size):
    features, labels = rows_of(40, size)
    found = Ridge.fit(features, labels, 3, [0.5])
    assert found.strength == pytest.approx(0.5 * size)
    scaled, targets = Scaler.fit(features)(features), 2.0 * np.eye(3)[labels] - 1
    errors = []
    for n in range(40):
        kept = np.arange(40) != n
        x, y = scaled[kept], targets[kept]
        mean = x.mean(axis=0)
        product = (x - mean).T @ (x - mean) + found.strength * np.eye(size)
        weights = np.linalg.solve(product, (x - mean).T @ (y - y.mean(axis=0)))
        errors.append((scaled[n] - mean) @ weights + y.mean(axis=0) - targets[n])
    assert found.error == pytest.approx(np.mean(np.square(errors)))
    product = scaled.T @ scaled + found.strength * np.eye(size)
    expected = scaled @ np.linalg.solve(product, scaled.T @ targets) + targets.mean(axis=0)
    assert found.scores(features) == pytest.approx(expected)


def test_ridge_chooses_the_strength_of_the_least_error():
    features, labels = rows_of(50, 30)
    grid = tuple(np.logspace(-3, 3, 9))
    every = [Ridge.fit(features, labels, 3, [s]).error for s in grid]
    assert Ridge.fit(features, labels, 3, grid).error == pytest.approx(min(every))


def test_a_temperature_keeps_the_ranking_of_ridge_and_calibrates_it():
    train, validation = rows_of(600, 6), rows_of(600, 6)
    raw = Ridge.fit(*train, 3).scores(validation[0])
    p = probabilities_of(Temperature.fit(validation[1], raw)(raw))
    assert p.sum(axis=1) == pytest.approx(np.ones(600))
    assert np.all(p.argmax(axis=1) == raw.argmax(axis=1))
    assert scores.top_calibration_error(validation[1], p) < 0.08
    assert log_loss(validation[1], np.log(p)) < log_loss(validation[1], raw)


def test_logistic_regression_is_where_the_slope_of_its_loss_is_0():
    features, labels = rows_of(200, 5)
    found = Logistic.fit(features, labels, 3, 0.01)
    residual = (found.probabilities(features) - np.eye(3)[labels]) / 200
    scaled = found.scaler(features)
    assert np.abs(scaled.T @ residual + 0.01 * found.weights).max() < 1e-5
    assert np.abs(residual.sum(axis=0)).max() < 1e-5


def test_logistic_regression_takes_the_strength_that_is_best_on_validation():
    train, validation = rows_of(60, 40), rows_of(500, 40)
    grid = tuple(np.logspace(0, -4, 9))
    every = [
        log_loss(validation[1], Logistic.fit(*train, 3, s).logits(validation[0])) for s in grid
    ]
    found = Logistic.choose(train, validation, 3, grid)
    assert found.strength == grid[int(np.argmin(every))]
    assert 0 < int(np.argmin(every)) < 8


def test_lines_through_all_samples_come_near_the_exact_posterior_and_statistics_do_not():
    task = PatternTask.make(0.3, 2.0, 12, 2)
    train, test = task.draw(4000, 1), task.draw(4000, 2)
    best = bayes(0.3, 2.0).average_precision
    flat = [(d.signals.reshape(4000, -1), d.labels) for d in (train, test)]
    p = Logistic.choose(flat[0], flat[1], 2).probabilities(flat[1][0])
    assert scores.average_precision(test.labels, p[:, 1]) == pytest.approx(best, abs=0.03)
    ridge = Ridge.fit(*flat[0], 2).scores(flat[1][0])
    assert scores.average_precision(test.labels, ridge[:, 1]) == pytest.approx(best, abs=0.03)
    means = [(d.signals.mean(axis=1), d.labels) for d in (train, test)]
    p = Logistic.choose(means[0], means[1], 2).probabilities(means[1][0])
    assert scores.average_precision(test.labels, p[:, 1]) == pytest.approx(0.3, abs=0.05)


def test_what_is_missing_is_the_mean_and_what_is_constant_is_0():
    features = np.array([[1.0, 5, np.nan, 2], [3, 5, np.nan, np.nan], [np.nan, 5, np.nan, 6]])
    scaled = Scaler.fit(features)(features)
    assert scaled[:, 0].tolist() == [-1, 1, 0]
    assert np.all(scaled[:, 1:3] == 0)
    assert scaled[:, 3].tolist() == [-1, 0, 1]


def test_statistics_are_those_of_what_is_present():
    signals = RANDOM.normal(size=(30, 9, 2)).astype(np.float32)
    mask = RANDOM.random(signals.shape) < 0.5
    mask[0], mask[1, :, 0], mask[2] = True, False, False
    mask[2, 4] = True
    found = summary_statistics(np.where(mask, signals, np.nan), mask).reshape(30, 2, -1)
    assert found.shape[2] == 9
    for n in range(30):
        for f in range(2):
            there = mask[n, :, f]
            x = signals[n, there, f].astype(np.float64)
            assert found[n, f, 8] == pytest.approx(there.mean())
            if not len(x):
                assert np.all(np.isnan(found[n, f, :8]))
                continue
            quantiles = np.quantile(x, [0, 0.25, 0.5, 0.75, 1])
            assert found[n, f, :7] == pytest.approx([x.mean(), x.std(), *quantiles])
            steps = [
                float(signals[n, t + 1, f]) - float(signals[n, t, f])
                for t in range(8)
                if there[t] and there[t + 1]
            ]
            expected = np.sqrt(np.mean(np.square(steps))) if steps else np.nan
            assert found[n, f, 7] == pytest.approx(expected, nan_ok=True)


def windows_of(recordings):
    """Make a part of windows that know their recording and their order alone."""
    recording = np.array(recordings, np.int32)
    order = np.array([np.sum(recording[:n] == r) for n, r in enumerate(recording)], np.int32)
    zeros = np.zeros(len(recording), np.int32)
    return Part({}, {}, zeros, zeros - 1, zeros, recording, order)


def test_context_is_the_mean_of_windows_of_the_same_recording():
    part = windows_of([0, 0, 1, 0, 1])
    features = np.arange(10.0).reshape(5, 2)
    both = with_context(features, context_of(part, "both", 2))
    assert both.shape == (5, 6)
    assert both[3].tolist() == pytest.approx([6, 7, 1, 2, np.nan, np.nan], nan_ok=True)
    assert both[0].tolist() == pytest.approx([0, 1, np.nan, np.nan, 4, 5], nan_ok=True)
    assert with_context(features, context_of(part, "past", 1))[4].tolist() == [8, 9, 4, 5]
    np.testing.assert_array_equal(with_context(features, context_of(part, "none")), features)


def test_context_helps_where_the_class_is_that_of_the_row_before():
    features, labels = rows_of(800, 3)
    recordings = np.arange(800) // 20
    late = np.where(np.arange(800) % 20 > 0, np.roll(labels, 1), labels)
    both = with_context(features, context_of(windows_of(recordings), "past", 1))
    alone = Logistic.fit(features, late, 3, 1e-3).probabilities(features).argmax(axis=1)
    found = Logistic.fit(both, late, 3, 1e-3).probabilities(both).argmax(axis=1)
    assert scores.accuracy(late, found) > scores.accuracy(late, alone) + 0.2


def test_the_constant_gives_the_shares_of_training_rows():
    p = Constant.fit(np.array([0, 0, 1, 3]), 4).probabilities(2)
    assert p.tolist() == [[0.5, 0.25, 0, 0.25]] * 2
