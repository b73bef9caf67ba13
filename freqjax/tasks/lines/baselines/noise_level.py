"""The level of the noise beside a line, measured from the past.

A filter for a line needs the density of the noise at the line, not its power in the whole band, which differ
wherever noise is coloured. It is measured in two bands beside the line, as far away as the detuning requires,
by elliptic band-pass filters that reject the line. A band may hold another line: then the lesser level of the
two counts, else their geometric mean.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from freqjax.tasks.lines.baselines.line import Line

# Distance of the bands from the line, as a share of its frequency; more if the detuning is large.
_DISTANCE = 0.15
# Width of each band: its outer edge over its inner one.
_WIDTH = 1.4
# Order of the band-pass, ripple in its band and rejection outside it, dB.
_ORDER, _RIPPLE, _REJECTION = 6, 1.0, 70.0
# A band ends at this share of half of the sampling rate.
_HIGHEST = 0.95
# Periods in which the filters settle, whose power does not count, and periods for which the power of the
# whole input stands in, until there is a mean. The input is faded in, so that its start is no burst.
_SETTLING, _STANDING_IN = 15.0, 25.0
# The least level, as a share of the power of the input: a signal without noise must leave it above 0.
_LEAST = 1e-9


def noise_level(
    signals: Float[np.ndarray, "N T"], line: Line, window: float
) -> Float[np.ndarray, "N T"]:
    """Measure the variance per sample of white noise as dense as the noise beside the line.

    Args:
      signals: [N, T].
      line: what is known of it.
      window: time constant of the mean of the power, in periods.

    Returns:
      [N, T], above 0 as soon as a sample was not 0.
    """
    from scipy import signal  # takes a second to import

    samples = signals.shape[1]
    counted = np.arange(samples) >= _SETTLING * line.period
    smooth = math.exp(-1 / (window * line.period))
    # The mean begins with nothing: it is divided by the weight that it has gathered.
    gathered = np.maximum(_mean(counted[None] * 1.0, smooth), np.finfo(float).tiny)
    power = np.cumsum(signals**2, axis=1) / np.arange(1, samples + 1)[None]
    faded = (
        signals
        * np.sin(0.5 * np.pi * np.minimum(np.arange(samples) / (_SETTLING * line.period), 1)) ** 2
    )
    logs = []
    for sections in _bands(line):
        passed = (
            np.asarray(signal.sosfilt(sections, faded)) ** 2 * counted[None] / _noise_gain(sections)
        )
        level = np.maximum(_mean(passed, smooth) / gathered, _LEAST * power)
        logs.append(np.log(level + np.finfo(float).tiny))
    beside = np.exp(np.minimum.reduce(logs) if line.others_hz else sum(logs) / len(logs))
    ready = np.arange(samples) >= _STANDING_IN * line.period
    return np.where(ready[None], np.minimum(beside, power), power)


def _mean(values: Float[np.ndarray, "N T"], smooth: float) -> Float[np.ndarray, "N T"]:
    """Return the running mean, with exponential forgetting, from a start at 0."""
    from scipy import signal  # takes a second to import

    return np.asarray(signal.lfilter([1 - smooth], [1, -smooth], values))


def _bands(line: Line) -> list[np.ndarray]:
    """Design the band-pass filters below and, if half of the sampling rate allows, above the line."""
    distance = max(_DISTANCE, 1.5 * line.detuning)
    half = line.sampling_rate_hz / 2
    below = (line.hz * (1 - distance) / _WIDTH, line.hz * (1 - distance))
    above = (line.hz * (1 + distance), line.hz * (1 + distance) * _WIDTH)
    bands = [below, above] if above[1] < _HIGHEST * half else [below]
    return [_band_pass(band, 2 * half) for band in bands]


def _band_pass(band: tuple[float, float], rate: float) -> np.ndarray:
    """Design a band-pass; an offset can be far stronger than the line, and is rejected altogether."""
    from scipy import signal  # takes a second to import

    passing = signal.ellip(_ORDER, _RIPPLE, _REJECTION, band, "bandpass", output="sos", fs=rate)
    rejecting = signal.butter(1, band[0] / 2, "highpass", output="sos", fs=rate)
    return np.concatenate([np.asarray(passing), np.asarray(rejecting)])


def _noise_gain(sections: np.ndarray) -> float:
    """Return the power of the output of a filter for white noise of variance 1."""
    from scipy import signal  # takes a second to import

    frequencies = 2**16
    _, response = signal.freqz_sos(sections, frequencies)
    return float(np.mean(np.abs(response) ** 2))
