"""Losses of the autoencoder against NumPy, and their best constants against a search."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from freqjax.tasks.autoencoder.objectives import Mixed, Words


def unit_rows(seed, count, dimensions=3):
    rows = np.random.default_rng(seed).normal(size=(count, dimensions))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_the_cross_entropy_of_words():
    vocabulary, y = unit_rows(0, 7), np.random.default_rng(1).normal(size=(4, 3))
    chosen = np.array([2, 0, 6, 2])
    scores = y / np.linalg.norm(y, axis=1, keepdims=True) @ vocabulary.T / 0.3
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = -np.log(p[np.arange(4), chosen])
    found = Words(vocabulary, 0.3).row_loss(jnp.asarray(y, jnp.float32), vocabulary[chosen])
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("objective", [Mixed(), Words(unit_rows(0, 7), 0.3)])
def test_no_constant_is_better(objective):
    vocabulary = unit_rows(0, 7)
    rng = np.random.default_rng(2)
    targets = vocabulary[rng.choice(7, 50, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05])]
    weights = rng.uniform(0.1, 2, 50)

    def loss(y):
        outputs = np.tile(y.astype(np.float32), (50, 1))
        losses = np.asarray(objective.row_loss(outputs, targets), np.float64)
        return float(np.average(losses, weights=weights))

    best = objective.constant(targets, weights)
    starts = [rng.normal(size=3) for _ in range(5)]
    found = min(optimize.minimize(loss, s, method="Nelder-Mead").fun for s in starts)
    assert loss(best) <= found + 1e-4
    assert not objective.convex
