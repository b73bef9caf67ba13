"""The adaptive notch filter against the closed form of its loop."""

import numpy as np

from freqjax.tasks.lines.baselines import Line, adaptive_notch

RATE = 1000.0


def test_a_step_of_the_frequency_is_followed_with_critical_damping():
    """The phase is behind by ν t exp(−kt/4) after a step of ν rad/s, where γ = k²/8."""
    seconds = np.arange(5000) / RATE
    since = seconds - 2.5
    phase = 2 * np.pi * (50 * seconds + 0.2 * np.maximum(since, 0))
    found = adaptive_notch(
        np.sin(phase)[None], Line(50.0, RATE, detuning=0.05), width=0.02, tracking=1.0
    )[0]
    periods = found * np.exp(-1j * phase)
    # A mean over a period removes what turns at twice the frequency.
    behind = -np.angle(1j * np.convolve(periods, np.full(20, 0.05), "same"))
    after = slice(2600, 4900)
    gain = 2 * 0.02 * 2 * np.pi * 50
    wanted = 2 * np.pi * 0.2 * since * np.exp(-gain * since / 4)
    assert wanted[after].max() > 0.14
    np.testing.assert_allclose(behind[after], wanted[after], atol=0.015)


def test_a_detuned_line_with_harmonics_and_an_offset_is_found():
    seconds = np.arange(4000) / RATE
    clean = sum((np.sin(2 * np.pi * 50.8 * h * seconds + h) / h for h in (1, 3)), 0 * seconds)
    signal = clean + 2.0
    line = Line(50.0, RATE, (1, 3))
    found = adaptive_notch(signal[None], line, width=0.02, tracking=1.0)[0]
    assert np.abs(found - clean)[3000:].max() < 0.02
    fixed = adaptive_notch(signal[None], line, width=0.02, tracking=0.0)[0]
    assert np.abs(fixed - clean)[3000:].max() > 0.3
