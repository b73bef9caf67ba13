"""Verdict on an extraction: how much of the line at the selected frequency is left in the residual.

The spectra of recording and residual are averaged over Hann-windowed segments of 200 periods, or of eight of
the difference from the nearest other component of the task, if that is longer. The power of a line is that
within 5 % of the selected frequency, or within the detuning of the task if that is wider, at most halfway to
another component (or two bins, in a recording that is too short for that), less the power of the noise there,
which is the median of the recording's bins on both sides. The share of the recording's line that the residual
has is what is left. The coherence of the network's output with the recording at the line, |S_xy|² / (S_xx
S_yy), tells whether the output keeps its phase to the line by itself. A complex signal is judged at positive
frequencies: a line at a negative one is another line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Inexact

from freqjax.deploy.extraction.lines import CORRELATED_BINS, nearest_hz, reach_hz
from freqjax.tasks.extraction.periods import frequency

# Periods of the line in a segment: 20 bins within 5 % of its frequency, either side taken together. Periods
# of the difference from the nearest other component: four bins on each side of the line are nearer to it.
_PERIODS, _BEATS = 200, 8
_FEWEST, _MOST = 64, 1 << 20
# The noise is measured from where the line's band ends to this share of the frequency, to twice the band, or
# so many bins more.
_FLANK, _FLANK_BINS = 0.15, 8
# Bins to either side over which a Hann window spreads a line.
_SPREAD = 2
# A line stands above the noise if noise has such a peak with less than this probability, and by this factor.
_FALSE_LINE, _LEAST_FACTOR = 1e-3, 3.0
# Shares of the line's power that may be left in an output that is good, or of some use.
TAKEN_OUT, WEAKENED = 0.1, 0.3
# With fewer segments the coherence of any two signals is high.
_FEWEST_SEGMENTS = 4


class Verdict(NamedTuple):
    """Judgement of what an extraction did to a line.

    Attributes:
      stands: whether the recording has a line there that stands above the noise.
      left: share of the line's power that the residual has; nan without a line.
      resolution: the least share that the noise lets be told from 0.
      coherence: of the network's output with the recording at the line; None if the recording is too short.
      reach_hz: half of the band, Hz.
      selected_hz: the selected frequency.
    """

    stands: bool
    left: float
    resolution: float
    coherence: float | None
    reach_hz: float
    selected_hz: float

    @property
    def words(self) -> str:
        """Return the verdict as a clause without a full stop."""
        if not self.stands:
            reach = self.reach_hz / self.selected_hz
            return (
                f"no line within ±{100 * reach:.2g} % of {frequency(self.selected_hz)} stands above the "
                "noise: what was written is noise"
            )
        shown = max(self.left, self.resolution)
        less = "less than " if self.left < self.resolution else ""
        share = f"{less}{percent(shown)} of its power is left"
        if shown <= TAKEN_OUT:
            return f"the line was taken out: {share}"
        if shown <= WEAKENED:
            return f"the line was weakened: {share}"
        if self.left < self.resolution:
            return f"the line hardly stands above the noise: {share}, as far as can be told"
        return f"{percent(shown)} of the line's power is left: do not use this output"


def percent(share: float) -> str:
    """Format a share as a percentage with two digits, such as 0.31 % or 140 %."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %" if value >= 0.01 else "0.01 %"


class NearLine(NamedTuple):
    """Amplitude spectra around a line, [m] each: a sine of amplitude a has a peak of height a."""

    hz: Float[np.ndarray, " m"]
    recording: Float[np.ndarray, " m"]
    component: Float[np.ndarray, " m"]
    residual: Float[np.ndarray, " m"]


class Segments:
    """Averaged spectra of recording, component, residual and output about a line, added in chunks."""

    def __init__(
        self,
        selected_hz: float,
        sampling_rate: float,
        others_hz: Sequence[float] = (),
        detuning: float = 0.0,
    ) -> None:
        """Choose segments for the line `selected_hz` of signals at `sampling_rate`, both Hz.

        Args:
          selected_hz: frequency of the line.
          sampling_rate: of the signals.
          others_hz: of the other components of the task, which are no noise.
          detuning: as in `lines.reach_hz`.
        """
        self._hz, self._rate, self._others = selected_hz, sampling_rate, tuple(others_hz)
        self._reach = reach_hz(selected_hz, others_hz, detuning)
        seconds = max(_PERIODS / selected_hz, _BEATS / nearest_hz(selected_hz, others_hz))
        self._length = round(min(max(seconds * sampling_rate, _FEWEST), _MOST))
        self._parts: list[np.ndarray] = []
        self._held = 0
        self._powers, self._cross, self._count = np.zeros(0), np.zeros(0, complex), 0
        self._bins, self._used = np.zeros(0), self._length

    def add(
        self,
        recording: Inexact[np.ndarray, " n"],
        component: Inexact[np.ndarray, " n"],
        residual: Inexact[np.ndarray, " n"],
        output: Inexact[np.ndarray, " n"],
    ) -> None:
        """Add the next samples [n] of each signal."""
        samples = np.stack([recording, component, residual, output])
        samples = samples.astype(np.result_type(samples, np.float64))
        while samples.shape[1]:
            part = samples[:, : self._length - self._held]
            samples = samples[:, part.shape[1] :]
            self._parts.append(part)
            self._held += part.shape[1]
            if self._held == self._length:
                self._average(np.concatenate(self._parts, axis=1))
                self._parts, self._held = [], 0

    def finish(self) -> None:
        """End the signals: of less than one segment, what there is becomes one."""
        if not self._count:
            signals = np.concatenate([*self._parts, np.zeros((4, 0))], axis=1)
            self._used = max(signals.shape[1], 16)
            self._average(np.pad(signals, ((0, 0), (0, self._used - signals.shape[1]))))
        self._parts = []

    def _average(self, signals: Inexact[np.ndarray, "4 L"]) -> None:
        """Add the spectra of a segment near the line."""
        length = signals.shape[1]
        window = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
        centred = signals - np.average(signals, axis=1, weights=window)[:, None]
        near = self._near(length)
        if np.iscomplexobj(signals):
            spectra = np.fft.fft(window * centred, axis=1)[:, near] / window.sum()
        else:
            spectra = 2 * np.fft.rfft(window * centred, axis=1)[:, near] / window.sum()
        powers, cross = np.square(np.abs(spectra)), spectra[3] * np.conj(spectra[0])
        first = self._count == 0
        self._powers = powers if first else self._powers + powers
        self._cross = cross if first else self._cross + cross
        self._bins, self._count = near, self._count + 1

    def _near(self, length: int) -> np.ndarray:
        """Return the bins of a segment from which line and noise are measured."""
        centre, bins = self._hz * length / self._rate, np.arange(1, length // 2 + 1)
        return bins[np.abs(bins - centre) <= self._band(length) + self._flank(length)]

    def _band(self, length: int) -> float:
        """Return half of the line's band, in bins."""
        return max(self._reach * length / self._rate, _SPREAD + 0.01)

    def _flank(self, length: int) -> float:
        end = max(_FLANK * self._hz, 2 * self._reach)
        return max((end - self._reach) * length / self._rate, _FLANK_BINS)

    def spectra(self) -> NearLine:
        """Return the amplitude spectra about the line."""
        recording, component, residual, _ = np.sqrt(self._powers / self._count)
        return NearLine(self._bins * self._rate / self._used, recording, component, residual)

    def verdict(self) -> Verdict:
        """Judge the extraction; `finish` has been called."""
        recording, _, residual, output = self._powers / self._count
        step = self._rate / self._used
        away = np.abs(self._bins - self._hz / step)
        band = away <= self._band(self._used)
        reach = float(self._band(self._used) * step)
        beside = ~band
        for other in self._others:
            if abs(other - self._hz) / step > self._band(self._used):
                beside &= np.abs(self._bins - other / step) > _SPREAD
        if not np.any(band) or not recording[band].max() > 0:
            return Verdict(False, np.nan, np.nan, None, reach, self._hz)
        beside = beside if np.any(beside) else ~band
        # The median of the mean of K exponential powers, by Wilson and Hilferty.
        median = (1 - 1 / (9 * self._count)) ** 3
        noise = float(np.median(recording[beside])) / median if np.any(beside) else 0.0
        noise = max(noise, 1e-14 * float(recording[band].max()))
        count, peak = int(np.count_nonzero(band)), int(np.argmax(np.where(band, recording, -1)))
        from scipy.special import gammaincc  # scipy takes a moment to import

        factor = float(recording[peak]) / noise
        chance = count * float(gammaincc(self._count, self._count * factor))
        line = float(recording[band].sum()) - count * noise
        stands = chance < _FALSE_LINE and factor > _LEAST_FACTOR and line > 0
        if not stands:
            return Verdict(False, np.nan, np.nan, None, reach, self._hz)
        left = max(0.0, float(residual[band].sum()) - count * noise) / line
        # Two standard deviations of the noise's power in the band.
        doubt = 2 * noise * np.sqrt(CORRELATED_BINS * count / self._count) / line
        coherence = None
        if self._count >= _FEWEST_SEGMENTS and output[peak] > 0:
            mean = np.abs(self._cross[peak] / self._count) ** 2
            coherence = float(mean / (recording[peak] * output[peak]))
        return Verdict(True, left, float(doubt), coherence, reach, self._hz)
