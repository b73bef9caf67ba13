"""Amplitude spectrum of a signal that arrives in chunks, in constant memory.

Welch's method (1967) without overlap: the power of windowed segments is averaged. A sine of amplitude a has
a line of height a, as has a complex exponential of amplitude a in the spectrum of a complex signal, and the
variance of the noise floor falls with the number of segments.
"""

from __future__ import annotations

import numpy as np

# Periods of the slowest line in a segment: enough to resolve lines a quarter of its frequency apart.
_PERIODS = 20
_FEWEST, _MOST = 256, 1 << 18


class Spectrum:
    """Averaged power of all complete segments, or of the first one while it is incomplete."""

    def __init__(self, slowest_hz: float, sampling_rate: float) -> None:
        """Choose segments for lines from `slowest_hz` on, of a signal at `sampling_rate`, both Hz."""
        wanted = min(_PERIODS * sampling_rate / slowest_hz, _MOST)
        self._length = max(_FEWEST, 1 << int(np.ceil(np.log2(wanted))))
        self._rate, self._parts, self._held = sampling_rate, [], 0
        self._power, self._segments = np.zeros(()), 0
        self._is_complex = False

    def add(self, samples: np.ndarray) -> None:
        """Add the next samples [n]."""
        self._is_complex = np.iscomplexobj(samples)
        while len(samples):
            part = samples[: self._length - self._held]
            samples = samples[len(part) :]
            self._parts.append(np.array(part, np.result_type(part, np.float64)))
            self._held += len(part)
            if self._held == self._length:
                self._power = self._power + np.square(_amplitude(np.concatenate(self._parts)))
                self._segments += 1
                self._parts, self._held = [], 0

    def amplitude(self) -> tuple[np.ndarray, np.ndarray]:
        """Return frequencies, Hz, and amplitudes, in the unit of the signal.

        Both are [length // 2 + 1], or of a complex signal [length], from the lowest negative frequency on.
        """
        if self._segments:
            amplitude, length = np.sqrt(self._power / self._segments), self._length
        else:
            parts = np.concatenate([*self._parts, np.zeros(0)])
            length = max(len(parts), 2)
            amplitude = _amplitude(np.pad(parts, (0, length - len(parts))))
        if self._is_complex:
            return np.fft.fftshift(np.fft.fftfreq(length, 1 / self._rate)), amplitude
        return np.fft.rfftfreq(length, 1 / self._rate), amplitude


def _amplitude(segment: np.ndarray) -> np.ndarray:
    """Compute amplitudes under a Hann window, mean removed."""
    window = np.sin(np.pi * (np.arange(len(segment)) + 0.5) / len(segment)) ** 2
    centred = segment - np.average(segment, weights=window)
    if np.iscomplexobj(segment):
        return np.fft.fftshift(np.abs(np.fft.fft(window * centred))) / window.sum()
    return 2 * np.abs(np.fft.rfft(window * centred)) / window.sum()
