"""Recordings of a 50 Hz line in noise, whose line is known: 30 s at 8 kHz.

The fundamental has amplitude 1, the harmonics 0.5 (third) and 0.3 (fifth), all at random phases. The noise is
scaled to the signal-to-noise ratio over the whole band of the recording. Everything is drawn from a seed.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from scipy import signal

HZ, RATE, SECONDS = 50.0, 8000, 30
# The rate at which methods are compared, after one decimation of signal and line alike.
LOW_RATE = 1000
# Judged is what comes after this time.
SETTLE_SECONDS = 2.0

SNRS_DB = (-20, -10, 0, 10, 20)
DETUNINGS = (0.0, 0.002, 0.01, 0.02)
NOISES = ("white", "pink", "speech-like")
STRENGTHS = {1: 1.0, 3: 0.5, 5: 0.3}
# Drift: frequency ±0.1 Hz and amplitude ±30 %, sinusoidal with this period, each from a random phase.
_DRIFT_HZ, _DEPTH, _DRIFT_SECONDS = 0.1, 0.3, 10.0
# Poles of the all-pole noise: frequency and bandwidth, Hz, of five formants, and two real poles that tilt it.
_FORMANTS = ((500, 80), (1500, 120), (2500, 160), (3200, 200), (3700, 250))
_TILT = (0.5, -0.3)
# Band of the syllabic envelope, Hz, and the deviation of its logarithm.
_SYLLABLES, _LOUDNESS = (2.0, 6.0), 0.8
# Trouble: bursts of this length and strength over the line, and dropouts of this length, s.
_BURSTS, _BURST_SECONDS, _BURST_RMS = 15, 0.1, 10.0
_DROPOUTS, _DROPOUT_SECONDS = 8, 0.2


class Condition(NamedTuple):
    """Condition that recordings have in common.

    Attributes:
      snr_db: power of the line over that of the noise.
      detuning: share by which the frequency differs from 50 Hz, up or down.
      drift: whether frequency and amplitude drift.
      harmonics: orders, 1 first.
      noise: one of `NOISES`.
      trouble: whether there are bursts and dropouts.
    """

    snr_db: float
    detuning: float
    drift: bool = False
    harmonics: tuple[int, ...] = (1,)
    noise: str = "white"
    trouble: bool = False


def conditions() -> list[Condition]:
    """List every combination of the law, and one condition with everything at once."""
    every = itertools.product(SNRS_DB, DETUNINGS, (False, True), ((1,), (1, 3, 5)), NOISES)
    return [Condition(*one) for one in every] + [Condition(0, 0.01, True, (1,), "pink", True)]


class Recording(NamedTuple):
    """Input and line of one recording, T samples each.

    Attributes:
      signal: [T] the input.
      line: [T] the line in it, harmonics included.
    """

    signal: np.ndarray
    line: np.ndarray


def draw(condition: Condition, seed: int) -> Recording:
    """Draw a recording [T] at 8 kHz; a seed has the same noise and phases in all conditions."""
    random = np.random.default_rng([seed, NOISES.index(condition.noise)])
    samples = RATE * SECONDS
    noise = _noise(condition.noise, samples, random)
    line = _line(condition, samples, random)
    wanted = np.mean(line**2) / 10 ** (condition.snr_db / 10)
    values = line + noise * np.sqrt(wanted / np.mean(noise**2))
    if condition.trouble:
        for first in random.integers(0, samples, _BURSTS):
            part = slice(first, first + round(_BURST_SECONDS * RATE))
            values[part] += _BURST_RMS * random.normal(size=values[part].size)
        for first in random.integers(0, samples, _DROPOUTS):
            values[first : first + round(_DROPOUT_SECONDS * RATE)] = 0
    return Recording(values, line)


def _line(condition: Condition, samples: int, random: np.random.Generator) -> np.ndarray:
    """Draw the line [T]."""
    seconds = np.arange(samples) / RATE
    turns = random.uniform(size=2 + len(STRENGTHS))
    sign = random.choice((-1, 1))
    hz = HZ * (1 + sign * condition.detuning)
    cycles, strength = hz * seconds, np.ones(samples)
    if condition.drift:
        wave = 2 * np.pi * (seconds / _DRIFT_SECONDS + turns[0])
        cycles -= _DRIFT_HZ * _DRIFT_SECONDS / (2 * np.pi) * np.cos(wave)
        strength += _DEPTH * np.sin(2 * np.pi * (seconds / _DRIFT_SECONDS + turns[1]))
    phases = dict(zip(STRENGTHS, turns[2:], strict=True))
    return strength * sum(
        STRENGTHS[order] * np.sin(2 * np.pi * (order * cycles + phases[order]))
        for order in condition.harmonics
    )


def _noise(name: str, samples: int, random: np.random.Generator) -> np.ndarray:
    """Draw noise [T], of any power."""
    white = random.normal(size=samples)
    if name == "white":
        return white
    if name == "pink":
        spectrum = np.fft.rfft(white)
        bins = np.maximum(np.arange(spectrum.size), 1)
        return np.fft.irfft(spectrum / np.sqrt(bins), samples)
    shaped = np.asarray(signal.lfilter([1.0], speech_coefficients(), white))
    slow = signal.butter(2, _SYLLABLES, "bandpass", fs=RATE, output="sos")
    envelope = np.asarray(signal.sosfilt(slow, random.normal(size=samples)))
    return shaped * np.exp(_LOUDNESS * envelope / envelope.std())


def speech_coefficients() -> np.ndarray:
    """Return the 13 coefficients of the denominator of the AR(12) noise, 1 first."""
    pairs = [
        np.exp(np.pi * (-width + 2j * hz) / RATE * np.array([1, 1])) for hz, width in _FORMANTS
    ]
    poles = [value for pole, _ in pairs for value in (pole, pole.conjugate())]
    return np.poly([*poles, *_TILT]).real


def decimate(values: np.ndarray) -> np.ndarray:
    """Decimate [..., T] at 8 kHz to 1 kHz, without delay: it is shared by the input and the line."""
    return signal.resample_poly(values, 1, RATE // LOW_RATE, axis=-1)


def error(estimates: np.ndarray, lines: np.ndarray, rate: int) -> np.ndarray:
    """Return [N] Σ (estimate − line)² / Σ line² after the first 2 s; no gain is fitted."""
    first = round(SETTLE_SECONDS * rate)
    wrong = np.square(estimates[:, first:] - lines[:, first:]).sum(axis=1)
    return wrong / np.square(lines[:, first:]).sum(axis=1)
