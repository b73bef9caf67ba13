"""The least error of a causal estimate where the law of the line is linear and Gaussian.

The frequency is known and constant. The quadratures x of every harmonic, and an offset, are independent
Gaussian, N(0, s²), and may walk: x_t = x_{t−1} + u_t, u_t ~ N(0, Q). With the row h_t of cosines and sines,
the input is y_t = h_t · x_t + n_t, and n is white, or the autoregression n_t = a n_{t−1} + w_t at its
stationary variance. Further lines of the same law may be added. Then the Kalman filter is the conditional
mean, no causal estimator has a smaller mean squared error, and its error variance needs no data.

Autoregressive noise has no part that is new in every sample of y itself, and as a state it would leave a
measurement without noise. The recursion reads the difference instead, which loses nothing:

    z_t = y_t − a y_{t−1} = g_t · x_{t−1} + h_t · u_t + w_t,   g_t = h_t − a h_{t−1},

whose noise w has the variance r (1 − a²) > 0. The error covariance P after z_t is that of a sum of
independent parts, so that rounding cannot make it indefinite:

    P' = (I − k g) P (I − k g)ᵀ + (I − k h) Q (I − k h)ᵀ + k kᵀ var w,
    k = (P g + Q h) / (g·P g + h·Q h + var w).

White noise is the case a = 0. An offset, and other lines, are not part of the line that is estimated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError


class GaussianLine(NamedTuple):
    """A law of a line and its noise that is linear and Gaussian.

    Attributes:
      hz: the frequency of the fundamental, known.
      sampling_rate_hz: of the signals.
      variances: order of a harmonic → s², the prior variance of each of its two quadratures; its mean power
        is s².
      noise_variance: r, the variance of the noise.
      noise_coefficient: a of autoregressive noise, −1 < a < 1; 0 for white noise.
      walk_variances: order → variance of the change of each quadrature from sample to sample; 0 if absent.
      offset_variance: prior variance of a constant offset; 0 for none.
      others_hz: fundamentals of further lines in the signals, each with the variances of this one.
    """

    hz: float
    sampling_rate_hz: float
    variances: dict[int, float]
    noise_variance: float
    noise_coefficient: float = 0.0
    walk_variances: dict[int, float] = {}  # noqa: RUF012 - a default that nothing writes to
    offset_variance: float = 0.0
    others_hz: tuple[float, ...] = ()

    @property
    def lines(self) -> int:
        """F, the number of lines in the signals."""
        return 1 + len(self.others_hz)


class LineLimit(NamedTuple):
    """The least mean squared error of a causal estimate of the line.

    Attributes:
      curve: [T] at each sample, given all samples up to it.
      mean: its mean over the judged samples.
    """

    curve: Float[np.ndarray, " T"]
    mean: float


def line_limit(law: GaussianLine, samples: int, judged_from: int = 0) -> LineLimit:
    """Compute the least mean squared error of a causal estimate; no data enter.

    Args:
      law: of line and noise.
      samples: T.
      judged_from: the first sample that counts in the mean.

    Raises:
      UserError: a field of the law is out of its range, or no sample is judged.
    """
    _check(law)
    if not 0 <= judged_from < samples:
        raise UserError(
            f"judged_from is {judged_from}: it must be 0 to {samples - 1}, a sample of the stream."
        )
    line, curve = _part_of_line(law), np.empty(samples)
    for t, step in enumerate(_steps(law, samples)):
        row = step.row * line
        curve[t] = row @ step.covariance @ row
    return LineLimit(curve, float(curve[judged_from:].mean()))


def kalman(law: GaussianLine, signals: Float[np.ndarray, "N T"]) -> Float[np.ndarray, "N T"]:
    """Compute the conditional mean of the line at each sample, given all samples up to it.

    Raises:
      UserError: a field of the law is out of its range.
    """
    _check(law)
    streams, samples = signals.shape
    line, found = _part_of_line(law), np.zeros((len(_priors(law)), streams))
    estimates, last = np.empty((samples, streams)), np.zeros(streams)
    for t, step in enumerate(_steps(law, samples)):
        seen = signals[:, t] - step.remembered * last
        found += step.gain[:, None] * (seen - step.difference @ found)[None]
        estimates[t] = (step.row * line) @ found
        last = signals[:, t]
    return estimates.T


class _Step(NamedTuple):
    """One sample of the recursion; d coefficients.

    Attributes:
      row: [d] h.
      difference: [d] g.
      remembered: a, or 0 at the first sample, which is read as it is.
      gain: [d] k.
      covariance: [d, d] of the error, after the sample.
    """

    row: Float[np.ndarray, " d"]
    difference: Float[np.ndarray, " d"]
    remembered: float
    gain: Float[np.ndarray, " d"]
    covariance: Float[np.ndarray, "d d"]


def _steps(law: GaussianLine, samples: int) -> Iterator[_Step]:
    """Run the recursion over T samples."""
    walk = _each(law, [law.walk_variances.get(order, 0.0) for order in law.variances], 0.0)
    covariance, last = np.diag(_priors(law)), np.zeros(len(walk))
    for t in range(samples):
        row = _row(law, t)
        # The prior is that of the first sample: there nothing has walked, and nothing is subtracted.
        remembered = law.noise_coefficient if t else 0.0
        moved = walk if t else np.zeros_like(walk)
        fresh = law.noise_variance * (1 - remembered**2)
        difference = row - remembered * last
        crossed = covariance @ difference + moved * row
        gain = crossed / (difference @ covariance @ difference + row @ (moved * row) + fresh)
        kept = np.eye(len(row)) - np.outer(gain, difference)
        stirred = np.eye(len(row)) - np.outer(gain, row)
        covariance = (
            kept @ covariance @ kept.T
            + (stirred * moved) @ stirred.T
            + fresh * np.outer(gain, gain)
        )
        last = row
        yield _Step(row, difference, remembered, gain, covariance)


def _row(law: GaussianLine, sample: int) -> np.ndarray:
    """Return h at a sample: cosine and sine of each harmonic of each line, and 1 if there is an offset."""
    orders, hz = np.array(list(law.variances)), np.array([law.hz, *law.others_hz])
    cycles = np.mod(np.outer(hz / law.sampling_rate_hz, orders).ravel() * sample, 1.0)
    pairs = np.stack([np.cos(2 * np.pi * cycles), np.sin(2 * np.pi * cycles)], axis=1)
    return np.append(pairs.ravel(), [1.0] * (law.offset_variance > 0))


def _each(law: GaussianLine, by_harmonic: Sequence[float], offset: float) -> np.ndarray:
    """Return values of every line's harmonics for each coefficient, and that of an offset."""
    sines = np.tile(np.repeat(by_harmonic, 2), law.lines)
    return np.append(sines, [offset] * (law.offset_variance > 0))


def _priors(law: GaussianLine) -> np.ndarray:
    return _each(law, list(law.variances.values()), law.offset_variance)


def _part_of_line(law: GaussianLine) -> np.ndarray:
    """Return 1 for the coefficients of the line that is estimated, and 0 for those of others."""
    row = np.zeros(len(_priors(law)))
    row[: 2 * len(law.variances)] = 1
    return row


def _check(law: GaussianLine) -> None:
    """Refuse a law out of range."""
    half = law.sampling_rate_hz / 2
    every = (law.hz, *law.others_hz)
    highest = max(law.variances, default=1) * max(every)
    walks = law.walk_variances
    for good, name, value, allowed in (
        (law.sampling_rate_hz > 0, "sampling_rate_hz", law.sampling_rate_hz, "above 0"),
        (law.hz > 0, "hz", law.hz, "above 0"),
        (
            min(every) > 0 and len(set(every)) == law.lines,
            "others_hz",
            law.others_hz,
            "above 0 and distinct, without hz",
        ),
        (highest < half, "hz", max(every), f"such that all harmonics are below {half:g} Hz"),
        (
            bool(law.variances) and all(k > 0 and v > 0 for k, v in law.variances.items()),
            "variances",
            law.variances,
            "positive orders with variances above 0",
        ),
        (law.noise_variance > 0, "noise_variance", law.noise_variance, "above 0"),
        (-1 < law.noise_coefficient < 1, "noise_coefficient", law.noise_coefficient, "in (−1, 1)"),
        (
            set(walks) <= set(law.variances) and all(v >= 0 for v in walks.values()),
            "walk_variances",
            walks,
            "0 or more, for orders of variances",
        ),
        (law.offset_variance >= 0, "offset_variance", law.offset_variance, "0 or more"),
    ):
        if not good:
            raise UserError(f"The law's {name} is {value}: it must be {allowed}.")
