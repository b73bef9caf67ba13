"""t-SNE against finite differences, loops and clusters that are far apart."""

import numpy as np
import pytest
from scipy import optimize

from freqjax.tasks.autoencoder.figures.embedding import (
    affinities,
    gradient,
    on_axes,
    tsne,
)


def divergence(y, p):
    """Return the loss Σ p_ij log(p_ij / q_ij) of points in the plane."""
    near = 1 / (1 + np.sum((y[:, None] - y) ** 2, axis=-1))
    others = ~np.eye(len(y), dtype=bool)
    q = near[others] / near[others].sum()
    return np.sum(p[others] * np.log(p[others] / q))


def test_the_gradient_is_that_of_the_divergence():
    rng = np.random.default_rng(0)
    p, y = affinities(rng.normal(size=(9, 4)), 2.5), rng.normal(size=(9, 2))
    found, step = gradient(y, p), 1e-6
    for i in range(9):
        for j in range(2):
            moved = np.zeros_like(y)
            moved[i, j] = step
            slope = (divergence(y + moved, p) - divergence(y - moved, p)) / (2 * step)
            assert found[i, j] == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_affinities_are_symmetric_and_have_the_perplexity():
    points = np.random.default_rng(1).normal(size=(20, 3))
    p = affinities(points, 5.0)
    np.testing.assert_allclose(p, p.T)
    assert p.sum() == pytest.approx(1) and not np.diag(p).any()
    # By a root finder, one point at a time.
    given = np.zeros((20, 20))
    for i in range(20):
        squares = np.sum((points - points[i]) ** 2, axis=1)

        def row(log_beta, i=i, squares=squares):
            weights = np.exp(-np.exp(log_beta) * squares)
            weights[i] = 0
            return weights / weights.sum()

        def excess(log_beta, row=row):
            kept = row(log_beta)[row(log_beta) > 0]
            return -np.sum(kept * np.log(kept)) - np.log(5.0)

        given[i] = row(optimize.brentq(excess, -5, 5, xtol=1e-12))
    np.testing.assert_allclose(p, (given + given.T) / 40, rtol=1e-6, atol=1e-12)


def test_neighbours_stay_neighbours():
    rng = np.random.default_rng(2)
    centres = 8 * rng.normal(size=(3, 5))
    cluster = np.repeat(np.arange(3), 20)
    places = tsne(centres[cluster] + rng.normal(size=(60, 5)), perplexity=8.0, iterations=300)
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(distances, np.inf)
    near = np.argsort(distances, axis=1)[:, :5]
    assert np.all(cluster[near] == cluster[:, None])
    assert np.isfinite(places).all()


@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (3, 4), (5, 1), (12, 2)])
@pytest.mark.parametrize("equal", [False, True])
def test_few_or_equal_points_are_finite(shape, equal):
    points = np.random.default_rng(3).normal(size=shape)
    places = tsne(np.zeros(shape) if equal else points, iterations=20)
    assert places.shape == (shape[0], 2) and np.isfinite(places).all()


def test_principal_axes_are_those_of_the_covariance():
    points = np.random.default_rng(4).normal(size=(30, 3)) * [3, 1, 0.1] + 5
    places, shares = on_axes(points)
    values = np.linalg.eigvalsh(np.cov(points.T, bias=True))[::-1]
    np.testing.assert_allclose(shares, values[:2] / values.sum())
    np.testing.assert_allclose(places.var(axis=0), values[:2])
    assert on_axes(np.ones((4, 2)))[1].tolist() == [0, 0]
