"""Calibration against optima found otherwise, and shifts against Bayes' rule."""

import numpy as np
import pytest
import scipy.optimize

from freqjax.tasks.classifier import scores
from freqjax.tasks.classifier.calibration import (
    Platt,
    Temperature,
    Threshold,
    log_loss,
    probabilities_of,
    sampler_shift,
    undo_shift,
    weight_shift,
)
from freqjax.tasks.classifier.synthetic import PatternTask

RANDOM = np.random.default_rng(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def classes_of(logits):
    """Draw classes from the softmax of logits."""
    return (logits + RANDOM.gumbel(size=logits.shape)).argmax(axis=1)


def test_the_temperature_is_found_again():
    logits = RANDOM.normal(size=(5000, 4)) * 2
    labels = classes_of(logits)
    found = Temperature.fit(labels, logits * 3)
    assert found.value == pytest.approx(3, rel=0.08)
    grid = np.linspace(2.5, 3.5, 51)
    losses = [log_loss(labels, logits * 3 / t) for t in grid]
    assert found.value == pytest.approx(grid[np.argmin(losses)], abs=0.011)
    assert np.all(found(logits).argmax(1) == logits.argmax(1))
    before = scores.top_calibration_error(labels, probabilities_of(logits * 3))
    after = scores.top_calibration_error(labels, probabilities_of(found(logits * 3)))
    assert after < 0.02 < 0.1 < before


def test_the_temperature_of_separated_classes_stays_finite():
    assert Temperature.fit(np.array([0, 1]), np.array([[9.0, 0], [0, 9]])).value >= 0.01


def test_platt_scaling_is_the_optimum_of_its_loss_and_undoes_a_line():
    truth = RANDOM.normal(-1, 2, 5000)
    labels = (RANDOM.random(5000) < sigmoid(truth)).astype(np.int64)
    given = (truth + 0.7) / 1.6
    found = Platt.fit(labels, given)
    assert found.slope == pytest.approx(1.6, rel=0.1)
    assert found.intercept == pytest.approx(-0.7, abs=0.15)
    hits = labels.sum()
    targets = np.where(labels, (hits + 1) / (hits + 2), 1 / (5000 - hits + 2))

    def loss(w):
        z = w[0] * given + w[1]
        return np.sum(np.logaddexp(0, z) - targets * z)

    other = scipy.optimize.minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8})
    assert (found.slope, found.intercept) == pytest.approx(tuple(other.x), abs=1e-4)


@pytest.mark.parametrize("given", [[-1.0, 1, 3], [2.0, 2, 2], [1e6, 2e6, 3e6]])
def test_platt_scaling_stays_finite(given):
    found = Platt.fit(np.array([0, 1, 1]), np.array(given))
    p = sigmoid(found(np.array(given)))
    assert np.all(np.isfinite(p))
    # The intercept makes the mean that of the targets 1/3, 3/4 and 3/4.
    assert p.mean() == pytest.approx((1 / 3 + 3 / 4 + 3 / 4) / 3, abs=1e-3)


def test_the_threshold_of_validation_rows_is_applied_to_others():
    labels, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.9])
    chosen = Threshold.fit(labels, p)
    assert chosen.value == pytest.approx(0.25)
    assert chosen(np.array([0.24, 0.25])).tolist() == [0, 1]
    assert Threshold.fit(labels * 0, p).value == 0.5


def test_shifts_of_a_sampler_and_of_weights_are_undone_by_bayes_rule():
    shares, sampled, weights = np.array([0.7, 0.2, 0.1]), np.full(3, 1 / 3), np.array([1.0, 2, 5])
    likelihood = RANDOM.random((50, 3))
    posterior = likelihood * shares
    posterior /= posterior.sum(axis=1, keepdims=True)
    trained = likelihood * sampled * weights
    shifts = sampler_shift(shares, sampled), weight_shift(weights)
    found = probabilities_of(undo_shift(np.log(trained), *shifts))
    assert found == pytest.approx(posterior)
    assert undo_shift(np.log(trained)) == pytest.approx(np.log(trained))


def test_each_correction_of_imbalance_costs_calibration_and_undoing_it_gives_it_back():
    task = PatternTask.make(0.1, 1.0, 16, 2)
    rows = task.draw(20_000, 1)
    odds = task.log_odds(rows.signals, rows.mask)
    exact = np.stack([np.zeros_like(odds), odds], axis=1)
    shares = np.array([0.9, 0.1])
    sampler, weights = sampler_shift(shares, np.full(2, 0.5)), weight_shift(1 / shares)
    errors, f1 = [], []
    for shift in (0 * sampler, sampler, sampler + weights):
        p = probabilities_of(exact + shift)[:, 1]
        errors.append(scores.binary_calibration_error(rows.labels, p))
        f1.append(scores.f1_at(rows.labels, p, 0.5))
    assert errors == pytest.approx([0.0, 0.32, 0.72], abs=0.02)
    assert f1[1:] == pytest.approx([0.309, 0.188], abs=0.015)
    back = undo_shift(exact + sampler + weights, sampler, weights)
    assert back[:, 1] - back[:, 0] == pytest.approx(odds)
