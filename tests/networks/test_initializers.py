"""Initial weights against their definitions."""

import jax
import numpy as np

from freqjax.networks.initializers import INITIALIZERS
from tests.twins import SETTING


def draw(name, seed=0):
    weights = INITIALIZERS[name](jax.random.key(seed), SETTING)
    return jax.tree.map(lambda w: np.asarray(w, np.float64), weights)


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


def test_seeds_differ():
    for name in INITIALIZERS:
        a, b = draw(name, 0), draw(name, 1)
        assert not np.array_equal(a.recurrent_kernel, b.recurrent_kernel)
