"""The whole thing: a clock is learned, and every way of running it gives the same outputs."""

import jax
import numpy as np
import pytest

import freqjax
from configs import quick
from freqjax.config import overrides
from freqjax.networks import Linearizable, make_network
from freqjax.tasks import make_task
from freqjax.training.curriculum import CurriculumTrainer
from freqjax.training.frozen import make_forward
from tests.rounding import OPTIMIZED
from tests.twins import extraction


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clock") / "run"
    summary = freqjax.train(quick.get_config(), folder, say=lambda line: None)
    return summary, freqjax.load(folder)


def test_a_clock_is_learned_from_rotors_that_know_no_frequency(clock):
    summary, _ = clock
    assert summary["stop_reason"] == "target_reached"
    assert max(summary["test"]["mse_per_frequency"]) < 0.002
    assert summary["probes"]["verdict"] == "clock"
    assert summary["distinct_rows"] > 0


def test_one_sample_at_a_time_is_scanned_is_batched(clock):
    """The rows in order through `step`, the state reset at block starts; and carried through."""
    summary, network = clock
    blocks = make_task(network.config.task).rows("test")
    forward = make_forward(network.network)
    for reset in ("block", "never"):
        batched = forward(network.params, blocks, reset)
        carry, outputs = network.init_carry(), []
        for inputs in blocks.inputs:
            if reset == "block":
                carry = network.init_carry()
            for x in inputs:
                carry, y = network.step(carry, x[None])
                outputs.append(float(y[0, 0]))
        most = 2e-5 if OPTIMIZED else 3e-4
        # Two programs, whose rounding adds up as long as the state is carried.
        np.testing.assert_allclose(np.reshape(outputs, batched.shape), batched, atol=most)
        mse = np.square(batched - blocks.targets).mean(axis=(1, 2))
        assert (mse < 0.01).all()
        if reset == "block":
            np.testing.assert_allclose(mse, summary["test"]["mse_per_frequency"], rtol=1e-5)


def test_probes_call_a_clock_a_clock_and_the_untrained_nothing(clock):
    _, network = clock
    task = extraction(network.config)
    forward = make_forward(network.network)
    found = task.probe(lambda batch, reset: forward(network.params, task.sequences(batch), reset))
    by_name = {row["probe"]: row["mse"] for row in found["table"]}
    assert by_name["mixture set to 0"] < 0.002
    assert by_name["mixture shuffled in time"] < 0.002
    assert by_name["start 0.25 s late"] > 0.5
    zeros = task.probe(lambda blocks, reset: np.zeros_like(blocks.targets))
    assert zeros["verdict"] == "nothing"
    assert [row["mse"] for row in zeros["table"]] == pytest.approx([0.5] * 7, abs=1e-3)


def test_probes_call_an_oracle_that_listens_a_locker(clock):
    """The target wherever the input holds anything at all."""
    _, network = clock

    def run(blocks, reset):
        heard = blocks.inputs["signal"].any(axis=1, keepdims=True)
        return np.where(heard, blocks.targets, 0)

    assert extraction(network.config).probe(run)["verdict"] == "locker"


def test_horizons_of_one_shape_share_a_compilation():
    config = quick.get_config()
    task = make_task(config.task)
    network = make_network(config.network, task)
    assert isinstance(network, Linearizable)
    trainer = CurriculumTrainer(network, task, config, task.rows("train"), make_forward(network))
    events = []

    def listen(event, duration_secs, **kwargs):
        events.append(event)

    trainer.advance()
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        row = trainer.advance().row
    finally:
        jax.monitoring.clear_event_listeners()
    assert row["horizon_s"] == 0.25  # it did not settle at once, so nothing was looked ahead
    assert not [event for event in events if "compile" in event]


@pytest.mark.parametrize("noise", ["fixed", "fresh"])
def test_rows_beyond_the_horizon_weigh_nothing(noise):
    config = overrides.apply(quick.get_config(), [("task.noise", noise)])
    task = make_task(config.task)
    network = make_network(config.network, task)
    assert isinstance(network, Linearizable)
    trainer = CurriculumTrainer(network, task, config, task.rows("train"), make_forward(network))
    start = trainer.params
    outputs = network.unroll(
        start,
        network.init_carry(start, 2),
        jax.numpy.swapaxes(jax.numpy.asarray(task.rows("train").inputs), 0, 1)[:25],
        jax.numpy.zeros((25, 2), bool),
    )[1]
    targets = np.swapaxes(task.rows("train").targets, 0, 1)[:25]
    expected = np.square(np.asarray(outputs) - targets).mean(axis=(0, 2))
    found = trainer.advance().row["loss_per_frequency"]
    # Fresh rows differ in noise, to which the initial rotors are deaf.
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_trained_networks_take_numpy_and_jax(clock):
    _, network = clock
    x = np.array([[0.1, 1, 0]])
    _, a = network.step(network.init_carry(), x)
    _, b = network.step(network.init_carry(), jax.numpy.asarray(x, jax.numpy.float32))
    np.testing.assert_array_equal(a, b)
    _, ys = network.unroll(np.tile(x, (5, 2, 1)))
    assert ys.shape == (5, 2, 1)
    np.testing.assert_allclose(ys[0, 0], a[0], atol=1e-6)
