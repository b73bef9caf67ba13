"""Potter's square-root form of the Kalman update for one scalar observation (Bierman 1977, chapter II).

The covariance of the weights is Q Qᵀ. With float32 the plain form P − K s Kᵀ loses its sign after some
thousand updates; a square root cannot. Axes: N weights; P parts of n weights each.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

# Numbers of a root from which two threads update it in less time than one: 512 rows (measured on a CPU).
THREADS_PAY = 2**18


class Observed(NamedTuple):
    """Result of an observation.

    Attributes:
      gain: [N] or [P, n], change of the weights per unit of the error.
      root: [N, N] or [P, n, n], the square root after the observation.
    """

    gain: Float[Array, "*parts N"]
    root: Float[Array, "*parts N N"]


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
    change = spread / (total + jnp.sqrt(noise * total))
    return Observed(spread / total, _less(root, change, projected))


def _less(
    root: Float[Array, "N N"], change: Float[Array, " N"], projected: Float[Array, " N"]
) -> Float[Array, "N N"]:
    """Subtract the outer product, in halves where XLA would start threads for less work than they cost."""
    cuts = [0, len(root) // 2, None] if root.size <= THREADS_PAY else [0, None]
    for start, end in itertools.pairwise(cuts):
        root = root.at[start:end].add(-change[start:end, None] * projected[None])
    return root


def observe_apart(
    root: Float[Array, "P n n"],
    slope: Float[Array, "P n"],
    noise: Float[Array, ""] | float,
    underweight: Float[Array, ""] | float,
) -> Observed:
    """Update as `observe` does, with the covariance between weights of different parts held at 0.

    The decoupled filter of Puskorius & Feldkamp (1991): the variance of the observation is of all parts, so
    that they share the correction of an error, and each part's covariance is updated alone.
    """
    projected = jnp.einsum("pi,pij->pj", slope, root)
    powers = jnp.sum(jnp.square(projected), axis=-1)
    power = jnp.sum(powers)
    total = jnp.maximum(noise, underweight * power) + power
    spread = jnp.einsum("pij,pj->pi", root, projected)
    share = total + jnp.sqrt((total - powers) * total)
    change = (spread / share[:, None])[:, :, None] * projected[:, None, :]
    return Observed(spread / total, root - change)
