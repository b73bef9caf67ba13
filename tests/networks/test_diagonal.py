"""The diagonal recurrence: its two scans against NumPy and each other, and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks.diagonal import linear_scan, parallel_scan, serial_scan

SHAPE = T, B, H = 13, 2, 3


def factors(dtype=np.complex128):
    """Return a with |a| up to 1 and some zeros, b, and a start."""
    rng = np.random.default_rng(3)
    drawn = rng.normal(size=(2, *SHAPE)) + 1j * rng.normal(size=(2, *SHAPE))
    a = drawn[0] / np.maximum(1, np.abs(drawn[0]))
    a[rng.random(SHAPE) < 0.1] = 0
    return tuple(map(lambda v: jnp.asarray(v, dtype), (a, drawn[1], drawn[1, 0] + 1)))


@pytest.mark.parametrize("scan", [serial_scan, parallel_scan, linear_scan])
def test_states_are_those_of_a_loop(scan, float64):
    a, b, state = (np.asarray(v) for v in factors())
    found = jax.jit(scan)(*factors())
    for t in range(T):
        state = a[t] * state + b[t]
        np.testing.assert_allclose(found[t], state, rtol=1e-12, atol=1e-12)


def test_one_sample_is_a_step(float64):
    a, b, start = factors()
    for scan in (serial_scan, parallel_scan):
        found = scan(a[:1], b[:1], start)
        np.testing.assert_allclose(found[0], a[0] * start + b[0], rtol=1e-14)


@pytest.mark.parametrize("parallel", [False, True])
def test_the_gradient_is_that_of_finite_differences(parallel, monkeypatch, float64):
    """By all real and imaginary parts at once, along a random direction."""
    if parallel:
        monkeypatch.setattr("freqjax.networks.diagonal.serial_scan", parallel_scan)
    given, slopes = factors(), np.random.default_rng(4).normal(size=(2, *SHAPE))

    @jax.jit
    def loss(given):
        states = linear_scan(*given)
        return jnp.sum(slopes[0] * states.real + slopes[1] * jnp.sin(states.imag))

    rng = np.random.default_rng(5)
    along = [rng.normal(size=v.shape) + 1j * rng.normal(size=v.shape) for v in given]
    ahead, behind = (
        loss([v + step * d for v, d in zip(given, along, strict=True)]) for step in (1e-6, -1e-6)
    )
    # In JAX's convention the gradient of a real function is ∂/∂re − i ∂/∂im.
    grads = jax.jit(jax.grad(loss))(given)
    slope = sum(np.sum((g * d).real) for g, d in zip(grads, along, strict=True))
    np.testing.assert_allclose((ahead - behind) / 2e-6, slope, rtol=1e-8)

    def through_loop(given):
        states = serial_scan(*given)
        return jnp.sum(slopes[0] * states.real + slopes[1] * jnp.sin(states.imag))

    expected = jax.jit(jax.grad(through_loop))(given)
    for ours, theirs in zip(grads, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)
