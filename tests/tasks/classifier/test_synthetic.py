"""The exact task: its posterior by densities, its Bayes values by simulation."""

import numpy as np
import pytest
import scipy.stats

from freqjax.errors import UserError
from freqjax.tasks.classifier import scores
from freqjax.tasks.classifier.synthetic import PatternTask, bayes


def test_the_posterior_is_that_of_the_densities_of_what_is_present():
    task = PatternTask.make(0.2, 1.5, 12, 3, seed=4)
    rows = task.draw(20, 5, missing=0.3)
    found = task.log_odds(rows.signals, rows.mask)
    for n in range(20):
        x, s = rows.signals[n][rows.mask[n]].ravel(), task.pattern[rows.mask[n]].ravel()
        zero = scipy.stats.norm.logpdf(x).sum() + np.log(0.8)
        one = scipy.stats.norm.logpdf(x - s).sum() + np.log(0.2)
        assert found[n] == pytest.approx(one - zero, abs=1e-9)


def test_the_pattern_has_the_separation_and_no_mean_over_time():
    task = PatternTask.make(0.3, 2.5, 40, 4)
    assert task.separation == pytest.approx(2.5)
    assert np.abs(task.pattern.mean(axis=0)).max() < 1e-12
    rows = task.draw(2000, 0)
    means = rows.signals.mean(axis=1)
    apart = means[rows.labels == 1].mean(axis=0) - means[rows.labels == 0].mean(axis=0)
    assert np.abs(apart).max() < 5 / np.sqrt(40 * 400)


@pytest.mark.parametrize(("p", "separation"), [(0.1, 1.0), (0.29, 2.0), (0.5, 0.5)])
def test_simulation_gives_the_bayes_values(p, separation):
    random, count = np.random.default_rng(0), 400_000
    labels = (random.random(count) < p).astype(np.int64)
    x = random.normal(size=count) + separation * labels
    posterior = 1 / (1 + (1 - p) / p * np.exp(separation**2 / 2 - separation * x))
    found = bayes(p, separation)
    best = scores.best_threshold(labels, posterior)
    assert found.f1 == pytest.approx(best.f1, abs=0.006)
    assert scores.f1_at(labels, posterior, found.threshold) == pytest.approx(found.f1, abs=0.006)
    assert best.threshold == pytest.approx(found.threshold, abs=0.04)
    assert found.threshold == found.f1 / 2
    assert found.f1_at_half == pytest.approx(scores.f1_at(labels, posterior, 0.5), abs=0.006)
    assert found.average_precision == pytest.approx(
        scores.average_precision(labels, posterior), abs=0.006
    )
    assert found.roc_area == pytest.approx(scores.roc_area(labels, posterior), abs=0.004)
    called = (posterior >= 0.5).astype(np.int64)
    assert found.accuracy == pytest.approx(scores.accuracy(labels, called), abs=0.004)


def test_classes_that_hardly_differ_give_the_constant_and_far_ones_give_1():
    close, far = bayes(0.2, 1e-3), bayes(0.2, 12.0)
    assert close.f1 == pytest.approx(2 * 0.2 / 1.2, abs=1e-3)
    assert close.average_precision == pytest.approx(0.2, abs=1e-3)
    assert (far.f1, far.average_precision) == pytest.approx((1, 1), abs=1e-6)


def test_values_out_of_range_are_named():
    with pytest.raises(UserError, match="prevalence is 1"):
        bayes(1.0, 2.0)
    with pytest.raises(UserError, match="separation is 0"):
        PatternTask.make(0.1, 0.0, 10, 2)
    with pytest.raises(UserError, match="2 samples"):
        PatternTask.make(0.1, 1.0, 1, 2)
