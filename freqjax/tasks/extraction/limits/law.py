"""Law of one sample of the mixture given the phases of the components: mean, variance and distribution.

A sample is S = (1/F) Σ_i A_i sin(θ_i + φ_i) with A_i ~ U(low, high) and φ_i ~ s · U(0, 2π), all
independent; s is the phase scale and θ_i the angle of component i, rad.

Mean: E[A sin(θ + φ)] = E[A] sinc(s) sin(θ + πs) with sinc(s) = sin(πs)/(πs): a gain and a lag.

Law: with m = (low + high)/2 and d = (high − low)/2 the characteristic function of one term at κ is

    ψ(κ; θ) = E_φ g(κ, θ + φ),   g(κ, x) = exp(iκ m sin x) · sin(κ d sin x)/(κ d sin x),

whose Fourier coefficients in x (a Jacobi–Anger expansion) are those of g, from an FFT, times
E exp(inφ) = sinc(ns) exp(iπns). F of them at κ = k/F multiply to that of S, and an inverse FFT over k
gives the density on a grid.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from freqjax.errors import UserError
from freqjax.tasks.extraction.config import ExtractionConfig

# A table has one column per sample of the common period; for a longer period the limit is not computed.
_LONGEST_PERIOD = 20_000
# Entries of a table: 160 MB of float32.
_LARGEST_TABLE = 40_000_000
# The blur in bins: at the Nyquist frequency of the grid exp(−(2π)²/2) = 3e-9 remains.
_BLUR_BINS = 2.0
# The blur is at most this share of the mixture's noise, where the largest table allows.
_BLUR_SHARE = 0.05
# Above the rounding error of an FFT in float64.
_SMALLEST_MASS = 1e-14


class NoBayesLimit(UserError):
    """Error for a task whose Bayes limit cannot be computed, with the reason as a sentence."""


class Table(NamedTuple):
    """Law of a rounded sample at each of the G samples of the common period, in N bins.

    The tabulated variable is round((S + e)/width) with e ~ N(0, blur²), a degraded S: an error computed from
    it is never too small. Relative to noise of variance v it loses about blur²/v of the information.

    Attributes:
      log_mass: [N, G] float32, logarithm of the probability of each bin.
      width: of a bin, in units of S. The centre of bin N/2 is 0.
      blur: standard deviation of e.
      turns: [F] int, steps of 1/G cycle by which each component moves from one sample to the next.
    """

    log_mass: Float[np.ndarray, "N G"]
    width: float
    blur: float
    turns: Int[np.ndarray, " F"]

    def sines(self) -> Float[np.ndarray, "G F"]:
        """Compute the clean components."""
        period = self.log_mass.shape[1]
        steps = np.arange(period)[:, None] * self.turns % period
        return np.sin(2 * np.pi * steps / period)


def gain_and_lag(task: ExtractionConfig) -> tuple[float, float]:
    """Compute the effect of noise on the mean of a component: a gain and a lag, rad.

    The gain is exactly 0 if the phase scale is a whole number above 0.
    """
    low, high = task.amplitude_range
    scale = task.phase_scale
    sinc = 0.0 if scale > 0 and scale == round(scale) else float(np.sinc(scale))
    return (low + high) / 2 * sinc, math.pi * scale


def noise_variance(task: ExtractionConfig) -> float:
    """Compute the variance of S about its mean given time, averaged over time.

    A component A sin(θ + φ) has second moment E[A²]/2 and a mean of mean square gain²/2; F of them are
    averaged with weight 1/F.
    """
    low, high = task.amplitude_range
    second_moment = ((low + high) / 2) ** 2 + (high - low) ** 2 / 12
    explained = gain_and_lag(task)[0] ** 2
    return float((second_moment - explained) / (2 * len(task.frequencies)))


def fitting_law(task: ExtractionConfig, variance: float) -> dict[str, str]:
    """Return the fields, as they are written, of the law whose `noise_variance` is `variance`.

    The phase scale alone where that suffices. At a phase scale of 0 the spread of the amplitudes remains:
    where that is more noise than wanted, the range of the amplitudes as well, about the same mean.
    """

    def noise(scale: float) -> float:
        return noise_variance(dataclasses.replace(task, phase_scale=scale))

    low, high = 0.0, 1.0
    if noise(low) >= variance:
        mean = sum(task.amplitude_range) / 2
        half = math.sqrt(6 * len(task.frequencies) * max(variance, 0.0))
        ends = f"{mean - half:.4g},{mean + half:.4g}"
        return {"task.phase_scale": "0", "task.amplitude_range": ends}
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if noise(middle) < variance else (low, middle)
    return {"task.phase_scale": f"{low:.3g}"}


def is_silent(task: ExtractionConfig) -> bool:
    """Return whether there is no noise, so that S is a fixed function of the position in the period."""
    low, high = task.amplitude_range
    return task.phase_scale == 0 and low == high


def is_coarse(task: ExtractionConfig, table: Table) -> bool:
    """Return whether the largest table allowed blurs a sample by more than 5 % of its noise."""
    return table.blur > 1.001 * _BLUR_SHARE * math.sqrt(noise_variance(task))


def is_mute(task: ExtractionConfig) -> bool:
    """Return whether S has the same law at every time, so that it has no information about the start.

    With a whole number of turns (phase scale 1, 2, …) θ + φ is uniform on the circle for every θ.
    """
    scale, (low, high) = task.phase_scale, task.amplitude_range
    return (scale > 0 and scale == round(scale)) or low == high == 0


def grid_period(
    frequencies: Sequence[float], sampling_rate: float
) -> tuple[int, Int[np.ndarray, " F"]]:
    """Return the period G on the sample grid, samples, and each component's steps of 1/G cycle a sample.

    Frequencies are exact decimal fractions, as written. G is the common period of
    `freqjax.tasks.extraction.synthesis` if that is a whole number of samples, else a multiple of it.

    Raises:
      NoBayesLimit: G is longer than 20,000 samples.
    """
    rate = Fraction(repr(float(sampling_rate)))
    turns = [Fraction(repr(float(f))) / rate for f in frequencies]
    period = math.lcm(*(t.denominator for t in turns))
    if period > _LONGEST_PERIOD:
        raise NoBayesLimit(
            f"task.frequencies {tuple(frequencies)} at a task.sampling_rate of {sampling_rate:g} Hz have a "
            f"common period of {float(period):g} samples: it must be at most {_LONGEST_PERIOD} for the Bayes "
            "limit of a random start."
        )
    return period, np.array([int(t * period) for t in turns])


def make_table(task: ExtractionConfig, bins: int | None = None) -> Table:
    """Tabulate the law of S.

    Args:
      task: the parameters of the law; its amplitudes must not all be 0.
      bins: N, a power of two, or None for as many as the noise needs.

    Raises:
      NoBayesLimit: as `grid_period`.
    """
    period, turns = grid_period(task.frequencies, task.sampling_rate)
    largest = max(abs(a) for a in task.amplitude_range)
    bins = _bins(task, largest, period) if bins is None else bins
    # The grid reaches six blurs beyond the largest |S| on either side.
    width = 2 * largest / (bins - 12 * _BLUR_BINS - 2)
    blur = _BLUR_BINS * width
    k = 2 * np.pi * np.arange(bins // 2 + 1) / (bins * width)
    terms = _characteristic(task, k / len(task.frequencies), period, largest)
    smooth = np.exp(-np.square(k * blur) / 2) * np.sinc(k * width / (2 * np.pi))
    # Times (−1)^j: the centre of the grid is S = 0.
    smooth = smooth * (1 - 2 * (np.arange(k.size) % 2))
    log_mass = np.empty((bins, period), np.float32)
    for first in range(0, period, 512):
        places = np.arange(first, min(first + 512, period))
        product = np.ones((places.size, k.size), complex)
        for turn in turns:
            product *= terms[places * turn % period]
        mass = np.fft.irfft(np.conj(product) * smooth, bins, axis=1)
        log_mass[:, places] = np.log(np.maximum(mass, _SMALLEST_MASS)).T
    return Table(log_mass, width, blur, turns)


def _bins(task: ExtractionConfig, largest: float, period: int) -> int:
    noise = math.sqrt(max(noise_variance(task), 0.0))
    wanted = 2 * largest * _BLUR_BINS / (_BLUR_SHARE * noise) if noise > 0 else math.inf
    allowed = min(8192, _LARGEST_TABLE // period)
    return 2 ** min(math.ceil(math.log2(max(min(wanted, 8192), 1024))), int(math.log2(allowed)))


def _smooth(least: int) -> int:
    """Return the smallest number ≥ `least` with no prime factor above 5: FFTs of such lengths are fast."""
    powers = [3**b * 5**c for b in range(20) for c in range(12)]
    return min(p * 2 ** max(0, math.ceil(math.log2(least / p))) for p in powers)


def _characteristic(
    task: ExtractionConfig, kappa: Float[np.ndarray, " K"], period: int, largest: float
) -> Complex[np.ndarray, "G K"]:
    """Compute ψ(κ; θ) at the G angles θ = 2π/G · (0, 1, …)."""
    (low, high), scale = task.amplitude_range, task.phase_scale
    mean, half = (low + high) / 2, (high - low) / 2
    terms = np.empty((period, kappa.size), complex)
    for first in range(0, kappa.size, 64):
        rows = slice(first, min(first + 64, kappa.size))
        # g has harmonics up to about κA, and beyond it a tail as wide as a few times its cube root.
        reach = float(kappa[rows][-1]) * largest
        points = period * _smooth(math.ceil(2 * (reach + 8 * reach ** (1 / 3) + 20) / period))
        swing = kappa[rows, None] * np.sin(2 * np.pi * np.arange(points) / points)
        g = np.exp(1j * mean * swing) * np.sinc(half / np.pi * swing)
        harmonics = np.fft.fftfreq(points, 1 / points)
        turned = np.sinc(harmonics * scale) * np.exp(1j * np.pi * harmonics * scale)
        spread = np.fft.ifft(np.fft.fft(g, axis=1) * turned, axis=1)
        terms[:, rows] = spread[:, :: points // period].T
    return terms
