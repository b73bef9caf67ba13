"""Each reason to stop, and no other."""

import math

import pytest

from freqjax import TrainConfig
from freqjax.training.stopping import Stopping


def run(config, losses, frozen=None, worst=None):
    stopping = Stopping()
    for epoch, loss in enumerate(losses, 1):
        f = None if frozen is None else frozen[epoch - 1]
        reason = stopping.observe(config, epoch, loss, f, f if worst is None else worst[epoch - 1])
        if reason:
            return epoch, reason
    return None


def test_epochs_done():
    assert run(TrainConfig(epochs=3), [1.0, 1.0, 1.0, 1.0]) == (3, "epochs_done")


def test_divergence_is_against_the_best():
    assert run(TrainConfig(epochs=9), [1.0, 0.5, 0.7, 0.76]) == (4, "diverged")
    assert run(TrainConfig(epochs=4, divergence_factor=None), [1.0, 0.5, 9.0, 9.0]) == (
        4,
        "epochs_done",
    )


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_non_finite(loss):
    assert run(TrainConfig(epochs=9), [1.0, loss]) == (2, "non_finite")


def test_target_needs_the_worst_group():
    config = TrainConfig(epochs=9, target_mse=0.01)
    assert run(config, [1.0] * 3, [0.5, 0.005, 0.005], [0.9, 0.02, 0.009]) == (3, "target_reached")


def test_patience_counts_only_improvements_by_min_delta():
    config = TrainConfig(epochs=9, patience=2, min_delta=0.1, divergence_factor=None)
    assert run(config, [1.0] * 6, [1.0, 0.95, 0.85, 0.8, 0.76, 0.7]) == (5, "patience")


def test_patience_does_not_see_epochs_that_were_not_evaluated():
    config = TrainConfig(epochs=5, patience=1)
    assert run(config, [1.0] * 5, [0.5, None, None, None, 0.4]) == (5, "epochs_done")


def test_best_ignores_nan():
    stopping = Stopping()
    assert stopping.is_best(0.5)
    assert not stopping.is_best(math.nan)
    assert not stopping.is_best(0.5)
    assert stopping.is_best(0.4)
