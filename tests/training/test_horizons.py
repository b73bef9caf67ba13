"""The rules of the horizon curriculum, step by step."""

import math

import numpy as np
import pytest

from freqjax import CurriculumConfig
from freqjax.training.horizons import Horizons

CONFIG = CurriculumConfig(first_horizon=0.25)


def at(horizon=400, settled=250, **fields):
    return Horizons(horizon=horizon, settled=settled, growth=1.4, **fields)


def test_it_begins_at_the_first_horizon():
    assert Horizons.begin(CONFIG, 10_000, 1000.0).horizon == 250
    assert Horizons.begin(CONFIG, 100, 1000.0).horizon == 100


def test_every_group_must_settle():
    assert at().judge(CONFIG, 0.5, np.array([9e-4, 1e-5])) == "settled"
    assert at().judge(CONFIG, 0.5, np.array([1.1e-3, 1e-5])) == "stay"


def test_patience_ends_a_horizon_that_does_not_settle():
    horizons = at(waited=10)
    assert horizons.judge(CONFIG, 1.0, np.array([0.02, 0.0])) == "stay"
    assert horizons.judge(CONFIG, 1.0, np.array([0.02, 0.0])) == "lost"


def test_a_group_that_has_nearly_settled_gets_more_time():
    assert at(waited=20).judge(CONFIG, 1.0, np.array([0.009])) == "stay"
    assert at(waited=35).judge(CONFIG, 1.0, np.array([0.009])) == "lost"


def test_a_group_that_loses_ground_is_seen_before_patience_ends():
    assert at(waited=3).judge(CONFIG, 0.2, np.array([0.4, 0.0])) == "lost"
    # The total still falls fast, or the stretch was lost before and deserves more steps, or there is
    # nothing to go back to.
    assert at(waited=3).judge(CONFIG, 1.0, np.array([0.4, 0.0])) == "stay"
    assert at(waited=3, failures=1).judge(CONFIG, 0.2, np.array([0.4, 0.0])) == "stay"
    assert at(horizon=250, waited=3).judge(CONFIG, 0.2, np.array([0.4, 0.0])) == "stay"


def test_losses_that_are_not_numbers_end_in_a_loss():
    horizons = at()
    verdicts = [horizons.judge(CONFIG, math.nan, np.array([math.nan])) for _ in range(12)]
    assert verdicts == ["stay"] * 11 + ["lost"]


@pytest.mark.parametrize(
    ("crossing", "expected"), [(420, 560), (700, 700), (9_000, 10_000), (None, 10_000)]
)
def test_the_look_ahead_sets_the_next_horizon(crossing, expected):
    running = np.zeros(10_000)
    if crossing is not None:
        running[crossing:] = 0.2
    horizons = at()
    horizons.lengthen(CONFIG, running)
    assert (horizons.horizon, horizons.settled) == (expected, 400)


def test_a_crossing_before_the_horizon_does_not_count():
    running = np.zeros(10_000)
    running[:300] = 0.2
    running[3_000:] = 0.2
    horizons = at()
    horizons.lengthen(CONFIG, running)
    assert horizons.horizon == 3_000


def test_going_back_halves_the_stride_until_it_is_one_sample():
    horizons = at(horizon=350)
    found = []
    for _ in range(12):
        horizons.go_back()
        found.append(horizons.horizon)
    assert found[:3] == [300, 275, 262]
    assert found[-1] == 251
    assert found == sorted(found, reverse=True)


def test_the_stride_recovers_with_success():
    horizons = at()
    horizons.go_back()
    running = np.zeros(10_000)
    running[1:] = 1.0
    horizons.lengthen(CONFIG, running)
    assert horizons.growth == pytest.approx(1.2)  # it failed: not yet
    horizons.lengthen(CONFIG, running)
    assert horizons.growth == pytest.approx(1.38)
    horizons.lengthen(CONFIG, running)
    assert horizons.growth == pytest.approx(1.4)
