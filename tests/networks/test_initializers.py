"""Initial weights against their definitions."""

import jax
import numpy as np
import pytest

from freqjax import Config
from freqjax.networks import make_network
from freqjax.networks.initializers import INITIALIZERS
from freqjax.networks.rotors import pair_frequencies, pair_owners
from freqjax.tasks import make_task
from freqjax.training.frozen import make_forward
from tests.twins import SETTING


def draw(name, seed=0, **changes):
    weights = INITIALIZERS[name](jax.random.key(seed), SETTING._replace(**changes))
    return type(weights)(*(np.asarray(w, np.float64) for w in weights))


def gate(array, name):
    k = "ifgo".index(name)
    return array[..., 64 * k : 64 * (k + 1)]


def test_pytorch_fills_its_interval_evenly():
    weights = draw("pytorch")
    for name in ("input_kernel", "recurrent_kernel", "input_bias", "recurrent_bias", "head_kernel"):
        values = getattr(weights, name).reshape(-1)
        assert np.abs(values).max() <= 1 / 8
        # The variance of U(−a, a) is a²/3; five standard errors of its estimate.
        assert abs(values.var() * 64 * 3 - 1) < 5 * np.sqrt(0.8 / values.size)


def test_orthogonal_gates_are_orthogonal_each():
    kernel = draw("orthogonal").recurrent_kernel
    for name in "ifgo":
        np.testing.assert_allclose(gate(kernel, name).T @ gate(kernel, name), np.eye(64), atol=1e-5)


def test_unit_forget_opens_the_forget_gate_alone():
    weights = draw("unit_forget")
    bias = weights.input_bias + weights.recurrent_bias
    assert (gate(bias, "f") == 1).all()
    assert all((gate(bias, name) == 0).all() for name in "igo")


def test_chrono_spreads_memories_over_the_stream():
    weights = draw("chrono")
    forget = gate(weights.input_bias, "f")
    np.testing.assert_array_equal(gate(weights.input_bias, "i"), -forget)
    spread = np.exp(forget)
    assert spread.min() >= 1
    assert spread.max() <= 9_999
    assert abs(spread.mean() / 5_000 - 1) < 0.25


def rotor_matrix(weights, pair):
    """The linear map of (c, c') of one pair when its output gate is at 1/2, from the equations."""
    units = np.array([2 * pair, 2 * pair + 1])
    forget = 1 / (1 + np.exp(-gate(weights.input_bias, "f")[units]))
    kernel = gate(weights.recurrent_kernel, "g")[np.ix_(units, units)]
    return np.diag(forget) + kernel.T / 4


@pytest.mark.parametrize("rate", [1000.0, 100.0, 50.0])
def test_rotors_turn_without_growth_inside_their_band(rate):
    weights = draw("rotor", sampling_rate=rate)
    for pair in range(32):
        eigenvalues = np.linalg.eigvals(rotor_matrix(weights, pair))
        np.testing.assert_allclose(np.abs(eigenvalues), 1, atol=3e-6)
        hertz = np.abs(np.angle(eigenvalues)) * rate / (2 * np.pi)
        assert (hertz > 0.49).all()
        assert (hertz < 20.1).all()


def test_every_selector_opens_pairs_all_over_the_band():
    weights = draw("rotor", seed=3)
    for selector in range(4):
        shut = gate(weights.input_kernel, "o")[1 + selector]
        own = [p for p in range(32) if shut[2 * p] == 0]
        assert len(own) == 8
        hertz = sorted(
            np.abs(np.angle(np.linalg.eigvals(rotor_matrix(weights, p)))).max() * 1000 / (2 * np.pi)
            for p in own
        )
        # One in each eighth of the band on a log scale.
        shares = np.floor(8 * np.log(np.array(hertz) / 0.5) / np.log(40))
        np.testing.assert_array_equal(shares, np.arange(8))


def test_rotors_know_nothing_of_the_mixture_and_start_turning():
    weights = draw("rotor")
    assert (weights.input_kernel[0] == 0).all()
    radius = np.hypot(weights.carry[0::2], weights.carry[1::2])
    np.testing.assert_allclose(radius, 0.3, rtol=1e-5)


def test_seeds_differ():
    assert not np.array_equal(draw("rotor", 0).recurrent_kernel, draw("rotor", 1).recurrent_kernel)


def test_pairs_turn_as_fast_as_they_were_set():
    weights = draw("spectral", seed=1)
    hertz = pair_frequencies(weights, SETTING)
    np.testing.assert_allclose(hertz[:4], SETTING.peaks_hz, rtol=1e-4)
    by_matrix = [
        np.abs(np.angle(np.linalg.eigvals(rotor_matrix(weights, p)))).max() * 1000 / (2 * np.pi)
        for p in range(32)
    ]
    np.testing.assert_allclose(hertz, by_matrix, rtol=1e-6)
    np.testing.assert_array_equal(pair_owners(SETTING)[:5], [0, 1, 2, 3, 0])


def test_spectral_takes_nothing_but_one_pair_a_selector_from_the_data():
    spectral, rotor = draw("spectral", seed=1), draw("rotor", seed=1)
    np.testing.assert_allclose(
        pair_frequencies(spectral, SETTING)[4:], pair_frequencies(rotor, SETTING)[4:]
    )


def test_the_constructed_clock_is_exact_with_one_state_carried_through_all_blocks():
    """Step by step in float32 over the 40,000 rows, as the stream comes; 12 of the 64 units are used."""
    weights = draw("constructed")
    used = np.flatnonzero(np.abs(weights.recurrent_kernel).sum(axis=1))
    assert len(used) == 12
    assert (weights.input_kernel[0] == 0).all()
    config = Config()
    config.network.initializer = "constructed"
    task = make_task(config.task)
    network = make_network(config.network, task)
    blocks = task.rows("test")
    outputs = make_forward(network)(network.init(jax.random.key(0)), blocks, "never")
    mse = np.square(outputs - blocks.targets).mean(axis=(1, 2))
    assert (mse < 1e-8).all(), mse


def test_pairs_of_a_network_that_has_diverged_are_read_without_overflow():
    weights = draw("rotor")
    shut = weights._replace(input_bias=np.full_like(weights.input_bias, -1e5))
    assert np.isfinite(pair_frequencies(shut, SETTING)).all()
