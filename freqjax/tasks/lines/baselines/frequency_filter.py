"""The recursion of an extended Kalman filter of a line: frequency, quadratures of each harmonic, and offset.

The quadratures (a_h, b_h) are those against a phase φ̂ that advances with the frequency found so far,

    u_t = Σ_h a_h cos(h φ̂_t) + b_h sin(h φ̂_t) + offset + noise,   φ̂_t = φ̂_{t−1} + ω₀ (1 + ε̂_{t−1}),

so that in a step the mean stays as it is, and an error δ of the detuning ε turns the quadratures:
a_h ← a_h + h ω₀ b_h δ, b_h ← b_h − h ω₀ a_h δ. This is the filter with quadratures that turn in a fixed frame
(La Scala & Bitmead, "Design of an extended Kalman filter frequency tracker", IEEE Trans. Signal Processing
44(3), 1996) in other coordinates, in which a step of the covariance is two outer products.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from freqjax.tasks.lines.baselines.line import Line

# Share of the nominal frequency by which the frequency may leave the range of the detuning.
_MARGIN = 0.005
# The gate opens for all innovations until their scale has gathered this weight.
_GATHERED = 0.1


class Settings(NamedTuple):
    """Prior and variances of N filters, T samples each.

    Attributes:
      first: the first sample that is used; estimates before it are 0.
      noise: [T, N] variance of the noise.
      least: [T, N] least squared strength that the walk of a harmonic is in proportion to.
      prior: [N] prior variance of each quadrature and of the offset.
      detuning: [2, N] prior mean and variance of the detuning, a share of the frequency.
      frequency: [N] variance of the change of the detuning in a sample.
      amplitude: [N] variance of the change of a quadrature in a sample, over its squared strength.
      offset: variance of the change of the offset in a sample, over that of the noise.
      gate: innovations beyond this multiple of their scale are left out; None for none.
      gaps: whether samples that are exactly 0 are missing ones.
      forgetting: weight of a new sample in the scale of the innovations.
    """

    first: int
    noise: Float[np.ndarray, "T N"]
    least: Float[np.ndarray, "T N"]
    prior: Float[np.ndarray, " N"]
    detuning: Float[np.ndarray, "2 N"]
    frequency: Float[np.ndarray, " N"]
    amplitude: Float[np.ndarray, " N"]
    offset: float
    gate: float | None
    gaps: bool
    forgetting: float


class Filtered(NamedTuple):
    """Results of N filters at T samples.

    Attributes:
      estimates: [T, N] of the line, given all samples up to each.
      innovations: [T, N] the sample minus its prediction; 0 where it was left out.
      shares: [T, N] the share of the innovation that was added to the prediction; 0 where it was left out.
    """

    estimates: Float[np.ndarray, "T N"]
    innovations: Float[np.ndarray, "T N"]
    shares: Float[np.ndarray, "T N"]


def follow(rows: Float[np.ndarray, "T N"], line: Line, settings: Settings) -> Filtered:
    """Run N filters; state [d, N]: detuning, quadratures of every harmonic, offset."""
    samples, streams = rows.shape
    orders = np.array(line.harmonics, float)[:, None]
    size = 2 * len(orders) + 2
    mean, turn, row = np.zeros((3, size, streams))
    row[-1] = 1
    covariance = np.zeros((size, size, streams))
    diagonal = covariance.reshape(size * size, streams)[:: size + 1]
    mean[0], diagonal[0] = settings.detuning
    diagonal[1:] = settings.prior[None]
    cosines, sines = slice(1, -1, 2), slice(2, -1, 2)
    phase, widest = np.zeros(streams), line.detuning + _MARGIN
    scale = Scale(streams, settings.forgetting)
    estimates, innovations, shares = np.zeros((3, samples, streams))
    for t in range(settings.first, samples):
        # The step: the phase advances, and an error of the detuning turns the quadratures.
        phase += line.step * (1 + mean[0])
        turn[cosines] = line.step * orders * mean[sines]
        turn[sines] = -line.step * orders * mean[cosines]
        crossed = turn[:, None] * (covariance[0] + 0.5 * covariance[0, 0] * turn)[None]
        covariance += crossed
        covariance += crossed.transpose(1, 0, 2)
        strength = np.maximum(mean[cosines] ** 2 + mean[sines] ** 2, settings.least[t][None])
        diagonal[0] += settings.frequency
        diagonal[cosines] += settings.amplitude * strength
        diagonal[sines] += settings.amplitude * strength
        diagonal[-1] += settings.offset * settings.noise[t]
        # The update with the sample.
        angle = orders * phase[None]
        row[cosines], row[sines] = np.cos(angle), np.sin(angle)
        projected = np.einsum("ijn,jn->in", covariance, row)
        error = rows[t] - np.einsum("in,in->n", row, mean)
        spread = np.einsum("in,in->n", row, projected) + settings.noise[t]
        gain = projected / spread[None]
        if settings.gaps or settings.gate is not None:
            used = ~((rows[t] == 0) & settings.gaps)
            if settings.gate is not None:
                used &= scale.admits(error, settings.gate, used)
            gain *= used[None]
            error *= used
        mean += gain * error[None]
        covariance -= gain[:, None] * projected[None]
        np.clip(mean[0], -widest, widest, out=mean[0])
        estimates[t] = np.einsum("in,in->n", row[1:-1], mean[1:-1])
        innovations[t], shares[t] = error, np.einsum("in,in->n", row, gain)
    return Filtered(estimates, innovations, shares)


class Scale:
    """A running mean of the absolute values of N streams, and a gate at a multiple of it."""

    def __init__(self, streams: int, forgetting: float) -> None:
        self.total, self.weight = np.zeros(streams), np.zeros(streams)
        self.forgetting = forgetting

    def admits(
        self, values: Float[np.ndarray, " N"], gate: float, present: Bool[np.ndarray, " N"]
    ) -> Bool[np.ndarray, " N"]:
        """Return whether each value is within the gate, and add it, no larger than the gate.

        Values that are not present are not added.
        """
        size = np.abs(values)
        mean = self.total / np.maximum(self.weight, _GATHERED)
        limit = np.where(self.weight > _GATHERED, gate * mean, np.inf)
        self.total += self.forgetting * present * (np.minimum(size, limit) - self.total)
        self.weight += self.forgetting * present * (1 - self.weight)
        return size <= limit
