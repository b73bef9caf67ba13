"""Rows that are wrong, each in a way that its check names, and rows that are right."""

import numpy as np
import pytest

from freqjax.diagnosis import diagnose
from tests.diagnosis.runs import by_cause, config, examined


def found(tmp_path, spoil, whole=None, **fields):
    """What the task finds of training targets [B, T] spoiled by `spoil`."""
    run = examined(tmp_path, whole, train_targets=lambda y: spoil(y[..., 0])[..., None], **fields)
    return by_cause(run.task.checks(run.evidence))


def at(*hertz):
    """Two blocks of other frequencies, for two seconds at 100 Hz."""
    return np.stack([np.sin(2 * np.pi * f * np.arange(200) / 100) for f in hertz])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda y: 3.5 * y, "3.5 times as large as the test's"),
        (lambda y: 0.8 * y, "0.8 times as large as the test's"),
        (lambda y: y - 0.45, "offset by -0.45 of their amplitude"),
        (lambda y: -y, "have the other sign against the test's"),
        (lambda y: np.roll(y, 3, axis=1), "come 3 samples late against the test's"),
        (lambda y: y[::-1], "of 2 Hz are sines of 5 Hz: the selectors are exchanged"),
        (lambda y: at(2.3, 5.0), "of 2 Hz are sines of 2.3 Hz"),
    ],
)
def test_what_is_wrong_with_targets_is_named(tmp_path, spoil, words):
    checks = found(tmp_path, spoil)
    assert checks["bad_data"].found and words in checks["bad_data"].words
    assert checks["decimated_stream"].found is False


def test_one_row_that_lies_off_is_named(tmp_path):
    def spoil(y):
        y[1, 50] = 17.0
        return y

    said = found(tmp_path, spoil)["bad_data"].words
    assert "1 row off the sine, the first in block 2, sample 51 (17)" in said


def test_targets_that_stand_still_are_named(tmp_path):
    def spoil(y):
        y[0, 60:140] = y[0, 60]
        return y

    assert "they stand still for 80 samples" in found(tmp_path, spoil)["bad_data"].words


def test_noise_on_targets_decimates_nothing(tmp_path):
    """Its steps are far larger than those of the sine, which it nevertheless is."""
    noise = 0.3 * np.random.default_rng(0).normal(size=(2, 200))
    checks = found(tmp_path, lambda y: y + noise)
    assert checks["decimated_stream"].found is False
    assert checks["decimated_stream"].evidence["step_ratio_per_frequency"][0] > 1.5
    assert checks["bad_data"].found


def test_every_fourth_row_of_larger_targets_is_both(tmp_path):
    checks = found(tmp_path, lambda y: 3 * at(8.0, 20.0))
    assert (
        checks["decimated_stream"].found
        and "only one row of 4 is there" in checks["decimated_stream"].words
    )
    ratio = checks["decimated_stream"].evidence["step_ratio_per_frequency"][0]
    np.testing.assert_allclose(ratio, 4, rtol=0.1)
    assert checks["bad_data"].found is None  # which is not said to be right


def test_a_run_that_is_tested_on_its_training_rows_is_not_healthy(tmp_path):
    same = config(task={"train_seed": 5, "test_seed": 5})
    run = examined(tmp_path, same, outputs=lambda y: y + 0.01)
    assert run.healthy
    diagnosis = diagnose(run)
    assert not diagnosis.healthy
    assert [e.cause for e in diagnosis.causes] == ["bad_data"]
    assert "The test rows are the training rows" in diagnosis.causes[0].words
    fresh = config(task={"train_seed": 5, "test_seed": 5, "noise": "fresh"})
    assert diagnose(examined(tmp_path, fresh, outputs=lambda y: y + 0.01)).healthy


# --- the mixture -----------------------------------------------------------------------------------


def heard(tmp_path, change=None, *, test=None, **task):
    """The check of mixtures [B, T] that `change` spoils, of twelve unknown starts at little noise."""
    fields = {"start": "random", "starts": 12, "phase_scale": 0.1} | task
    run = examined(tmp_path, config(task=fields), train_mixture=change, test_mixture=test)
    return by_cause(run.task.checks(run.evidence))["data_mismatch"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: -s, "have the other sign"),
        (lambda s: np.roll(s, 4, axis=1), "come 4 samples late"),
        (
            lambda s: np.roll(s, 2, axis=0),
            "are exchanged (the target of block",
        ),
        (lambda s: 0.3 * s, "are 0.3 times as large as the law has them"),
        (np.zeros_like, "hold no component"),
    ],
)
def test_a_mixture_that_is_not_the_targets_is_named(tmp_path, change, words):
    check = heard(tmp_path, change)
    assert check.found and f"The training mixtures {words}" in check.words
    assert "the test mixtures" not in check.words


def test_the_mixture_of_the_test_is_checked_as_well(tmp_path):
    check = heard(tmp_path, test=lambda s: -s)
    assert check.found and "The test mixtures have the other sign" in check.words


@pytest.mark.parametrize("phase_scale", [0.05, 0.3])
def test_mixtures_that_hold_their_targets(tmp_path, phase_scale):
    check = heard(tmp_path, phase_scale=phase_scale)
    assert check.found is False
    assert check.evidence["train_estimate_mse"] < 3 * check.evidence["expected_mse"]


def test_mixtures_that_lie_alike_in_training_and_test_can_be_learned_from(tmp_path):
    def late(s):
        return np.roll(s, 4, axis=1)

    assert heard(tmp_path, late, test=late).found is False


def test_a_mixture_that_says_nothing_is_not_judged(tmp_path):
    assert heard(tmp_path, lambda s: -s, phase_scale=1.0).found is None
    assert heard(tmp_path, lambda s: -s, duration=0.06).found is None


def test_where_the_start_is_known_the_targets_do_not_accuse_the_mixture(tmp_path):
    whole = config(task={"phase_scale": 0.1})
    checks = found(tmp_path, lambda y: -y, whole)
    assert checks["bad_data"].found and checks["data_mismatch"].found is False
    checks = found(tmp_path, lambda y: y, whole, train_mixture=lambda s: -s)
    assert checks["data_mismatch"].found and checks["bad_data"].found is False
