"""Spectra of a page: the power of each series of a trace, in few enough bins to draw.

Axes: T samples, K bins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from freqjax.page.traces import Trace

_MOST_BINS = 1_500
# dB below the strongest bin, under which nothing is drawn.
FLOOR = -100.0


class Spectrum(NamedTuple):
    """Power of the series of a trace.

    Attributes:
      cycles: [K], in a unit of time.
      power: name of a series → [K] dB of the strongest bin of the trace.
    """

    cycles: Float[np.ndarray, " K"]
    power: dict[str, Float[np.ndarray, " K"]]


def spectrum_of(trace: Trace, rate: float) -> Spectrum:
    """Return the power under a Hann window, without the mean; of bins that share a place, the strongest.

    Args:
      trace: the signals.
      rate: samples in a unit of time.
    """
    length = len(trace.series[0].integers)
    window = np.hanning(length + 2)[1:-1]
    power = {
        s.name: np.square(np.abs(np.fft.rfft(window * s.integers * s.scale))) for s in trace.series
    }
    most = max(*(values.max() for values in power.values()), np.finfo(float).tiny)
    bins = length // 2 + 1
    # The axis is logarithmic: slow bins stand alone, fast ones share a place.
    starts = np.unique(np.geomspace(1, bins, _MOST_BINS, endpoint=False).astype(int))
    decibels = {}
    for name, values in power.items():
        strongest = np.maximum.reduceat(values, starts) / most
        decibels[name] = 10 * np.log10(np.maximum(strongest, 10 ** (FLOOR / 10)))
    # The middle of the bins that share a place.
    middles = (starts + np.append(starts[1:], bins) - 1) / 2
    return Spectrum(middles * rate / length, decibels)
