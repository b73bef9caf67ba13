"""The square-root update against the Kalman update of a covariance in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.training.filter.square_root import observe, observe_apart


def kalman(covariance, slope, noise, underweight):
    """Return gain [N] and covariance [N, N] after an observation, as a textbook has them."""
    power = slope @ covariance @ slope
    total = power + max(noise, underweight * power)
    gain = covariance @ slope / total
    return gain, covariance - total * np.outer(gain, gain)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("underweight", [0.0, 0.4, 1.0])
def test_fifty_observations_are_those_of_the_covariance(underweight):
    generator = np.random.default_rng(0)
    size = 7
    root = generator.normal(size=(size, size))
    covariance, root = root @ root.T, jnp.asarray(root)
    underweighted = 0
    for _ in range(50):
        slope, noise = generator.normal(size=size), float(generator.uniform(0.01, 3))
        underweighted += underweight * (slope @ covariance @ slope) > noise
        expected, covariance = kalman(covariance, slope, noise, underweight)
        gain, root = observe(root, jnp.asarray(slope), noise, underweight)
        np.testing.assert_allclose(gain, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(root @ root.T, covariance, rtol=1e-9, atol=1e-10)
    assert (underweighted > 3) == (underweight > 0)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("size", [1, 2, 511, 513])
def test_a_root_that_is_updated_in_halves_and_as_a_whole_is_that_of_the_covariance(size):
    generator = np.random.default_rng(0)
    root = np.eye(size) + 0.1 * generator.normal(size=(size, size))
    slope = generator.normal(size=size)
    expected, covariance = kalman(root @ root.T, slope, 0.5, 1.0)
    gain, found = jax.jit(observe)(root, slope, 0.5, 1.0)
    np.testing.assert_allclose(gain, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found @ found.T, covariance, rtol=1e-9, atol=1e-10)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("underweight", [0.0, 1.0])
def test_parts_apart_are_a_filter_whose_other_covariances_are_deleted(underweight):
    generator = np.random.default_rng(0)
    parts, size = 3, 4
    root = generator.normal(size=(parts, size, size))
    same = np.kron(np.eye(parts), np.ones((size, size)))
    covariance = same * np.tile(np.concatenate(root @ root.mT, axis=0), parts)
    for _ in range(50):
        slope, noise = generator.normal(size=(parts, size)), float(generator.uniform(0.01, 3))
        expected, covariance = kalman(covariance, slope.ravel(), noise, underweight)
        covariance = same * covariance
        gain, root = observe_apart(jnp.asarray(root), jnp.asarray(slope), noise, underweight)
        np.testing.assert_allclose(gain.ravel(), expected, rtol=1e-9, atol=1e-12)
        found = same * np.tile(np.concatenate(root @ root.mT, axis=0), parts)
        np.testing.assert_allclose(found, covariance, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_an_error_is_corrected_by_at_most_half(scale):
    """At full underweighting the gain undoes half of an error of a prior however large."""
    slope = jnp.asarray([1.0, -2.0, 0.5])
    gain, _ = observe(scale * jnp.eye(3), slope, 1e-6, 1.0)
    assert float(slope @ gain) == pytest.approx(0.5, rel=1e-5)
    gain, _ = observe(scale * jnp.eye(3), slope, 1e-6, 0.0)
    assert float(slope @ gain) == pytest.approx(1.0, rel=1e-5)


def test_single_precision_stays_positive():
    """After 20,000 observations of slopes that hardly differ the plain form has lost its sign, this not."""
    size, count = 6, 20_000
    generator = np.random.default_rng(1)
    common = generator.normal(size=size)
    slopes = (common + 1e-4 * generator.normal(size=(count, size))).astype(np.float32)

    @jax.jit
    def run(slopes):
        def body(past, slope):
            root, covariance, lowest = past
            spread = covariance @ slope
            covariance = covariance - jnp.outer(spread, spread) / (slope @ spread + 1e-4)
            gain, root = observe(root, slope, 1e-4, 0.0)
            lowest = jnp.minimum(lowest, jnp.stack([slope @ gain, jnp.min(jnp.diag(covariance))]))
            return (root, covariance, lowest), None

        begin = jnp.eye(size), jnp.eye(size), jnp.full(2, jnp.inf)
        return jax.lax.scan(body, begin, slopes)[0]

    root, _, lowest = run(jnp.asarray(slopes))
    assert lowest[0] > 0
    assert lowest[1] < 0
    information = np.eye(size) + slopes.T.astype(np.float64) @ slopes / 1e-4
    expected = np.linalg.inv(information)
    found = np.asarray(root, np.float64) @ np.asarray(root, np.float64).T
    assert np.linalg.eigvalsh(found).min() > 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-3 * np.abs(expected).max())
