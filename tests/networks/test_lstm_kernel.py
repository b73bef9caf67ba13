"""The scans of the LSTM as kernels of a GPU, interpreted step by step on the CPU, against autodiff."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import lstm_kernel
from tests.networks.test_lstm_backward import assert_close, compiled, network, point


@pytest.fixture
def interpreted(monkeypatch):
    """Make every scan of an LSTM call the kernels, and return the names of those that were traced."""
    called = []
    for name in ("run_forward", "run_backward"):
        run = getattr(lstm_kernel, name)

        def traced(*arguments, name=name, run=run):
            called.append(name)
            return run(*arguments, interpret=True)

        monkeypatch.setattr(lstm_kernel, name, traced)
    monkeypatch.setattr(lstm_kernel, "serves", lambda hidden, dtype: True)
    monkeypatch.setattr(lstm_kernel, "choose", lambda kernel, scan, *arguments: kernel(*arguments))
    return called


@pytest.mark.parametrize("hidden", [6, 16, 17])
def test_value_and_gradients_equal_autodiff_with_and_without_resets(float64, interpreted, hidden):
    net = network(hidden=hidden)
    arguments, resets = point(net, time=7)
    none = jnp.zeros_like(resets)
    ours, theirs = compiled(net.unroll), compiled(net.unroll_autodiff)
    for flags in (resets, none, ~none, none.at[0].set(True), none.at[-1].set(True)):
        assert_close(ours(arguments, flags), theirs(arguments, flags), rtol=1e-10, atol=1e-10)
    assert set(interpreted) == {"run_forward", "run_backward"}


def test_replicas_are_further_programs(float64, interpreted):
    net = network()
    (params, carry, xs), resets = point(net, time=5)
    both = jax.tree.map(lambda a: jnp.stack([a, 0.5 * a]), params)
    run = jax.vmap(lambda own: net.unroll(own, carry, xs, resets)[1])
    apart = [net.unroll_autodiff(own, carry, xs, resets)[1] for own in _unstacked(both)]
    np.testing.assert_allclose(run(both), jnp.stack(apart), rtol=1e-10, atol=1e-10)
    assert interpreted == ["run_forward"]


def _unstacked(trees):
    return [jax.tree.map(lambda a, k=k: a[k], trees) for k in range(2)]


def test_kernels_serve_small_networks_in_float32_where_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(lstm_kernel, "_has_cuda", lambda: True)
    assert lstm_kernel.serves(64, jnp.float32) and lstm_kernel.serves(5, jnp.float32)
    assert not lstm_kernel.serves(65, jnp.float32) and not lstm_kernel.serves(64, jnp.float64)
    monkeypatch.setattr(lstm_kernel, "_has_cuda", lambda: False)
    assert not lstm_kernel.serves(64, jnp.float32)


def test_a_program_for_the_cpu_scans_and_one_for_a_gpu_calls_the_kernels(monkeypatch):
    monkeypatch.setattr(lstm_kernel, "_has_cuda", lambda: True)
    net = network()
    arguments, resets = point(net, jnp.float32, time=5)
    both = compiled(net.unroll)
    assert_close(
        both(arguments, resets),
        compiled(net.unroll_autodiff)(arguments, resets),
        rtol=1e-4,
        atol=1e-5,
    )
    lower = partial(both.trace(arguments, resets).lower, lowering_platforms=("cuda",))
    assert lower().as_text().count("triton") >= 2
