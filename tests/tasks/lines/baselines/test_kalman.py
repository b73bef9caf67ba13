"""The extended Kalman filter against the Gaussian posterior, and against a filter in other coordinates."""

import numpy as np
import pytest
from scipy import signal

from freqjax.tasks.lines.baselines import Line, extended_kalman, kalman_bank

RATE = 100.0


def test_at_a_known_frequency_it_is_the_posterior_of_all_samples():
    line = Line(hz=5.0, sampling_rate_hz=RATE, harmonics=(1, 2), detuning=0.0)
    signals = np.random.default_rng(0).normal(size=(2, 90))
    found = extended_kalman(
        signals,
        line,
        frequency_walk=0.0,
        amplitude_walk=0.0,
        noise_variance=0.4,
        prior_variance=2.0,
    )
    angles = 2 * np.pi * np.arange(90)[:, None] * np.array([1, 2]) * 5 / RATE
    sines = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    design = np.column_stack([sines, np.ones(90)])
    for last in (0, 3, 40, 89):
        seen = design[: last + 1]
        precision = seen.T @ seen / 0.4 + np.eye(5) / 2
        posterior = np.linalg.solve(precision, seen.T @ signals[:, : last + 1].T / 0.4)
        np.testing.assert_allclose(found[:, last], sines[last] @ posterior[:4], atol=1e-9)


def textbook(signal, line, walks, noise, prior):
    """Run the filter on pairs that turn in a fixed frame, with Jacobians by central differences."""
    every = (line.hz, *line.others_hz)
    lines, orders = len(every), line.harmonics
    size = 1 + lines + 2 * lines * len(orders)
    pairs = range(lines, size - 1, 2)
    owners = [(number, order) for number in range(lines) for order in orders]

    def advance(x):
        y = x.copy()
        for k, (number, order) in zip(pairs, owners, strict=True):
            angle = 2 * np.pi * order * every[number] / line.sampling_rate_hz * (1 + x[number])
            c, s = np.cos(angle), np.sin(angle)
            y[k], y[k + 1] = c * x[k] + s * x[k + 1], c * x[k + 1] - s * x[k]
        return y

    row = np.zeros(size)
    row[[*pairs, size - 1]] = 1
    x, covariance = np.zeros(size), np.eye(size) * prior
    covariance[range(lines), range(lines)] = line.detuning**2 / 3
    found, power = np.empty(signal.size), 0.0
    for t, value in enumerate(signal):
        power += (value**2 - power) / (t + 1)
        jacobian = np.empty((size, size))
        for k in range(size):
            nudge = np.zeros(size)
            nudge[k] = 1e-5
            jacobian[:, k] = (advance(x + nudge) - advance(x - nudge)) / 2e-5
        stirred = np.zeros(size)
        stirred[:lines] = walks[0] ** 2 / line.period
        for k in pairs:
            strength = max(x[k] ** 2 + x[k + 1] ** 2, 0.01 * power)
            stirred[k : k + 2] = walks[1] ** 2 / line.period * strength
        x = advance(x)
        covariance = jacobian @ covariance @ jacobian.T + np.diag(stirred)
        gain = covariance @ row / (row @ covariance @ row + noise)
        x = x + gain * (value - row @ x)
        covariance = covariance - np.outer(gain, row @ covariance)
        own = slice(lines, lines + 2 * len(orders))
        found[t] = row[own] @ x[own]
    return found


@pytest.mark.parametrize("others", [(), (6.5, 3.0)])
def test_it_is_the_textbook_filter_in_other_coordinates(others):
    line = Line(5.0, RATE, harmonics=(1, 3), detuning=0.1, others_hz=others)
    seconds = np.arange(150) / RATE
    random = np.random.default_rng(1)
    clean = np.sin(2 * np.pi * 5.2 * seconds + 1) + 0.4 * np.sin(6 * np.pi * 5.2 * seconds)
    beside = sum(np.cos(2 * np.pi * 0.97 * hz * seconds) for hz in others)
    signals = clean[None] + beside + 0.3 + 0.2 * random.normal(size=(2, 150))
    walks = (2e-3, 0.05)
    found = extended_kalman(
        signals, line, frequency_walk=walks[0], amplitude_walk=walks[1], noise_variance=0.04,
        prior_variance=0.5,
    )  # fmt: skip
    for stream in range(2):
        wanted = textbook(signals[stream], line, walks, 0.04, 0.5)
        np.testing.assert_allclose(found[stream], wanted, atol=1e-6)


SLOWER = Line(hz=50.0, sampling_rate_hz=400.0)


def drifting(drift_hz=0.1, samples=2400, rate=400.0):
    """Return a line [T] of 50 Hz, detuned by 1.5 % and drifting."""
    seconds = np.arange(samples) / rate
    cycles = 50.75 * seconds + drift_hz * 4 / (2 * np.pi) * np.sin(2 * np.pi * seconds / 4)
    return np.sin(2 * np.pi * cycles + 0.4)


def relative(found, clean, first=800):
    """Return the power of the error over that of the line, after the start."""
    return np.square(found - clean)[..., first:].mean() / np.square(clean)[..., first:].mean()


def test_lines_beside_each_other_are_told_apart():
    clean = drifting(0.0, 4800)
    seconds = np.arange(4800) / 400
    signals = clean + 2 * np.sin(2 * np.pi * 55.5 * seconds)
    signals = signals + 0.3 * np.random.default_rng(3).normal(size=(2, 4800))
    line = SLOWER._replace(others_hz=(55.0,))
    for method in (extended_kalman, kalman_bank):
        assert relative(method(signals, line), clean, 2400) < 0.01
        assert relative(method(signals, SLOWER), clean, 2400) > 0.1


def test_frequency_and_noise_level_are_found_from_the_signal():
    clean = drifting()
    noise = 0.3 * np.random.default_rng(2).normal(size=(3, clean.size))
    assert relative(extended_kalman(clean + noise, SLOWER), clean) < 0.01
    assert relative(extended_kalman((clean + 5.0)[None], SLOWER), clean) < 1e-4


def test_a_gate_leaves_out_bursts_and_zeros_can_be_gaps():
    clean = drifting()
    random = np.random.default_rng(3)
    broken = clean + 0.1 * random.normal(size=(1, clean.size))
    for first in range(900, 2400, 300):
        broken[:, first : first + 20] += 30 * random.normal(size=20)
        broken[:, first + 150 : first + 200] = 0
    plain = relative(extended_kalman(broken, SLOWER), clean)
    gated = relative(extended_kalman(broken, SLOWER, gate=4.0), clean)
    whole = relative(extended_kalman(broken, SLOWER, gate=4.0, gaps=True), clean)
    assert whole < 0.5 * gated < 0.1 * plain
    assert whole < 0.02


def test_a_bank_of_filters_that_cannot_differ_is_one_filter():
    line = SLOWER._replace(detuning=0.0, frequency_drift=0.0, amplitude_drift=0.0)
    signals = drifting(samples=400) + np.random.default_rng(4).normal(size=(2, 400))
    np.testing.assert_allclose(
        kalman_bank(signals, line), extended_kalman(signals, line), atol=1e-9
    )


@pytest.mark.parametrize("drift_hz", [0.0, 0.3])
def test_the_bank_prefers_the_filter_that_fits_in_coloured_noise_too(drift_hz):
    """The noise is 2500 times less dense at the line than its power says."""
    clean = drifting(drift_hz)
    noise = np.random.default_rng(5).normal(size=(2, clean.size))
    signals = clean + np.asarray(signal.lfilter([0.1], [1.0, 1.8, 0.81], noise))
    fast = relative(extended_kalman(signals, SLOWER), clean)
    slow = relative(
        extended_kalman(signals, SLOWER, frequency_walk=1e-5, amplitude_walk=1e-3), clean
    )
    found = relative(kalman_bank(signals, SLOWER), clean)
    assert (slow < fast) == (drift_hz == 0)
    assert found < 1.25 * min(slow, fast)
    assert found < 0.7 * max(slow, fast)


@pytest.mark.parametrize(("drift", "walk"), [(0.01, 0.01 / np.sqrt(50)), (0.0, 0.0)])
def test_a_drift_that_is_known_sets_the_walks(drift, walk):
    clean = drifting(800)[None]
    known = Line(50.0, 400.0, frequency_drift=drift, amplitude_drift=3 * drift)
    given = extended_kalman(clean, Line(50.0, 400.0), frequency_walk=walk, amplitude_walk=3 * walk)
    np.testing.assert_array_equal(extended_kalman(clean, known), given)
