"""Estimators with fixed filters at the nominal frequency: the lock-in amplifier and the notch filter."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from freqjax.tasks.lines.baselines.line import Line, check, require_parameter, turned

# Order of the low-pass filter of a lock-in amplifier.
_ORDER = 2


def lock_in(
    signals: Float[np.ndarray, "N T"], line: Line, *, width: float = 0.15
) -> Float[np.ndarray, "N T"]:
    """Demodulate each harmonic at its nominal frequency, filter by a low-pass, and modulate it again.

    The low-pass is a causal Butterworth filter of order 2.

    Args:
      signals: [N, T].
      line: what is known of it.
      width: cutoff of the low-pass (half of its power), as a share of the line's frequency.

    Raises:
      UserError: the line, a sample or the width is not allowed.
    """
    from scipy import signal  # takes a second to import

    check(signals, line)
    highest = line.period / 2
    require_parameter(0 < width < highest, "width", width, f"above 0 and below {highest:g}")
    low_pass = np.asarray(
        signal.butter(_ORDER, width * line.hz, fs=line.sampling_rate_hz, output="sos")
    )
    total = np.zeros(signals.shape)
    for order in line.harmonics:
        carrier = turned(line, order, 0, signals.shape[1])
        baseband = np.asarray(signal.sosfilt(low_pass, 2 * signals * carrier.conj()[None]))
        total += np.real(baseband * carrier[None])
    return total


def notch(
    signals: Float[np.ndarray, "N T"], line: Line, *, quality: float = 3.0
) -> Float[np.ndarray, "N T"]:
    """Subtract from the input the output of notch filters, one a harmonic, in cascade.

    Args:
      signals: [N, T].
      line: what is known of it.
      quality: Q, the frequency of each notch over its width at half of the power.

    Raises:
      UserError: the line, a sample or Q is not allowed.
    """
    from scipy import signal  # takes a second to import

    check(signals, line)
    require_parameter(quality > 0, "quality", quality, "above 0")
    rest = signals
    for order in line.harmonics:
        above, below = signal.iirnotch(order * line.hz, quality, line.sampling_rate_hz)
        rest = np.asarray(signal.lfilter(above, below, rest))
    return signals - rest
