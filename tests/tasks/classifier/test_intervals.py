"""Intervals over groups against closed forms and their coverage in simulation."""

import math

import numpy as np
import pytest

from freqjax.tasks.classifier import scores
from freqjax.tasks.classifier.intervals import bootstrap, jackknife, of_difference, of_score


def persons(seed, groups=20, rows=15, spread=1.0):
    """Draw values of rows, of which those of one group share an offset; and the groups."""
    random = np.random.default_rng(seed)
    group = np.repeat(random.permutation(groups), rows)
    return random.normal(0, spread, groups)[group] + random.normal(size=groups * rows), group


def mean_of(values):
    return lambda rows: float(values[rows].mean())


def test_errors_of_a_mean_are_those_of_the_means_of_groups():
    values, group = persons(0)
    means = np.array([values[group == g].mean() for g in range(20)])
    expected = means.std(ddof=1) / math.sqrt(20)
    found = jackknife(mean_of(values), group)
    assert found.error == pytest.approx(expected)
    assert found.value == pytest.approx(values.mean())
    drawn = bootstrap(mean_of(values), group, draws=2000)
    assert drawn.error == pytest.approx(expected, rel=0.1)
    # Rows as if they were independent give far too small an error.
    assert values.std() / math.sqrt(len(values)) < expected / 2


def test_the_jackknife_with_few_groups_holds_the_truth_as_often_as_it_says():
    inside = []
    for seed in range(400):
        values, group = persons(seed, groups=5, rows=4)
        found = jackknife(mean_of(values), group, level=0.9)
        inside.append(found.low < 0 < found.high)
    assert np.mean(inside) == pytest.approx(0.9, abs=0.05)


def test_draws_are_those_of_the_seed():
    values, group = persons(1)
    first, again, other = (bootstrap(mean_of(values), group, draws=50, seed=s) for s in (0, 0, 1))
    assert first == again
    assert first.low != other.low


def test_a_paired_difference_is_surer_than_its_parts():
    random = np.random.default_rng(2)
    offset, group = persons(3)
    labels = (random.random(len(group)) < 0.4).astype(np.int64)
    # What makes a person hard makes it hard for both.
    noise = random.normal(size=len(group)) * np.exp(offset / 2)
    first, second = labels + noise * 0.5, labels + noise * 0.6
    one = bootstrap(of_score(scores.average_precision, labels, first), group, draws=200)
    both = bootstrap(
        of_difference(scores.average_precision, labels, first, second), group, draws=200
    )
    assert both.value == pytest.approx(
        scores.average_precision(labels, first) - scores.average_precision(labels, second)
    )
    assert both.error < one.error / 2
    assert both.low > 0
    same = bootstrap(of_difference(scores.average_precision, labels, first, first), group, draws=20)
    assert (same.low, same.high) == (0, 0)


def test_draws_without_a_positive_row_do_not_count():
    labels, group = np.array([1, 0, 0, 0, 0, 0]), np.array([0, 0, 1, 1, 2, 2])
    statistic = of_score(scores.average_precision, labels, np.arange(6.0))
    found = bootstrap(statistic, group, draws=200)
    assert 0 < found.used < 200
    assert jackknife(statistic, group).used == 2
    one = jackknife(mean_of(np.arange(3.0)), np.zeros(3, np.int64))
    assert math.isnan(one.error)
    assert math.isnan(one.low) and math.isnan(one.high)
    drawn = bootstrap(mean_of(np.arange(3.0)), np.zeros(3, np.int64))
    assert (drawn.value, drawn.used) == (1, 0)
