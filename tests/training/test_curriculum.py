"""The curriculum over rows with weights, of a task that counts time in samples."""

import numpy as np
import pytest

from freqjax.networks import Linearizable, make_network
from freqjax.training.curriculum import CurriculumTrainer
from freqjax.training.frozen import make_forward
from tests.training.masked import GROUPS, LENGTHS, Masked
from tests.twins import tiny_config

WEIGHT = np.array([1, 0.5, 2, 1, 1], np.float32)


def made(horizon):
    config = tiny_config(
        train={"regime": "full", "streams": "parallel"},
        network={"learned_carry": True},
        # One sample: the section counts in seconds of 20 samples, the task in samples.
        task={"burn_in": 0.05},
        curriculum={"first_horizon": horizon},
    )
    task = Masked(config.task, 9.0, WEIGHT)
    network = make_network(config.network, task)
    assert isinstance(network, Linearizable)
    rows = task.rows("train")
    return CurriculumTrainer(network, task, config, rows, make_forward(network)), network, rows


def mean(errors, group, first, end):
    """Compute the weighted mean over the present samples in [first, end)."""
    total = count = 0.0
    for n, (length, weight) in enumerate(zip(LENGTHS, WEIGHT, strict=True)):
        if group in (None, GROUPS[n]):
            inside = slice(first, min(end, length))
            total += weight * errors[n, inside].sum()
            count += weight * len(errors[n, inside])
    return total / count


def errors_of(network, params, rows):
    outputs = make_forward(network)(params, rows, "block")
    return np.square(outputs - rows.targets)[..., 0].astype(np.float64)


def test_a_step_counts_the_samples_that_are_there_up_to_the_horizon():
    trainer, network, rows = made(horizon=5.0)
    errors = errors_of(network, trainer.params, rows)
    row = trainer.advance().row
    assert row["horizon_samples"] == 5
    assert row["loss"] == pytest.approx(mean(errors, None, 1, 5), rel=1e-5)
    expected = [mean(errors, group, 1, 5) for group in (0, 1)]
    np.testing.assert_allclose(row["loss_per_group"], expected, rtol=1e-5)
    after = errors_of(network, trainer.device_state().iterate, rows)
    expected = [mean(after, group, 1, 5) for group in (0, 1)]
    np.testing.assert_allclose(row["settled_loss_per_group"], expected, rtol=1e-4)


def test_the_look_ahead_is_the_worst_groups_mean_so_far():
    trainer, network, rows = made(horizon=5.0)
    errors = errors_of(network, trainer.params, rows)
    found = trainer._look_ahead()
    expected = [max(mean(errors, group, 1, end) for group in (0, 1)) for end in range(2, 8)]
    np.testing.assert_allclose(found, [0, *expected], rtol=1e-6)
