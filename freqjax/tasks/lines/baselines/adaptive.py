"""An adaptive notch filter: resonators that follow the frequency of the line.

Each harmonic is a second-order generalized integrator: a state z that turns with the frequency ω̂ found so
far and is driven by the error e of the sum of all, here turned exactly in discrete time:

    z_h ← exp(i h ω̂ Δ) z_h + k Δ e,   e = u − Σ_h Re z_h − offset.

The frequency is moved by a frequency-locked loop, the correlation of the error with the quadrature of the
fundamental over the power of the fundamental:

    ω̂ ← ω̂ − γ Δ e Im z_1 / |z_1|².

Averaged over a period, an error δ of the phase obeys δ'' + (k/2) δ' + (γ/2) δ = 0, so that γ = k²/8 is the
critical damping. One resonator is the adaptive notch filter of Mojiri & Bakhshai, "An adaptive notch filter
for frequency estimation of a periodic signal", IEEE Trans. Automatic Control 49(2), 2004; the parallel
resonators with one loop are the multiresonant frequency-locked loop of Rodríguez et al., "Multiresonant
frequency-locked loop for grid synchronization of power converters under distorted grid conditions", IEEE
Trans. Industrial Electronics 58(1), 2011.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from freqjax.tasks.lines.baselines.line import Line, check, require_parameter

# The fundamental's power counts as no less than this share of the input's power, in the gain of the loop.
_LEAST_SHARE = 0.01
# Share of the nominal frequency by which ω̂ may leave the range of the detuning.
_MARGIN = 0.005


def adaptive_notch(
    signals: Float[np.ndarray, "N T"],
    line: Line,
    *,
    width: float = 0.02,
    tracking: float = 2.0,
) -> Float[np.ndarray, "N T"]:
    """Follow the line with resonators, one a harmonic, and a frequency-locked loop.

    Args:
      signals: [N, T].
      line: what is known of it; ω̂ stays in the range of its detuning.
      width: half-width of the resonators, k/2, as a share of the line's frequency.
      tracking: gain γ of the loop over that of critical damping; with 0 the frequency is the nominal one.

    Raises:
      UserError: the line, a sample or a parameter is not allowed.
    """
    check(signals, line)
    require_parameter(0 < width < 1, "width", width, "above 0 and below 1")
    require_parameter(tracking >= 0, "tracking", tracking, "0 or more")
    streams, samples = signals.shape
    gain = 2 * width * line.step
    loop = tracking * gain**2 / 8
    widest = line.step * (line.detuning + _MARGIN)
    lowest, highest = line.step - widest, line.step + widest
    orders = 1j * np.array(line.harmonics, float)[:, None]
    powers = _LEAST_SHARE * np.cumsum(signals**2, axis=1).T / np.arange(1, samples + 1)[:, None]
    state, offset = np.zeros((len(orders), streams), complex), np.zeros(streams)
    omega, estimates = np.full(streams, line.step), np.empty((samples, streams))
    tiny = np.finfo(float).tiny
    for t, sample in enumerate(np.ascontiguousarray(signals.T)):
        state *= np.exp(orders * omega[None])
        error = sample - np.real(state).sum(axis=0) - offset
        fundamental = state[0]
        power = np.maximum(fundamental.real**2 + fundamental.imag**2, powers[t]) + tiny
        omega = np.clip(omega - loop * error * fundamental.imag / power, lowest, highest)
        state += gain * error[None]
        offset += 0.5 * gain * error
        estimates[t] = np.real(state).sum(axis=0)
    return estimates.T
