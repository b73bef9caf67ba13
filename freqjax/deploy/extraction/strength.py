"""Strength of components in a recording, from the outputs of a network.

A network whose targets have the strength of the component answers in the units of its input: its output is
divided by the gain. A network of unit targets estimates frequency and phase alone. Its output y, and y turned
by a quarter of a period, q, are fitted to the recording by weighted least squares, so that the component is
a y + b q. The fit is made over stretches of 50 periods of the slowest selected component, under a Hann
window, and the components of consecutive stretches, which overlap by half, are faded into each other. It thus
follows a strength that changes over many periods, and also takes out a line that differs from the output by
less than about 1 % of its frequency. It needs the recording up to one and a half stretches ahead, and no more
memory than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Inexact

# Periods of the slowest component in a stretch.
_PERIODS = 50
_FEWEST, _MOST = 64, 1 << 20
# Singular values below this share of the largest are 0: an output of zeros has no strength.
_SINGULAR = 1e-9


class Piece(NamedTuple):
    """Consecutive samples at the network's rate.

    Attributes:
      signal: the recording; with I/Q it is complex, and so are the others.
      outputs: of the network.
      components: in the recording's units.
    """

    signal: Inexact[np.ndarray, "n C"]
    outputs: Inexact[np.ndarray, "n C G"]
    components: Inexact[np.ndarray, "n C G"]


class Strength(Protocol):
    """Way to turn outputs into components."""

    def add(
        self, signal: Inexact[np.ndarray, "n C"], outputs: Inexact[np.ndarray, "n C G"]
    ) -> Iterator[Piece]:
        """Take the next samples, and yield those whose components are known."""
        ...

    def finish(self) -> Iterator[Piece]:
        """Yield the samples that remain."""
        ...


class Scaled:
    """Outputs divided by the gains of their channels."""

    def __init__(self, gains: Float[np.ndarray, " C"]) -> None:
        """Store the gains."""
        self._gains = gains

    def add(
        self, signal: Inexact[np.ndarray, "n C"], outputs: Inexact[np.ndarray, "n C G"]
    ) -> Iterator[Piece]:
        """Yield the samples at once."""
        yield Piece(signal, outputs, outputs / self._gains[None, :, None])

    def finish(self) -> Iterator[Piece]:
        """Yield nothing, since nothing is held back."""
        return iter(())


class Fitted:
    """Outputs of unit strength fitted to the recording, stretch by stretch."""

    def __init__(self, selected_hz: Sequence[float], sampling_rate: float) -> None:
        """Choose stretches for components of `selected_hz` at `sampling_rate`, Hz."""
        self._cycles = [hz / sampling_rate for hz in selected_hz]
        self._hop = round(min(max(_PERIODS / min(self._cycles), _FEWEST), _MOST) / 2)
        rising = np.sin(np.pi / 2 * (np.arange(self._hop) + 0.5) / self._hop) ** 2
        self._rising = rising[:, None, None]
        self._held: tuple[np.ndarray, np.ndarray] | None = None
        self._fading: np.ndarray | None = None

    def add(
        self, signal: Inexact[np.ndarray, "n C"], outputs: Inexact[np.ndarray, "n C G"]
    ) -> Iterator[Piece]:
        """Yield the samples of stretches that are complete."""
        held, hop = self._held, self._hop
        if held is not None:
            signal = np.concatenate([held[0], signal])
            outputs = np.concatenate([held[1], outputs])
        first = 0
        # One that is followed by less than half a stretch is left for the end, which takes all of it.
        while len(signal) - first >= 3 * hop:
            stretch = slice(first, first + 2 * hop)
            components = self._faded(fit(signal[stretch], outputs[stretch], self._cycles))
            own = slice(first, first + hop)
            yield Piece(signal[own], outputs[own], components[:hop])
            self._fading = components[hop:]
            first += hop
        self._held = (signal[first:], outputs[first:])

    def finish(self) -> Iterator[Piece]:
        """Yield the samples of the last stretch, which is at most half as long again as the others."""
        if self._held is not None and len(self._held[0]):
            signal, outputs = self._held
            yield Piece(signal, outputs, self._faded(fit(signal, outputs, self._cycles)))
        self._held = None

    def _faded(self, components: np.ndarray) -> np.ndarray:
        """Fade the stretch before into the first half of `components`."""
        if self._fading is not None:
            mixed = self._rising * components[: self._hop] + (1 - self._rising) * self._fading
            components = np.concatenate([mixed, components[self._hop :]])
        return components


def fit(
    signal: Inexact[np.ndarray, "n C"],
    outputs: Inexact[np.ndarray, "n C G"],
    cycles: Sequence[float],
) -> Inexact[np.ndarray, "n C G"]:
    """Fit outputs of unit strength to a signal in amplitude and phase, with a constant beside them.

    A complex factor sets both of a complex output; of a real one it is also turned by a quarter of a period.

    Args:
      signal: C channels.
      outputs: of G components.
      cycles: of each component, per sample.

    Returns:
      The components.
    """
    count, groups = len(signal), outputs.shape[2]
    window = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2
    turns = not np.iscomplexobj(outputs)
    components = np.empty(outputs.shape, float if turns else complex)
    for channel in range(signal.shape[1]):
        centred = outputs[:, channel].astype(components.dtype)
        centred = centred - np.average(centred, axis=0, weights=window)
        turned = [quadrature(centred[:, g], cycles[g]) for g in range(groups) if turns]
        basis = np.column_stack([centred, *turned, np.ones(count)])
        weighted = np.conj(basis * window[:, None])
        weights = np.linalg.lstsq(weighted.T @ basis, weighted.T @ signal[:, channel], _SINGULAR)[0]
        components[:, channel] = weights[:groups] * centred
        if turns:
            components[:, channel] += weights[groups:-1] * basis[:, groups:-1]
    return components


def quadrature(samples: Float[np.ndarray, " n"], cycles: float) -> Float[np.ndarray, " n"]:
    """Turn a sine of about `cycles` per sample by a quarter of a period: cos φ → sin φ.

    With d about a quarter of a period, ω = 2π · cycles and y = cos φ, y(t ± d) = cos(φ ± ω d), so that
    sin φ = (y(t - d) - y(t + d)) / (2 sin ω d); at the ends it follows from y(t) and the one neighbour.
    An error of the frequency has no effect to first order where ω d is a right angle.
    """
    lag = max(1, round(0.25 / cycles))
    if len(samples) <= 2 * lag:
        return np.zeros(len(samples))
    sine, cosine = np.sin(2 * np.pi * cycles * lag), np.cos(2 * np.pi * cycles * lag)
    turned = np.empty(len(samples))
    turned[lag:-lag] = (samples[: -2 * lag] - samples[2 * lag :]) / (2 * sine)
    turned[:lag] = (samples[:lag] * cosine - samples[lag : 2 * lag]) / sine
    turned[-lag:] = (samples[-2 * lag : -lag] - samples[-lag:] * cosine) / sine
    return turned
