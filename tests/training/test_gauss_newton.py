"""The damped Gauss-Newton step against dense linear algebra, and what it does when it cannot help."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import Linearization
from freqjax.training import gauss_newton

ROWS, SIZE = 40, 6


def problem(seed=0, bend=0.0):
    """Return outputs A θ + bend · sin(θ₀) on random rows, with random targets and weights."""
    rng = np.random.default_rng(seed)
    matrix = jnp.asarray(rng.normal(size=(ROWS, SIZE)))
    targets = jnp.asarray(rng.normal(size=ROWS))
    weights = jnp.asarray(rng.uniform(0.5, 1.5, ROWS))
    weights = weights / weights.sum()

    def predict(params):
        theta = jnp.concatenate([params["a"], params["b"]])
        return matrix @ theta + bend * jnp.sin(params["a"][0]) * jnp.ones(ROWS)

    def linearize(params):
        outputs, tangent = jax.linearize(predict, params)
        transpose = jax.linear_transpose(tangent, params)
        return Linearization(outputs, tangent, lambda ys: transpose(ys)[0])

    def row_losses(outputs):
        return jnp.square(outputs - targets)

    return matrix, targets, weights, predict, linearize, row_losses


def start(value=0.0):
    return {"a": jnp.full(2, value, jnp.float64), "b": jnp.full(SIZE - 2, value, jnp.float64)}


def take(params, scales, damping, parts, steps=50):
    _, _, weights, predict, linearize, row_losses = parts
    return gauss_newton.step(
        linearize, predict, row_losses, weights, params, scales, jnp.asarray(damping), 1e-9, steps
    )


@pytest.mark.parametrize("damping", [1e-9, 0.3])
def test_a_step_solves_the_damped_normal_equations(float64, damping):
    parts = problem()
    matrix, targets, weights = (np.asarray(a) for a in parts[:3])
    scales = {"a": jnp.asarray([1.0, 2.0]), "b": jnp.asarray([0.5, 1.0, 3.0, 1.0])}
    params, _, info, _ = take(start(0.2), scales, damping, parts)
    s = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0])
    theta = np.full(SIZE, 0.2)
    gradient = 2 * matrix.T @ (weights * (matrix @ theta - targets))
    curvature = 2 * matrix.T @ (weights[:, None] * matrix)
    step = -np.linalg.solve(curvature + damping * np.diag(1 / s**2), gradient)
    found = np.concatenate([params["a"], params["b"]])
    np.testing.assert_allclose(found, theta + step, rtol=2e-3, atol=1e-4)
    assert float(info.share) == 1
    np.testing.assert_allclose(info.loss, weights @ (matrix @ theta - targets) ** 2, rtol=1e-12)
    norms = [gradient[:2] @ gradient[:2], gradient[2:] @ gradient[2:]]
    np.testing.assert_allclose(info.squared_norms, norms, rtol=1e-10)


def test_on_a_linear_problem_the_model_is_right(float64):
    parts = problem()
    ones = {"a": jnp.ones(2), "b": jnp.ones(SIZE - 2)}
    _, damping, info, _ = take(start(), ones, 0.3, parts)
    # The promise is of the loss alone, without the damping's own term.
    np.testing.assert_allclose(info.gain, 1, rtol=1e-3)
    np.testing.assert_allclose(damping, 0.1, rtol=1e-6)


def test_a_step_never_raises_the_loss(float64):
    ones = {"a": jnp.ones(2), "b": jnp.ones(SIZE - 2)}
    shares = set()
    for seed in range(8):
        parts = problem(seed, bend=30.0)
        # Where the sine is bent most, so that the whole step is sometimes too long.
        params, damping = start(1.4), jnp.asarray(1e-6)
        for _ in range(5):
            moved, following, info, losses = take(params, ones, damping, parts)
            before, after = (float(parts[2] @ rows) for rows in losses)
            np.testing.assert_allclose(before, info.loss, rtol=1e-12)
            # The losses of the rows are summed here with other roundings than in the step.
            assert after <= before * (1 + 1e-12)
            if info.share == 0:
                jax.tree.map(np.testing.assert_array_equal, moved, params)
            assert float(info.share) < 1 or float(following) <= 3 * float(damping)
            params, damping = moved, following
            shares.add(float(info.share))
    assert shares > {0.0, 1.0}


def test_at_the_minimum_it_stays_and_damps_more(float64):
    parts = problem()
    ones = {"a": jnp.ones(2), "b": jnp.ones(SIZE - 2)}
    params = start()
    for _ in range(6):
        params, damping, info, _ = take(params, ones, 1e-9, parts)
    assert np.isfinite(np.concatenate([params["a"], params["b"]])).all()
    assert float(info.share) in (0.0, 0.1, 0.25, 0.5, 1.0)
    assert np.isfinite(damping)
