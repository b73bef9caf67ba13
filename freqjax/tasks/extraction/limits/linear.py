"""Linear estimates: known frequencies and noise law, unknown phases.

Each component is a pair x = (sin θ, cos θ) at time zero that turns by a known angle a sample. With gain g
and lag λ = πs of the noise law (`freqjax.tasks.extraction.limits.law`), ω the angle turned since time zero, a
sample is

    S = Σ_i h_i · x_i + noise,   h_i = (g/F) (cos(ω_i + λ), sin(ω_i + λ)),

and the clean component is d_i · x_i with d_i = (cos ω_i, sin ω_i). The noise has the variance r of the law,
averaged over time. A Kalman filter whose state changes by known rotations alone is recursive least squares
with a prior: with x ~ N(0, ½I), whose first two moments are those of a phase uniform on the circle, the
posterior after n samples has

    covariance (2I + Σ h hᵀ/r)⁻¹   and mean (2I + Σ h hᵀ/r)⁻¹ Σ h S/r.

So the error of the best linear estimator needs neither data nor simulation. A linear estimator cannot use
the joint phase of the components, which the Bayes limit does use. Baselines read the mixture of a block and
no start: they do not depend on `task.start`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.limits.bayes import quadrature
from freqjax.tasks.extraction.limits.law import gain_and_lag, noise_variance

# Floor of the noise variance: with a variance of 0 the prior could not be weighted.
_LEAST_VARIANCE = 1e-9
# Elements of one array of sums.
_HELD = 4_000_000
# The mean over a longer block is computed at this many n, evenly spaced in log n.
_EXACT_SAMPLES, _NODES = 20_000, 2_000


class Sums(NamedTuple):
    """Running sums of least squares after each sample of a chunk; N streams, T samples of the chunk.

    Attributes:
      first: the chunk's first sample, counted from the start of the stream.
      moments: [T, 2F, 2F] Σ h hᵀ.
      projections: [T, 2F, N] Σ h S.
      turned: [T, F, 2] the d of each component.
    """

    first: int
    moments: Float[np.ndarray, "T twoF twoF"]
    projections: Float[np.ndarray, "T twoF N"]
    turned: Float[np.ndarray, "T F 2"]


def running_sums(
    task: ExtractionConfig, mixture: Float[np.ndarray, "N T"], window: int | None = None
) -> Iterator[Sums]:
    """Compute the sums over all samples so far, or over the last `window`, chunk by chunk.

    Args:
      task: frequencies, rate and noise law.
      mixture: [N, T]; N may be 0 where only the moments are wanted.
      window: samples, or None for all.
    """
    streams, samples = mixture.shape
    size = 2 * len(task.frequencies)
    chunk = max(1, _HELD // (size * max(size, streams)))
    moments, projections = np.zeros((size, size)), np.zeros((size, streams))
    for first in range(0, samples, chunk):
        places = np.arange(first, min(first + chunk, samples))
        design = _design(task, places)
        products = design[:, :, None] * design[:, None, :]
        projected = design[:, :, None] * mixture[:, places].T[:, None, :]
        if window is not None:
            left = places - window
            removed = _design(task, left) * (left >= 0)[:, None]
            products -= removed[:, :, None] * removed[:, None, :]
            projected -= removed[:, :, None] * mixture[:, np.maximum(left, 0)].T[:, None, :]
        products[0] += moments
        projected[0] += projections
        np.cumsum(products, axis=0, out=products)
        np.cumsum(projected, axis=0, out=projected)
        moments, projections = products[-1].copy(), projected[-1].copy()
        yield Sums(first, products, projected, _turned(task, places, 0.0))


def _turned(
    task: ExtractionConfig, places: Int[np.ndarray, " T"], lag: float
) -> Float[np.ndarray, "T F 2"]:
    """Compute cosine and sine of each component's angle since time zero plus `lag`, rad."""
    cycles = np.mod(places[:, None] * (np.array(task.frequencies) / task.sampling_rate), 1.0)
    angle = 2 * np.pi * cycles + lag
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _design(task: ExtractionConfig, places: Int[np.ndarray, " T"]) -> Float[np.ndarray, "T twoF"]:
    """Compute the row h of the design matrix for each sample."""
    gain, lag = gain_and_lag(task)
    turned = _turned(task, places, lag)
    return gain / len(task.frequencies) * turned.reshape(len(places), -1)


def kalman(task: ExtractionConfig, mixture: Float[np.ndarray, "N T"]) -> Float[np.ndarray, "N T F"]:
    """Compute the best linear estimates of all components of mixtures, sample by sample.

    They are 0 everywhere if the gain of the noise is 0.
    """
    estimates = np.empty((*mixture.shape, len(task.frequencies)))
    variance, size = _variance(task), 2 * len(task.frequencies)
    for sums in running_sums(task, mixture):
        covariance = np.linalg.inv(sums.moments + 2 * variance * np.eye(size))
        estimates[:, sums.first : sums.first + len(sums.moments)] = clean(sums, covariance)
    return estimates


def clean(sums: Sums, inverse: Float[np.ndarray, "T twoF twoF"]) -> Float[np.ndarray, "N T F"]:
    """Estimate the clean components from the inverse of the (regularized) moments."""
    count, frequencies, _ = sums.turned.shape
    rows = inverse.reshape(count, frequencies, 2, -1)
    weights = np.einsum("tfc,tfck->tfk", sums.turned, rows)
    return (weights @ sums.projections).transpose(2, 0, 1)


def linear_curve(task: ExtractionConfig, samples_seen: Sequence[int]) -> Float[np.ndarray, "n F"]:
    """Compute the MSE of the best linear estimate of each component at the latest of n samples.

    Exact for the law's variance averaged over time; no data enter.

    Args:
      task: frequencies, rate and noise law.
      samples_seen: the n, rising.
    """
    wanted = np.asarray(samples_seen) - 1
    size, variance, found = 2 * len(task.frequencies), _variance(task), []
    for sums in running_sums(task, np.zeros((0, int(wanted[-1]) + 1))):
        inside = (wanted >= sums.first) & (wanted < sums.first + len(sums.moments))
        at = wanted[inside] - sums.first
        inverse = variance * np.linalg.inv(sums.moments[at] + 2 * variance * np.eye(size))
        pairs = inverse.reshape(len(at), size // 2, 2, size // 2, 2)
        own = np.einsum("tfcfe->tfce", pairs)
        found.append(np.einsum("tfc,tfce,tfe->tf", sums.turned[at], own, sums.turned[at]))
    return np.concatenate(found)


def linear_mmse(task: ExtractionConfig) -> Float[np.ndarray, " F"]:
    """Compute the mean of the linear curve over a block."""
    total = task.samples
    every = total <= _EXACT_SAMPLES
    nodes = (
        range(1, total + 1)
        if every
        else sorted({int(n) for n in np.rint(np.geomspace(1, total, _NODES))})
    )
    return quadrature(nodes, 0, total) @ linear_curve(task, nodes)


def _variance(task: ExtractionConfig) -> float:
    return max(noise_variance(task), _LEAST_VARIANCE)
