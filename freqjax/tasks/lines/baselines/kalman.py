"""Extended Kalman filters of a line whose frequency is not known: one, and a bank of them.

Further lines that the signals hold are followed with it.

Detuning and quadratures are random walks; the walk of a harmonic is in proportion to the strength found, so
that the filters do not depend on the unit of the signals. The noise is taken as white with the density
measured beside the line. The recursion is that of `freqjax.tasks.lines.baselines.frequency_filter`.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from freqjax.tasks.lines.baselines.frequency_filter import Filtered, Scale, Settings, follow
from freqjax.tasks.lines.baselines.line import Line, check, require_parameter
from freqjax.tasks.lines.baselines.noise_level import noise_level

# Walks a square root of a period, where the line states none.
FREQUENCY_WALK, AMPLITUDE_WALK = 1e-4, 0.01
# Time constant of the noise level and of the scale of the innovations, periods.
_NOISE_WINDOW, _SCALE_WINDOW = 25.0, 25.0
# The walk of a harmonic is at least that of a line with this share of the input's power.
_LEAST_SHARE = 0.01
# The offset's walk a square root of a period, as a share of the deviation of the noise.
_OFFSET_WALK = 0.02
# The filters of a bank begin at these shares of the range of the detuning, each with its part of the range,
# and with the walks times one of these factors.
_BEGINNINGS, _FACTORS = (-2 / 3, 0.0, 2 / 3), (1.0, 0.1)
# Time constant of the low-pass of their squared innovations, periods.
_SMOOTHING = 5.0
# Samples of all filters that run at once: there are a dozen arrays of them.
_AT_ONCE = 10_000_000


class _Level(NamedTuple):
    """Levels that the filters of a stream are told, [T, N]: of the noise, and running power."""

    noise: Float[np.ndarray, "T N"]
    power: Float[np.ndarray, "T N"]


def extended_kalman(
    signals: Float[np.ndarray, "N T"],
    line: Line,
    *,
    frequency_walk: float | None = None,
    amplitude_walk: float | None = None,
    noise_variance: float | None = None,
    prior_variance: float | None = None,
    gate: float | None = None,
    gaps: bool = False,
) -> Float[np.ndarray, "N T"]:
    """Follow frequency and quadratures of the line with an extended Kalman filter.

    Args:
      signals: [N, T].
      line: what is known of it. The prior of the detuning is uniform over its range, and Gaussian for the
        filter; the walks are those of its drift, if it states one.
      frequency_walk: standard deviation of the change of log-frequency, a square root of a period.
      amplitude_walk: standard deviation of the change of a quadrature over the strength of its harmonic, a
        square root of a period.
      noise_variance: of the noise, white; if None, it is measured beside the line.
      prior_variance: of each quadrature and of the offset; if None, it is twice the power of the first
        period, in which the estimate is 0.
      gate: innovations beyond this multiple of their mean absolute value change nothing; None for no gate.
      gaps: whether samples that are exactly 0 are missing ones.

    Raises:
      UserError: the line, a sample or a parameter is not allowed.
    """
    check(signals, line)
    walks = _walks(line, frequency_walk, amplitude_walk, gate)
    for name, value in (("noise_variance", noise_variance), ("prior_variance", prior_variance)):
        require_parameter(value is None or value > 0, name, value, "above 0")
    level = _level(signals, line, gate)
    settings = _settings(level, line, gate, gaps, walks)
    if noise_variance is not None:
        settings = settings._replace(noise=np.full_like(level.noise, noise_variance), offset=0.0)
    if prior_variance is not None:
        settings = settings._replace(first=0, prior=np.full_like(settings.prior, prior_variance))
    return follow(np.ascontiguousarray(signals.T), line, settings).estimates.T


def kalman_bank(
    signals: Float[np.ndarray, "N T"],
    line: Line,
    *,
    frequency_walk: float | None = None,
    amplitude_walk: float | None = None,
    memory: float = 100.0,
    gate: float | None = None,
    gaps: bool = False,
) -> Float[np.ndarray, "N T"]:
    """Average extended Kalman filters that differ in their first frequency and in the drift that they expect.

    The weight of a filter falls exponentially with half of its score, a sum whose past is forgotten,

        Σ ((1 − κ/2)² e² / r + κ),

    e the innovation, r the level of the noise, κ the share of the innovation that the filter adds to its
    prediction. The residual halfway through the update is used in place of e: in coloured noise e correlates
    with the samples before it, and e² alone would punish the filters with large gains for noise far from the
    line. In white noise the score is e²/r to first order in κ, whose mean is least for the best prediction.

    Args:
      signals: [N, T].
      line: what is known of it.
      frequency_walk: of the fast filters; see `extended_kalman`.
      amplitude_walk: of the fast filters.
      memory: time constant of the forgetting, periods.
      gate: as in `extended_kalman`.
      gaps: as in `extended_kalman`.

    Raises:
      UserError: the line, a sample or a parameter is not allowed.
    """
    check(signals, line)
    walks = _walks(line, frequency_walk, amplitude_walk, gate)
    require_parameter(memory > 0, "memory", memory, "above 0")
    filters, estimates = list(itertools.product(_BEGINNINGS, _FACTORS)), np.empty(signals.shape)
    together = max(1, _AT_ONCE // (len(filters) * signals.shape[1]))
    for first in range(0, len(signals), together):
        part = signals[first : first + together]
        streams = len(part)
        level = _level(part, line, gate)
        tiled = _Level(*(np.tile(values, len(filters)) for values in level))
        settings = _settings(tiled, line, gate, gaps, walks)
        begin, factor = np.repeat(np.array(filters), streams, axis=0).T
        # Of the line that is estimated; of the others all filters know as little.
        settings.detuning[0, 0] = line.detuning * begin
        settings.detuning[1, 0] = (line.detuning / len(_BEGINNINGS)) ** 2 / 3
        settings = settings._replace(
            frequency=settings.frequency * factor**2,
            amplitude=settings.amplitude * factor**2,
        )
        found = follow(np.tile(part.T, len(filters)), line, settings)
        mean = _average(found, settings.noise, len(filters), memory * line.period, line)
        estimates[first : first + together] = mean.T
    return estimates


def _average(
    found: Filtered, noise: Float[np.ndarray, "T N"], filters: int, memory: float, line: Line
) -> Float[np.ndarray, "T streams"]:
    """Average the estimates of the filters of each stream by their scores: see `kalman_bank`.

    Args:
      found: of all filters of the first beginning and factor, then of the next.
      noise: level of the noise of each.
      filters: number of filters a stream.
      memory: samples.
      line: what is known of it.
    """
    from scipy import signal  # takes a second to import

    shape = (len(noise), filters, noise.shape[1] // filters)
    halfway = found.innovations * (1 - 0.5 * found.shares)
    scores = (halfway**2 / noise + found.shares).reshape(shape)
    scores -= scores.min(axis=1, keepdims=True)
    kept, steady = math.exp(-1 / memory), math.exp(-1 / (_SMOOTHING * line.period))
    smooth = np.asarray(signal.lfilter([1 - steady], [1.0, -steady], scores, axis=0))
    evidence = -0.5 * np.asarray(signal.lfilter([1.0], [1.0, -kept], smooth, axis=0))
    weights = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return (weights * found.estimates.reshape(shape)).sum(axis=1)


def _walks(
    line: Line, frequency: float | None, amplitude: float | None, gate: float | None
) -> tuple[float, float]:
    """Return the walks a square root of a period, as given, or of the line's drift, or by default.

    Raises:
      UserError: one of them, or the gate, is not allowed.
    """
    found = []
    for name, given, drift, default in (
        ("frequency_walk", frequency, line.frequency_drift, FREQUENCY_WALK),
        ("amplitude_walk", amplitude, line.amplitude_drift, AMPLITUDE_WALK),
    ):
        require_parameter(given is None or given >= 0, name, given, "0 or more")
        drifted = default if drift is None else drift / math.sqrt(line.hz)
        found.append(drifted if given is None else given)
    require_parameter(gate is None or gate > 1, "gate", gate, "above 1")
    return found[0], found[1]


def _level(signals: Float[np.ndarray, "N T"], line: Line, gate: float | None) -> _Level:
    """Measure the level of the noise beside the line and the running power of the input."""
    counts = np.arange(1, signals.shape[1] + 1)
    power = np.cumsum(signals**2, axis=1) / counts[None] + np.finfo(float).tiny
    noise = noise_level(_limited(signals, line, gate), line, _NOISE_WINDOW)
    return _Level(np.ascontiguousarray(noise.T), np.ascontiguousarray(power.T))


def _settings(
    level: _Level, line: Line, gate: float | None, gaps: bool, walks: tuple[float, float]
) -> Settings:
    """Return the settings of a filter that knows nothing of its signal but its levels."""
    samples, streams = level.noise.shape
    first = min(math.ceil(line.period), samples)
    every = np.ones(streams)
    detuning = np.zeros((2, 1 + len(line.others_hz), streams))
    detuning[1] = line.detuning**2 / 3
    return Settings(
        first=first,
        noise=level.noise + np.finfo(float).tiny,
        least=_LEAST_SHARE * level.power,
        prior=2 * level.power[max(first - 1, 0)],
        detuning=detuning,
        frequency=walks[0] ** 2 / line.period * every,
        amplitude=walks[1] ** 2 / line.period * every,
        offset=_OFFSET_WALK**2 / line.period,
        gate=gate,
        gaps=gaps,
        forgetting=1 / (_SCALE_WINDOW * line.period),
    )


def _limited(
    signals: Float[np.ndarray, "N T"], line: Line, gate: float | None
) -> Float[np.ndarray, "N T"]:
    """Set samples beyond the gate to 0, if there is one: a burst would raise the level for long after it."""
    if gate is None:
        return signals
    scale = Scale(len(signals), 1 / (_SCALE_WINDOW * line.period))
    limited, present = np.empty(signals.T.shape), np.ones(len(signals), bool)
    for t, sample in enumerate(np.ascontiguousarray(signals.T)):
        limited[t] = np.where(scale.admits(sample, gate, present), sample, 0.0)
    return limited.T
