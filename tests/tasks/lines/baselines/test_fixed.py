"""Lock-in amplifier and notch filter against closed forms of their responses."""

import numpy as np

from freqjax.tasks.lines.baselines import Line, lock_in, notch

RATE = 1000.0


def response(estimator, samples=8192):
    """Return frequencies, rad a sample, and the transfer function, from the response to an impulse."""
    impulse = np.zeros((1, samples))
    impulse[0, 0] = 1
    return 2 * np.pi * np.fft.rfftfreq(samples), np.fft.rfft(estimator(impulse)[0])


def test_a_line_that_begins_is_followed_by_the_step_response_of_the_low_pass():
    """That of a Butterworth filter of order 2 with cutoff ω is 1 − √2 exp(−ωt/√2) sin(ωt/√2 + π/4)."""
    line = Line(hz=50.0, sampling_rate_hz=RATE)
    seconds = np.arange(3000) / RATE
    clean = 0.7 * np.sin(2 * np.pi * 50 * seconds + 1.1)
    found = lock_in(clean[None], line, width=0.02)[0]
    turned = 2 * np.pi * (0.02 * 50) * seconds / np.sqrt(2)
    grown = 1 - np.sqrt(2) * np.exp(-turned) * np.sin(turned + np.pi / 4)
    np.testing.assert_allclose(found, grown * clean, atol=6e-3)


def test_the_lock_in_finds_every_harmonic_by_its_own():
    seconds = np.arange(4000) / RATE
    parts = [np.sin(2 * np.pi * 50 * h * seconds + h) / h for h in (1, 3)]
    clean = parts[0] + parts[1]
    found = lock_in(clean[None], Line(50.0, RATE, (1, 3)), width=0.02)[0]
    np.testing.assert_allclose(found[3000:], clean[3000:], atol=1e-3)
    alone = lock_in(clean[None], Line(50.0, RATE), width=0.02)[0]
    np.testing.assert_allclose(alone[3000:], parts[0][3000:], atol=1e-3)


def test_the_notch_leaves_what_the_closed_form_says():
    """The filter is (cos w − cos w₀) / ((cos w − cos w₀) + i τ sin w), τ = tan(w₀ / 2Q); in cascade."""
    line = Line(hz=50.0, sampling_rate_hz=RATE, harmonics=(1, 3))
    w, found = response(lambda signals: notch(signals, line, quality=8.0))
    passed = np.ones(w.size, complex)
    for order in line.harmonics:
        at = 2 * np.pi * order * 50 / RATE
        away = np.cos(w) - np.cos(at)
        passed *= away / (away + 1j * np.tan(at / 16) * np.sin(w) + 1e-300)
    np.testing.assert_allclose(found[1:-1], 1 - passed[1:-1], atol=1e-9)


def test_the_notch_takes_the_whole_line_and_half_the_power_at_the_edge_of_its_width():
    line = Line(hz=100.0, sampling_rate_hz=RATE)
    w, found = response(lambda signals: notch(signals, line, quality=10.0), 10_000)
    gain = dict(zip(np.rint(w * RATE / (2 * np.pi) * 10), np.abs(found) ** 2, strict=True))
    assert abs(gain[1000] - 1) < 1e-9
    assert abs(gain[950] - 0.5) < 0.02
    assert abs(gain[1050] - 0.5) < 0.02
    assert gain[3000] < 1e-2
