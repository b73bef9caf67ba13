"""Potter's square-root form of the Kalman update for one scalar observation (Bierman 1977, chapter II).

The covariance of the weights is Q Qᵀ. With float32 the plain form P − K s Kᵀ loses its sign after some
thousand updates; a square root cannot. Axes: N weights.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class Observed(NamedTuple):
    """Result of an observation.

    Attributes:
      gain: [N], change of the weights per unit of the error.
      root: [N, N], the square root after the observation.
    """

    gain: Float[Array, " N"]
    root: Float[Array, "N N"]


def observe(
    root: Float[Array, "N N"],
    slope: Float[Array, " N"],
    noise: Float[Array, ""] | float,
    underweight: Float[Array, ""] | float,
) -> Observed:
    """Update for an observation whose derivative by the weights is `slope`.

    Args:
      root: Q.
      slope: [N].
      noise: R, variance of the observation noise.
      underweight: the noise is at least this many times the variance of the predicted observation, so that
        with 1 an error is corrected by at most half: a linearisation holds for small changes only.
    """
    projected = slope @ root
    power = projected @ projected
    noise = jnp.maximum(noise, underweight * power)
    total = noise + power
    spread = root @ projected
    change = jnp.outer(spread / (total + jnp.sqrt(noise * total)), projected)
    return Observed(spread / total, root - change)
