"""Strength, frequency and drift of a line, stretch by stretch, each with a 95 % interval.

A stretch lasts one second, or longer: ten periods of the line, and four of the difference from the nearest
other component of the task, from which it tells the line apart. The samples of a stretch are
demodulated at the frequency of the line: a sine, and a constant, are fitted under a Hann window, and the
frequency is moved until the fit is best. In white noise of variance σ² the bound of Rife and Boorstyn (IEEE
Trans. Inf. Theory 20, 1974, 591-598) for a sine of amplitude A in N samples is

    var(A) ≥ 2 σ² / N        var(f) ≥ 24 σ² / (A² N³) · (sampling rate / 2π)²

and the Hann window multiplies these variances by 1.5 and 2.343. Noise is rarely white: σ² is N times the mean
power of the bins from 2 to 12 beside the line in the spectrum of what the fit leaves, other components of the
task left out. As these bins are few, the intervals have Student's quantile.

A complex signal, I + jQ, has a complex exponential in place of the sine: a sine in I, and the same a quarter
of a period later in Q. The bounds are a quarter of those above, with σ² the mean square of complex noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Inexact

SECONDS, PERIODS, BEATS = 1.0, 10, 4
# The line is looked for within this share of the selected frequency, the task's own, or so many bins.
_REACH, _REACH_BINS = 0.05, 1.5
# Bins beside the line that its own spectrum fills, and up to which the noise is measured.
_OWN_BINS, _NOISE_BINS = 2, 12
# Neighbouring bins of a Hann window are correlated: n of them are worth n / 1.944 independent ones.
CORRELATED_BINS = 1.944
# Factors by which the Hann window raises the variances of amplitude and frequency.
_HANN_STRENGTH = 1.5
_HANN_HZ = (1 / 32 - 1 / (4 * np.pi**2) + 1 / (64 * np.pi**2)) / (
    12 * (1 / 24 - 1 / (4 * np.pi**2)) ** 2
)
# A line stands above the noise if noise alone has such a peak with less than this probability.
_FALSE_LINE = 0.01
_STEPS = 10


class Line(NamedTuple):
    """Line of a stretch.

    Attributes:
      strength: amplitude, in the signal's unit.
      strength_error: half of its 95 % interval.
      hz: frequency.
      hz_error: half of its 95 % interval.
      stands: whether it stands above the noise; if not, its frequency is not known.
    """

    strength: float
    strength_error: float
    hz: float
    hz_error: float
    stands: bool


def reach_hz(selected_hz: float, others_hz: Sequence[float], detuning: float = 0.0) -> float:
    """Return how far beside the selected frequency a line is looked for, at most halfway to another.

    Args:
      selected_hz: the frequency.
      others_hz: of other components.
      detuning: the share of the frequency by which the task has components beside it.
    """
    return min(max(_REACH, detuning) * selected_hz, nearest_hz(selected_hz, others_hz) / 2)


def nearest_hz(selected_hz: float, others_hz: Sequence[float]) -> float:
    """Return the difference from the nearest other component, infinite without one."""
    return min((abs(other - selected_hz) for other in others_hz), default=math.inf)


def stretch_samples(
    selected_hz: float, sampling_rate: float, others_hz: Sequence[float] = ()
) -> int:
    """Return N, samples of a stretch."""
    beats = BEATS / nearest_hz(selected_hz, others_hz)
    return max(16, round(max(SECONDS, PERIODS / selected_hz, beats) * sampling_rate))


def measure(
    signal: Inexact[np.ndarray, " N"],
    selected_hz: float,
    sampling_rate: float,
    others_hz: Sequence[float] = (),
    detuning: float = 0.0,
) -> Line | None:
    """Measure the strongest line near `selected_hz`; None if the signal is constant.

    Args:
      signal: a stretch, real or complex.
      selected_hz: where it is looked for.
      sampling_rate: of the signal, Hz.
      others_hz: of other components, which are no noise.
      detuning: as in `reach_hz`.
    """
    largest = float(np.abs(signal - signal.mean()).max())
    if not largest > 0:
        return None
    count = len(signal)
    scaled = signal / largest  # so that no square vanishes
    reach = max(reach_hz(selected_hz, others_hz, detuning), _REACH_BINS * sampling_rate / count)
    window = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2
    cycles = _coarse(scaled, window, selected_hz / sampling_rate, reach / sampling_rate)
    cycles, amplitude, residual = _fit(scaled, window, cycles)
    axis = np.fft.fftfreq(count) if np.iscomplexobj(signal) else np.fft.rfftfreq(count)
    others = [hz / sampling_rate for hz in others_hz]
    bins = _noise_bins(np.rint(axis * count), count, cycles, others)
    spectrum = np.square(np.abs(_transform(window * residual))) / np.sum(np.square(window))
    # Rounding is noise as well.
    variance = max(float(spectrum[bins].mean()), 1e-30)
    freedom = 2 * np.count_nonzero(bins) / CORRELATED_BINS
    from scipy.special import stdtrit  # scipy takes a moment to import

    quantile = float(stdtrit(freedom, 0.975))
    # 2 σ² / N of the bound, and 12 times as much over N² A² for the frequency.
    bound = (0.5 if np.iscomplexobj(signal) else 2.0) * variance / count
    strength_error = quantile * np.sqrt(_HANN_STRENGTH * bound)
    hz_error = quantile * np.sqrt(_HANN_HZ * 12 * bound) / count / max(amplitude, 1e-30)
    # Both quadratures of noise: F of 2 and `freedom` degrees, at as many places as the reach has bins.
    ratio = amplitude**2 / (2 * _HANN_STRENGTH * bound)
    places = 2 * reach * count / sampling_rate + 1
    chance = places * (1 + 2 * ratio / freedom) ** (-freedom / 2)
    hz = cycles * sampling_rate
    return Line(
        strength=amplitude * largest,
        strength_error=float(strength_error) * largest,
        hz=hz,
        hz_error=float(hz_error) * sampling_rate / (2 * np.pi),
        stands=bool(chance < _FALSE_LINE and abs(hz - selected_hz) <= reach),
    )


def _transform(signal: Inexact[np.ndarray, " N"], padded: int | None = None) -> np.ndarray:
    """Return the spectrum: frequencies from 0 on, and of a complex signal the negative ones after them."""
    return (np.fft.fft if np.iscomplexobj(signal) else np.fft.rfft)(signal, padded)


def _coarse(
    signal: Inexact[np.ndarray, " N"],
    window: Float[np.ndarray, " N"],
    cycles: float,
    reach: float,
) -> float:
    """Return the peak of the spectrum within `reach` of `cycles`, per sample, to a quarter of a bin."""
    padded = 4 * len(signal)
    centred = signal - np.average(signal, weights=window)
    spectrum = np.abs(_transform(window * centred, padded))
    low = max(1, int(np.ceil((cycles - reach) * padded)))
    high = min(len(spectrum) - 1, int((cycles + reach) * padded))
    return (low + int(spectrum[low : max(high, low) + 1].argmax())) / padded


def _fit(
    signal: Inexact[np.ndarray, " N"], window: Float[np.ndarray, " N"], cycles: float
) -> tuple[float, float, Inexact[np.ndarray, " N"]]:
    """Fit a sine and a constant by Gauss-Newton steps of the frequency.

    Returns:
      Cycles per sample, amplitude and residual.
    """
    count = len(signal)
    time, late = np.arange(count) - (count - 1) / 2, np.zeros(count)
    constants, samples = np.ones((count, 1)), signal
    if np.iscomplexobj(signal):  # I and Q after one another, Q a quarter of a period late
        time, window, late = np.tile(time, 2), np.tile(window, 2), np.repeat([0, np.pi / 2], count)
        constants, samples = (
            np.repeat(np.eye(2), count, axis=0),
            np.append(np.real(signal), np.imag(signal)),
        )
    start, basis, weights = cycles, np.empty((0, 0)), np.zeros(0)
    for step in range(_STEPS + 1):
        angle = 2 * np.pi * cycles * time - late
        basis = np.column_stack([np.cos(angle), np.sin(angle), constants])
        weights = _solve(basis, window, samples)
        if step == _STEPS:
            break
        slope = 2 * np.pi * time / count * (basis[:, 0] * weights[1] - basis[:, 1] * weights[0])
        change = _solve(np.column_stack([basis, slope]), window, samples)[-1] / count
        # The spectrum has told the frequency to a bin.
        moved = float(np.clip(cycles + change, start - 1 / count, start + 1 / count))
        if abs(moved - cycles) * count < 1e-9:
            break
        cycles = moved
    residual = samples - basis @ weights
    if np.iscomplexobj(signal):
        residual = residual[:count] + 1j * residual[count:]
    return cycles, float(np.hypot(weights[0], weights[1])), residual


def _solve(
    basis: Float[np.ndarray, "N k"],
    window: Float[np.ndarray, " N"],
    signal: Float[np.ndarray, " N"],
) -> Float[np.ndarray, " k"]:
    weighted = basis * window[:, None]
    return np.linalg.lstsq(weighted.T @ basis, weighted.T @ signal, rcond=None)[0]


def _noise_bins(
    bins: Float[np.ndarray, " bins"], count: int, cycles: float, others: Sequence[float]
) -> np.ndarray:
    """Return flags of those of the `bins` of a spectrum of N = `count` samples that hold a line's noise."""
    away = np.abs(bins - cycles * count)
    inside = (np.abs(bins) > 1) & (np.abs(bins) < count / 2)
    near = inside & (away > _OWN_BINS) & (away <= _NOISE_BINS)
    for other in others:
        if abs(other - cycles) * count > _OWN_BINS:
            near &= np.abs(bins - other * count) > _OWN_BINS
    if np.count_nonzero(near) >= 4:
        return near
    # Too few between the others: theirs count as noise, which makes the intervals wider.
    return inside & (away > _OWN_BINS) if np.any(inside & (away > _OWN_BINS)) else bins != 0
