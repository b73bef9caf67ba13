"""Exact t-SNE: points in a plane whose neighbours are those of points in K dimensions.

    p_ij = (p_j|i + p_i|j) / 2P        p_j|i ∝ exp(−β_i |x_i − x_j|²), β_i by the perplexity
    q_ij ∝ 1 / (1 + |y_i − y_j|²)      loss = Σ p_ij log(p_ij / q_ij)

Van der Maaten & Hinton 2008, with principal axes as the start. Distances in the plane between what are no
neighbours have no meaning. Axes: P points, K dimensions.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

_ITERATIONS, _PERPLEXITY = 500, 30.0
# Attraction is this many times as large in the first quarter of the iterations.
_EXAGGERATION = 12.0
_BISECTIONS = 50
_LEAST_RATE, _LEAST_GAIN = 50.0, 0.01


def tsne(
    points: Float[np.ndarray, "P K"],
    perplexity: float | None = None,
    iterations: int = _ITERATIONS,
) -> Float[np.ndarray, "P 2"]:
    """Embed P points in a plane by gradient descent with momentum and a gain for each number.

    Args:
      points: finite numbers.
      perplexity: neighbours that count; None for `perplexity_of`.
      iterations: steps.

    Returns:
      The plane's points; fewer than four points are on their principal axes.
    """
    points = np.asarray(points, np.float64)
    count = len(points)
    places = on_axes(points)[0]
    if count < 4:
        return places
    spread = places[:, 0].std()
    # A little noise, since points of one dimension would never leave a line.
    noise = np.random.default_rng(0).standard_normal(places.shape)
    y = 1e-4 * (places / spread if spread > 0 else places) + 1e-6 * noise
    # float32 is enough for a drawing, and five times as fast.
    y = y.astype(np.float32)
    p = affinities(points, perplexity or perplexity_of(count)).astype(np.float32)
    rate = max(count / _EXAGGERATION / 4, _LEAST_RATE)
    speed, gains, early = np.zeros_like(y), np.ones_like(y), iterations // 4
    for step in range(iterations):
        slope = gradient(y, p, _EXAGGERATION if step < early else 1.0)
        same = np.sign(slope) == np.sign(speed)
        gains = np.maximum(np.where(same, gains * 0.8, gains + 0.2), _LEAST_GAIN, dtype=np.float32)
        speed = (0.5 if step < early else 0.8) * speed - rate * gains * slope
        y = y + speed
        y -= y.mean(axis=0)
    return y


def perplexity_of(count: int) -> float:
    """Return the perplexity of so many points: 30, or a third of the other points if that is less."""
    return min(_PERPLEXITY, (count - 1) / 3)


def on_axes(
    points: Float[np.ndarray, "P K"],
) -> tuple[Float[np.ndarray, "P 2"], Float[np.ndarray, " 2"]]:
    """Return points on their first two principal axes, and the share of the variance along each.

    What has no second axis is 0 there.
    """
    centred = np.asarray(points, np.float64) - points.mean(axis=0, dtype=np.float64)
    left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
    kept = min(2, len(strengths))
    places, shares = np.zeros((len(points), 2)), np.zeros(2)
    places[:, :kept] = left[:, :kept] * strengths[:kept]
    total = np.sum(strengths**2)
    if total > 0:
        shares[:kept] = strengths[:kept] ** 2 / total
    return places, shares


def affinities(points: Float[np.ndarray, "P K"], perplexity: float) -> Float[np.ndarray, "P P"]:
    """Return p_ij, symmetric and of sum 1, where each row of p_j|i has the entropy log(perplexity).

    The entropy falls with β, so that bisection of log β finds it.
    """
    count = len(points)
    distances = _squared_distances(points)
    scale = distances.sum() / (count * (count - 1))
    distances = distances / (scale if scale > 0 else 1.0)
    np.fill_diagonal(distances, np.inf)
    distances -= distances.min(axis=1, keepdims=True)
    finite = np.where(np.isfinite(distances), distances, 0.0)
    low, high = np.full((count, 1), -30.0), np.full((count, 1), 30.0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        weights = np.exp(-np.exp(middle) * distances)
        total = weights.sum(axis=1, keepdims=True)
        entropy = (
            np.log(total) + np.exp(middle) * np.sum(weights * finite, axis=1, keepdims=True) / total
        )
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    weights = np.exp(-np.exp((low + high) / 2) * distances)
    given = weights / weights.sum(axis=1, keepdims=True)
    return (given + given.T) / (2 * count)


def gradient(
    y: Float[np.ndarray, "P 2"], p: Float[np.ndarray, "P P"], share: float = 1.0
) -> Float[np.ndarray, "P 2"]:
    """Return 4 Σ_j (share · p_ij − q_ij) (y_i − y_j) / (1 + |y_i − y_j|²); `share` of 1 is the loss's."""
    near = _nearness(y)
    pull = near * (-1 / near.sum())
    pull += share * p
    pull *= near
    # Without the threads of a matrix product, which take longer than two columns do.
    return 4 * (
        pull.sum(axis=1)[:, None] * y - np.einsum("ij,kj->ik", pull, np.array(y.T, order="C"))
    )


def _nearness(y: Float[np.ndarray, "P 2"]) -> Float[np.ndarray, "P P"]:
    """Return 1 / (1 + |y_i − y_j|²), and 0 where i = j; in place, since it takes most of the time."""
    near, other = (np.subtract.outer(column, column) for column in y.T)
    near *= near
    other *= other
    near += other
    near += 1
    np.reciprocal(near, out=near)
    np.fill_diagonal(near, 0)
    return near


def _squared_distances(points: Float[np.ndarray, "P K"]) -> Float[np.ndarray, "P P"]:
    squares = np.sum(points**2, axis=1)
    return np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0)
