"""Decisions at the end of a block, rule by rule."""

import json
import math

import pytest

from freqjax.training.filter.judgement import END, ESTIMATE, Progress


def progress(**fields):
    start = {"noise": 0.1, "underweight": 0.1, "horizon": 50, "preferred": END}
    return Progress(**(start | fields))


def judge(progress, prequential, shadows, *, whole=True):
    return progress.judge(prequential, shadows, whole=whole, noise=1.0, underweight=1.0)


def test_a_followed_block_replaces_the_candidates_and_a_lost_one_does_not():
    assert judge(progress(), 0.09, (0.5, 0.5)).followed
    assert not judge(progress(), 0.1, (0.5, 0.5)).followed
    assert not judge(progress(), math.nan, (0.5, 0.5)).followed
    assert not judge(progress(), math.inf, (0.5, 0.5)).followed


def test_a_short_block_is_followed_whatever_its_loss_unless_that_is_not_finite():
    assert judge(progress(), 0.5, (0.5, 0.5), whole=False).followed
    assert not judge(progress(), math.nan, (0.5, 0.5), whole=False).followed


@pytest.mark.parametrize(
    ("prequential", "shadow", "factor"),
    [(0.01, 0.5, 2), (0.01, 0.009, 3), (0.5, 0.5, 0.3), (0.5, 0.009, 0.3), (math.nan, 0.5, 0.3)],
)
def test_the_noise_of_the_next_block(prequential, shadow, factor):
    found = progress()
    judge(found, prequential, (shadow, 0.9))
    assert (found.noise, found.underweight) == pytest.approx((0.1 * factor, 0.1 * factor))


def test_the_noise_never_exceeds_that_of_the_config():
    found = progress(noise=0.9, underweight=0.2)
    judge(found, 0.01, (0.001, 0.9))
    assert (found.noise, found.underweight) == (1.0, pytest.approx(0.6))


def test_the_lower_shadow_is_preferred_and_a_tie_changes_nothing():
    for before in (END, ESTIMATE):
        for shadows, expected in [((0.3, 0.2), ESTIMATE), ((0.2, 0.3), END), ((0.2, 0.2), before)]:
            found = progress(preferred=before)
            judge(found, 0.01, shadows)
            assert found.preferred == expected


def test_the_estimate_is_preferred_after_a_block_that_was_followed_closely():
    found = progress()
    judge(found, 0.9e-3, (0.1, 0.4))
    assert found.preferred == ESTIMATE
    found = progress()
    judge(found, 1.1e-3, (0.1, 0.4))
    assert found.preferred == END


def test_a_shadow_that_is_no_number_is_the_highest():
    found = progress(preferred=END)
    assert judge(found, 0.01, (math.nan, 0.4)).best == ESTIMATE
    assert (found.preferred, found.best) == (ESTIMATE, 0.4)
    assert judge(progress(), 0.01, (math.nan, math.inf)).best is None


def test_the_recorded_shadow_is_of_the_candidate_that_began_the_block():
    found = progress(preferred=ESTIMATE)
    judge(found, 0.01, (0.1, 0.4))
    assert (found.prequential, found.shadow, found.preferred, found.blocks) == (0.01, 0.4, END, 1)


def test_only_a_whole_block_with_the_lowest_shadow_yields_the_best():
    found = progress()
    assert judge(found, 0.01, (0.2, 0.3), whole=False).best is None
    assert found.best is None
    assert judge(found, 0.01, (0.3, 0.2)).best == ESTIMATE
    assert judge(found, 0.01, (0.2, 0.25)).best is None  # not lower
    assert (
        judge(found, 0.9, (0.1, 0.25)).best == END
    )  # though the block was lost: its start is judged
    assert found.best == 0.1


def test_progress_survives_its_json():
    found = progress()
    judge(found, 0.01, (0.2, 0.3))
    assert Progress(**json.loads(json.dumps(found.to_json()))) == found
