"""The constructed clock: its exactness over a whole stream, and the task's Hz in cycles per sample."""

import jax
import numpy as np

from freqjax import Config, TaskConfig
from freqjax.networks import make_network
from freqjax.tasks import make_task
from freqjax.tasks.extraction.clock import Clock
from freqjax.training.frozen import make_forward
from tests.rounding import OPTIMIZED
from tests.twins import SETTING, extraction, split_of


def test_it_is_exact_with_one_state_carried_through_all_blocks():
    """Step by step in float32 over the 40,000 rows, as the stream comes; 12 of the 64 units are used."""
    config = Config()
    config.network.initializer = "constructed"
    task = extraction(config)
    network = make_network(config.network, task)
    params = network.init(jax.random.key(0))
    used = np.flatnonzero(np.abs(params["cell"]["recurrent"]["kernel"]).sum(axis=1))
    assert len(used) == task.constructed().units == 12
    assert (params["cell"]["input"]["kernel"][0] == 0).all()
    blocks = task.rows("test")
    outputs = make_forward(network)(params, blocks, "never")
    mse = np.square(outputs - blocks.targets).mean(axis=(1, 2))
    # Rounding adds up over the rows, and more of it in programs that are compiled quickly.
    most = 1e-8 if OPTIMIZED else 1e-6
    assert (mse < most).all(), mse


def test_each_component_turns_by_its_angle_a_sample():
    cycles = (0.001, 0.02)
    weights = Clock(cycles).weights(SETTING._replace(input_size=3, selectors=(1, 2), hidden_size=6))
    kernel = np.asarray(weights.recurrent_kernel, np.float64)[:, 2 * 6 : 3 * 6]
    for number, f in enumerate(cycles):
        pair = np.array([3 * number, 3 * number + 1])
        eigenvalues = np.linalg.eigvals(np.eye(2) + kernel[np.ix_(pair, pair)].T)
        np.testing.assert_allclose(np.abs(np.angle(eigenvalues)), 2 * np.pi * f, rtol=1e-5)


def test_a_clock_is_moved_by_cycles_per_sample():
    assert Clock((0.25, 0.5)).moved(0.125) == Clock((0.375, 0.625))
    assert Clock((0.25, 0.5)).moved((0.0, 0.125)) == Clock((0.25, 0.625))


def test_the_task_gives_networks_cycles_per_sample():
    config = TaskConfig(frequencies=(1.0, 3.0), sampling_rate=50.0, duration=4.0)
    config.rotor_leak, config.rotor_decay = 1.0, 2.0
    task = make_task(config)
    setting = task.rotors()
    np.testing.assert_allclose(setting.band, (0.01, 0.4))
    np.testing.assert_allclose((setting.leak, setting.decay), (0.02, 0.04))
    assert setting.turn_scale == 20.0
    assert setting.peaks == ()
    np.testing.assert_allclose(task.peaks(split_of(task, "train")), (0.02, 0.06))
    np.testing.assert_allclose(task.constructed().cycles, (0.02, 0.06))
