"""The noise level beside a line against the density of the law."""

import numpy as np
from scipy import signal

from freqjax.tasks.lines.baselines import Line
from freqjax.tasks.lines.baselines.noise_level import noise_level

LINE = Line(hz=50.0, sampling_rate_hz=1000.0)


def test_the_level_is_the_density_of_the_noise_at_the_line():
    """White, and autoregressive noise whose density at 50 Hz is a 19th of that of its power."""
    white = 0.3 * np.random.default_rng(0).normal(size=(4, 8000))
    coloured = np.asarray(signal.lfilter([1.0], [1.0, 0.9], white))
    density = 0.09 / abs(1 + 0.9 * np.exp(-2j * np.pi * 0.05)) ** 2
    assert density * 15 < coloured.var()
    for noise, wanted in ((white, 0.09), (coloured, density)):
        level = noise_level(noise, LINE, 25.0)[:, 2000:]
        assert abs(level.mean() / wanted - 1) < 0.15
        assert level.std() / wanted < 0.5


def test_neither_the_line_at_any_detuning_nor_an_offset_is_taken_for_noise():
    seconds = np.arange(4000) / 1000
    for hz in (49.0, 50.0, 51.0):
        clean = np.sin(2 * np.pi * hz * seconds) + 3.0
        assert noise_level(clean[None], LINE, 25.0)[0, 3000:].max() < 1e-4


def test_a_line_near_half_of_the_sampling_rate_has_a_band_below_it():
    line = Line(hz=400.0, sampling_rate_hz=1000.0)
    noise = np.random.default_rng(1).normal(size=(2, 4000))
    assert abs(noise_level(noise, line, 100.0)[:, 2000:].mean() - 1) < 0.15
