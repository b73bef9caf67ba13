"""Recursive least squares against least squares from the start at each sample."""

import math

import numpy as np
import pytest

from freqjax.tasks.lines.baselines import Line, harmonic_regression

LINE = Line(hz=5.0, sampling_rate_hz=80.0, harmonics=(1, 2))


def solved(signal, window, trend):
    """Return the line at the last sample by weighted least squares of all samples."""
    t = np.arange(signal.size)
    angles = 2 * np.pi * t[:, None] * np.array([1, 2]) * LINE.hz / LINE.sampling_rate_hz
    sines = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    design = np.column_stack([sines, np.ones(t.size), *([t] if trend else [])])
    weight = np.exp(-(t[-1] - t) / (2 * window * LINE.period))
    fitted = np.linalg.lstsq(design * weight[:, None], signal * weight, rcond=None)[0]
    return sines[-1] @ fitted[:4]


@pytest.mark.parametrize("window", [2.0, math.inf])
@pytest.mark.parametrize("trend", [False, True])
def test_the_recursion_is_least_squares_on_a_growing_window(window, trend):
    signals = np.random.default_rng(0).normal(size=(2, 120))
    found = harmonic_regression(signals, LINE, window=window, trend=trend)
    for stream in range(2):
        for last in (30, 31, 77, 119):
            wanted = solved(signals[stream, : last + 1], window, trend)
            assert found[stream, last] == pytest.approx(wanted, abs=1e-5)


def test_offset_and_trend_of_any_size_are_not_taken_for_the_line():
    seconds = np.arange(800) / 80
    clean = np.sin(2 * np.pi * 5 * seconds + 1) + 0.3 * np.sin(2 * np.pi * 10 * seconds)
    found = harmonic_regression((clean + 200 - 30 * seconds)[None], LINE, window=5.0)[0]
    np.testing.assert_allclose(found[200:], clean[200:], atol=1e-4)


def test_other_lines_are_fitted_and_left_out():
    seconds = np.arange(1600) / 80
    clean = np.sin(2 * np.pi * 5 * seconds + 1) + 0.3 * np.sin(2 * np.pi * 10 * seconds)
    beside = 4 * np.cos(2 * np.pi * 5.5 * seconds) + np.sin(2 * np.pi * 22 * seconds + 2)
    line = LINE._replace(others_hz=(5.5, 11.0))
    found = harmonic_regression((clean + beside)[None], line, window=np.inf)[0]
    np.testing.assert_allclose(found[400:], clean[400:], atol=1e-4)
    alone = harmonic_regression((clean + beside)[None], LINE, window=np.inf)[0]
    assert np.abs(alone[400:] - clean[400:]).max() > 0.1


def test_a_long_recursion_stays_least_squares():
    """Only the last windows count, however many have gone by."""
    signal = np.random.default_rng(1).normal(size=20_000)
    found = harmonic_regression(signal[None], LINE, window=2.0)[0]
    # A whole second of the design, so that its phases are those of sample 0.
    recent = signal[-32 * 80 :]
    assert found[-1] == pytest.approx(solved(recent, 2.0, True), abs=1e-6)
    assert np.abs(found[100:]).max() < 20
