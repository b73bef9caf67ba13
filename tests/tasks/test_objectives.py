"""Objectives against NumPy and PyTorch, and their constants against a search for a better one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special

from freqjax.tasks.objectives import Cosine, CrossEntropy, SquaredError

ROWS, OUTPUTS = 40, 3
ALL = {
    "squared error": SquaredError(),
    "cosine": Cosine(),
    "cross-entropy": CrossEntropy(),
    "class weights": CrossEntropy(class_weights=(0.5, 1.0, 3.0)),
    "focal": CrossEntropy(focus=2.0),
    "focal with class weights": CrossEntropy(class_weights=(0.5, 1.0, 3.0), focus=0.5),
}


def rows(objective, seed=0):
    """Draw outputs and targets [N, O]: uneven one-hot classes, or vectors with a nonzero mean."""
    rng = np.random.default_rng(seed)
    outputs = rng.normal(size=(ROWS, OUTPUTS))
    if isinstance(objective, CrossEntropy):
        return outputs, np.eye(OUTPUTS)[rng.choice(OUTPUTS, ROWS, p=[0.6, 0.3, 0.1])]
    return outputs, rng.normal(size=(ROWS, OUTPUTS)) + np.array([1.0, 0.0, -0.5])


def in_numpy(objective, outputs, targets):
    """Compute the row losses [N] in float64."""
    if isinstance(objective, SquaredError):
        return np.square(outputs - targets).sum(axis=-1)
    if isinstance(objective, Cosine):
        norms = np.linalg.norm(outputs, axis=-1) * np.linalg.norm(targets, axis=-1)
        return 1 - np.sum(outputs * targets, axis=-1) / norms
    log_p = special.log_softmax(outputs, axis=-1)
    weights = np.array(objective.class_weights or (1.0,) * OUTPUTS)
    return -np.sum(weights * targets * (1 - np.exp(log_p)) ** objective.focus * log_p, axis=-1)


@pytest.mark.parametrize("objective", ALL.values(), ids=ALL)
def test_row_losses_are_those_of_numpy(objective):
    outputs, targets = rows(objective)
    found = objective.row_loss(jnp.asarray(outputs), jnp.asarray(targets))
    np.testing.assert_allclose(found, in_numpy(objective, outputs, targets), rtol=2e-5, atol=1e-6)
    shaped = objective.row_loss(
        *(jnp.asarray(a).reshape(4, 10, OUTPUTS) for a in (outputs, targets))
    )
    np.testing.assert_allclose(np.ravel(shaped), found, rtol=1e-6)


@pytest.mark.parametrize("objective", ALL.values(), ids=ALL)
def test_no_constant_is_better(objective):
    _, targets = rows(objective)
    weights = np.random.default_rng(1).random(ROWS) * (np.arange(ROWS) < 30)

    def mean(y):
        return np.average(
            in_numpy(objective, np.broadcast_to(y, (ROWS, OUTPUTS)), targets), weights=weights
        )

    best = objective.constant(targets, weights)
    start = best + 0.3 * np.random.default_rng(2).normal(size=OUTPUTS)
    found = optimize.minimize(mean, start, method="Nelder-Mead", options={"maxiter": 2000})
    assert mean(best) <= found.fun + 1e-7


@pytest.mark.parametrize("objective", ALL.values(), ids=ALL)
def test_gradients_are_finite_where_outputs_are_extreme(objective):
    _, targets = rows(objective)

    def total(outputs):
        return jnp.sum(objective.row_loss(outputs, jnp.asarray(targets)))

    for outputs in (
        jnp.zeros((ROWS, OUTPUTS)),
        80.0 * jnp.asarray(targets),
        -80.0 * jnp.asarray(targets),
    ):
        assert np.isfinite(jax.grad(total)(outputs)).all()


def least_curvature(objective):
    """Compute the least eigenvalue of the second derivative of a row's loss, over many outputs."""
    _, targets = rows(objective)

    def loss(output):
        return objective.row_loss(output, jnp.asarray(targets[0]))

    points = jnp.asarray(np.random.default_rng(3).normal(size=(50, OUTPUTS)))
    return float(np.linalg.eigvalsh(jax.vmap(jax.hessian(loss))(points)).min())


def test_what_is_called_convex_is():
    convex = {name for name, objective in ALL.items() if objective.convex}
    assert convex == {"squared error", "cross-entropy", "class weights"}
    assert all(least_curvature(ALL[name]) > -1e-5 for name in convex)
    assert all(least_curvature(ALL[name]) < -0.01 for name in ("cosine", "focal"))


def test_vectors_without_direction_are_at_distance_one():
    found = Cosine().row_loss(jnp.zeros((1, OUTPUTS)), jnp.ones((1, OUTPUTS)))
    np.testing.assert_allclose(found, 1.0)


def test_cross_entropy_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    outputs, targets = rows(CrossEntropy())
    for weights in ((), (0.5, 1.0, 3.0)):
        loss = torch.nn.CrossEntropyLoss(
            weight=torch.tensor(weights or (1.0,) * OUTPUTS, dtype=torch.float64), reduction="none"
        )
        expected = loss(torch.tensor(outputs), torch.tensor(targets.argmax(axis=1)))
        found = CrossEntropy(class_weights=weights).row_loss(
            jnp.asarray(outputs), jnp.asarray(targets)
        )
        np.testing.assert_allclose(found, expected.numpy(), rtol=2e-5)


def test_every_objective_has_a_name():
    metrics = [objective.metric for objective in (SquaredError, Cosine, CrossEntropy)]
    assert len(set(metrics)) == len(metrics)
    assert all(metric.isidentifier() for metric in metrics)
