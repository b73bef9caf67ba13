"""The recursion of an extended Kalman filter of lines: frequencies, quadratures of each harmonic, and offset.

The quadratures (a_h, b_h) are those against a phase φ̂ that advances with the frequency found so far,

    u_t = Σ_h a_h cos(h φ̂_t) + b_h sin(h φ̂_t) + offset + noise,   φ̂_t = φ̂_{t−1} + ω₀ (1 + ε̂_{t−1}),

so that in a step the mean stays as it is, and an error δ of the detuning ε turns the quadratures:
a_h ← a_h + h ω₀ b_h δ, b_h ← b_h − h ω₀ a_h δ. This is the filter with quadratures that turn in a fixed frame
(La Scala & Bitmead, "Design of an extended Kalman filter frequency tracker", IEEE Trans. Signal Processing
44(3), 1996) in other coordinates, in which a step of the covariance is two outer products. Further lines of
the signals have a detuning, a phase and quadratures of their own, and are no part of the estimate.

Axes: N filters, T samples, F lines, Q = F · harmonics, d = F + 2 Q + 1 numbers of the state.
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
      detuning: [2, F, N] prior mean and variance of each line's detuning, a share of its frequency.
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
    detuning: Float[np.ndarray, "2 F N"]
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
    """Run N filters; state [d, N]: detunings, quadratures of every harmonic of each line, offset."""
    samples, streams = rows.shape
    steps = line.step / line.hz * np.array([line.hz, *line.others_hz])[:, None]
    orders = np.array(line.harmonics, float)
    lines, parts = len(steps), len(orders)
    size = lines + 2 * lines * parts + 1
    mean, row = np.zeros((2, size, streams))
    row[-1] = 1
    turns = np.zeros((lines, size, streams))
    covariance = np.zeros((size, size, streams))
    diagonal = covariance.reshape(size * size, streams)[:: size + 1]
    mean[:lines], diagonal[:lines] = settings.detuning
    diagonal[lines:] = settings.prior[None]
    cosines, sines = slice(lines, -1, 2), slice(lines + 1, -1, 2)
    own = slice(lines, lines + 2 * parts)
    phase, widest = np.zeros((lines, streams)), line.detuning + _MARGIN
    scale = Scale(streams, settings.forgetting)
    estimates, innovations, shares = np.zeros((3, samples, streams))
    for t in range(settings.first, samples):
        # The step: the phases advance, and an error of a detuning turns its line's quadratures.
        phase += steps * (1 + mean[:lines])
        _turn(turns, mean, steps, orders)
        crossed = _crossed(turns, covariance)
        covariance += crossed
        covariance += crossed.transpose(1, 0, 2)
        strength = np.maximum(mean[cosines] ** 2 + mean[sines] ** 2, settings.least[t][None])
        diagonal[:lines] += settings.frequency[None]
        diagonal[cosines] += settings.amplitude * strength
        diagonal[sines] += settings.amplitude * strength
        diagonal[-1] += settings.offset * settings.noise[t]
        # The update with the sample.
        angle = (orders[None, :, None] * phase[:, None]).reshape(lines * parts, streams)
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
        np.clip(mean[:lines], -widest, widest, out=mean[:lines])
        estimates[t] = np.einsum("in,in->n", row[own], mean[own])
        innovations[t], shares[t] = error, np.einsum("in,in->n", row, gain)
    return Filtered(estimates, innovations, shares)


def _turn(
    turns: Float[np.ndarray, "F d N"],
    mean: Float[np.ndarray, "d N"],
    steps: Float[np.ndarray, "F 1"],
    orders: Float[np.ndarray, " P"],
) -> None:
    """Write the change of the state for an error of each detuning, in a sample, into `turns`."""
    lines, parts = len(turns), len(orders)
    for number, turn in enumerate(turns):
        begin = lines + 2 * parts * number
        cosines, sines = (slice(begin + k, begin + 2 * parts, 2) for k in (0, 1))
        speed = steps[number] * orders[:, None]
        turn[cosines], turn[sines] = speed * mean[sines], -speed * mean[cosines]


def _crossed(
    turns: Float[np.ndarray, "F d N"], covariance: Float[np.ndarray, "d d N"]
) -> Float[np.ndarray, "d d N"]:
    """Return C, where a step adds C + Cᵀ to the covariance P: A P Aᵀ with A = I + Σ_f turn_f e_fᵀ."""
    lines, crossed = len(turns), None
    for number, turn in enumerate(turns):
        both = covariance[number].copy()
        for other in range(lines):
            both += 0.5 * covariance[number, other] * turns[other]
        added = turn[:, None] * both[None]
        crossed = added if crossed is None else crossed + added
    assert crossed is not None
    return crossed


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
