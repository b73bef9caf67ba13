"""The general law of lines, against closed forms and statistics of its draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from freqjax.tasks.lines.config import LinesConfig
from freqjax.tasks.lines.noise import noise_source
from freqjax.tasks.lines.synthesis import synthesize

QUIET = {"snr_range": (200.0, 200.0), "normalize": False}


def draw(count=64, seed=0, present=None, **fields):
    """Draw recordings: signals [N, T, C] and lines [N, F, T, C], float64."""
    config = LinesConfig(**{"duration": 1.0, **fields})
    if present is None:
        present = jnp.ones((count, len(config.frequencies)))
    make = jax.jit(lambda key: synthesize(config, noise_source(config), key, count, present))
    return [np.asarray(a, np.float64) for a in make(jax.random.key(seed))]


def fitted(wave, hz, rate=1000.0):
    """Fit cosine and sine of `hz` to waves [N, T]: complex amplitudes [N] and residual powers [N]."""
    angle = 2 * np.pi * hz * np.arange(wave.shape[1]) / rate
    design = np.stack([np.cos(angle), -np.sin(angle)], axis=1)
    found, *_ = np.linalg.lstsq(design, wave.T, rcond=None)
    return found[0] + 1j * found[1], np.mean((wave.T - design @ found) ** 2, axis=0)


def uniform(values, low, high):
    """Return the p-value that `values` are uniform between the two."""
    return stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue


def test_a_line_is_a_sine_of_its_own_amplitude_and_phase():
    _, lines = draw(200, frequencies=(50.0, 30.0), amplitude_range=(0.5, 2.0), **QUIET)
    strengths = []
    for number, hz in enumerate((50.0, 30.0)):
        found, left = fitted(lines[:, number, :, 0], hz)
        assert left.max() < 1e-9
        assert uniform(np.log(np.abs(found)), np.log(0.5), np.log(2)) > 0.01
        assert uniform(np.angle(found), -np.pi, np.pi) > 0.01
        strengths.append(found)
    # Phases and amplitudes of the two are independent.
    apart = np.angle(strengths[0] / strengths[1])
    assert uniform(apart, -np.pi, np.pi) > 0.01
    assert abs(np.corrcoef(*np.abs(strengths))[0, 1]) < 0.2


def test_gaussian_quadratures_have_the_mean_power_of_the_range():
    _, lines = draw(
        2000, duration=0.1, amplitude_law="gaussian", amplitude_range=(1.0, 3.0), **QUIET
    )
    found, _ = fitted(lines[:, 0, :, 0], 50.0)
    # E a² of a log-uniform amplitude, by quadrature.
    power = np.mean(np.exp(np.linspace(0, np.log(3), 100_001)) ** 2)
    scale = np.sqrt(power / 2)
    for part in (found.real, found.imag):
        assert stats.kstest(part / scale, "norm").pvalue > 0.01
    assert abs(np.mean(np.abs(found) ** 2) / power - 1) < 0.1


def test_detuned_frequencies_are_uniform_around_the_nominal_one():
    _, lines = draw(200, duration=2.0, detuning=0.02, amplitude_range=(1.0, 1.0), iq=True, **QUIET)
    wave = lines[:, 0, :, 0] + 1j * lines[:, 0, :, 1]
    np.testing.assert_allclose(np.abs(wave), 1, rtol=1e-5)
    steps = np.diff(np.unwrap(np.angle(wave)), axis=1) / (2 * np.pi) * 1000
    assert np.ptp(steps, axis=1).max() < 0.02  # rounding of float32 phases
    assert uniform(steps.mean(axis=1), 49.0, 51.0) > 0.01


def test_log_frequency_and_log_amplitude_walk_at_their_rates():
    _, lines = draw(
        400, frequency_drift=0.01, amplitude_drift=0.2, amplitude_range=(1.0, 1.0), iq=True,
        duration=2.0, **QUIET,
    )  # fmt: skip
    wave = lines[:, 0, :, 0] + 1j * lines[:, 0, :, 1]
    amplitude = np.log(np.abs(wave))
    for samples in (500, 1999):
        assert amplitude[:, samples].std() == pytest.approx(0.2 * (samples / 1000) ** 0.5, rel=0.15)
    # The phase is the integral of the walk: its variance is (2π f σ)² t³ / 3.
    angle = np.unwrap(np.angle(wave), axis=1)
    off = angle - angle[:, :1] - 2 * np.pi * 50 * np.arange(2000) / 1000
    assert off[:, -1].std() == pytest.approx(2 * np.pi * 50 * 0.01 * (8 / 3) ** 0.5, rel=0.15)


def test_harmonics_have_decaying_strengths_and_phases_of_their_own():
    _, lines = draw(
        300, harmonics=(3, 5), harmonic_strength=0.6, amplitude_range=(1.0, 1.0), **QUIET
    )
    wave = lines[:, 0, :, 0]
    base, left = fitted(wave, 50.0)
    np.testing.assert_allclose(np.abs(base), 1, rtol=1e-5)
    for order in (3, 5):
        found, _ = fitted(wave, 50.0 * order)
        assert uniform(np.abs(found), 0, 0.6 * 2 / order) > 0.01
        apart = np.angle(found * np.exp(-1j * order * np.angle(base)))
        assert uniform(apart, -np.pi, np.pi) > 0.01
        left = left - np.abs(found) ** 2 / 2
    assert np.abs(left).max() < 1e-6  # nothing else is in a line


@pytest.mark.parametrize("color", ["white", "pink", "blue", "ar1"])
@pytest.mark.parametrize("iq", [False, True])
def test_noise_has_the_ratio_and_the_spectrum_of_its_colour(color, iq):
    signals, lines = draw(
        64, snr_range=(6.0, 6.0), noise_colors=(color,), noise_memory=0.005, iq=iq,
        normalize=False, duration=2.0,
    )  # fmt: skip
    noise = signals - lines.sum(axis=1)
    ratio = np.mean(lines[:, 0] ** 2, axis=(1, 2)) / np.mean(noise**2, axis=(1, 2))
    # Slow noise fluctuates: its power in two seconds is that of few independent samples.
    assert 10 * np.log10(np.mean(1 / ratio) ** -1) == pytest.approx(6.0, abs=0.3)
    unit = noise / np.sqrt(np.mean(noise**2, axis=(1, 2), keepdims=True))
    power = np.mean(np.abs(np.fft.fft(unit, axis=1)) ** 2, axis=(0, 2))[1:1001] / 2000
    hz = np.arange(1, 1001) / 2
    expected = {
        "white": np.ones(1000),
        "pink": 1 / hz,
        "blue": hz,
        "ar1": 1 / np.abs(1 - np.exp(-1 / 5) * np.exp(-2j * np.pi * hz / 1000)) ** 2,
    }[color]
    inside = slice(2, 990)
    level = (power / expected)[inside]
    for part in np.array_split(level, 5):
        assert part.mean() == pytest.approx(level.mean(), rel=0.1)


@pytest.mark.parametrize("memory", [0.002, 0.5, 5.0])
def test_autoregressive_noise_has_the_innovations_of_its_recursion(memory):
    signals, lines = draw(
        400, noise_colors=("ar1",), noise_memory=memory, snr_range=(0.0, 0.0), normalize=False,
        amplitude_range=(1.0, 1.0), duration=0.5,
    )  # fmt: skip
    noise = (signals - lines.sum(axis=1))[..., 0] / 0.5**0.5
    kept = np.exp(-1 / (memory * 1000))
    new = (noise[:, 1:] - kept * noise[:, :-1]) / np.sqrt(1 - kept**2)
    assert stats.kstest(new[:, ::50].ravel(), "norm").pvalue > 0.01
    assert np.var(new) == pytest.approx(1, rel=0.02)
    for sample in (0, -1):
        assert np.var(noise[:, sample]) == pytest.approx(1, rel=0.2)


def test_each_recording_has_one_of_several_colours():
    signals, lines = draw(
        400, noise_colors=("white", "blue"), snr_range=(0.0, 0.0), normalize=False
    )
    noise = (signals - lines.sum(axis=1))[..., 0]
    # The correlation of neighbours is 0 for white noise and −4/π² for blue.
    neighbours = np.mean(noise[:, 1:] * noise[:, :-1], axis=1) / np.mean(noise**2, axis=1)
    blue = neighbours < -2 / np.pi**2
    assert 0.4 < blue.mean() < 0.6
    assert neighbours[blue].mean() == pytest.approx(-4 / np.pi**2, abs=0.01)
    assert neighbours[~blue].mean() == pytest.approx(0, abs=0.01)


def test_normalized_recordings_have_a_mean_power_of_one_and_targets_of_their_share():
    signals, lines = draw(200, snr_range=(-10.0, 10.0))
    assert np.mean(signals**2) == pytest.approx(1, rel=0.03)
    share = np.mean(lines[:, 0] ** 2, axis=(1, 2))
    snr = 10 * np.log10(share / (1 - share))
    assert uniform(snr, -10, 10) > 0.01


def test_gains_scale_signals_and_targets_alike():
    signals, lines = draw(300, gain_range=(0.1, 10.0), snr_range=(200.0, 200.0))
    gain = np.sqrt(np.mean(signals**2, axis=(1, 2)))
    assert uniform(np.log(gain), np.log(0.1), np.log(10)) > 0.01
    np.testing.assert_allclose(signals, lines[:, 0], rtol=1e-4, atol=1e-4)


def test_offset_and_trend_are_gaussian():
    signals, lines = draw(1000, offset=0.5, trend=2.0, duration=0.1, **QUIET)
    rest = (signals - lines.sum(axis=1))[..., 0]
    rise = np.polynomial.polynomial.polyfit(np.arange(100) / 100, rest.T, 1)
    assert stats.kstest(rise[0] / 0.5, "norm").pvalue > 0.01
    assert stats.kstest(rise[1] / 2.0, "norm").pvalue > 0.01


def test_dropouts_blank_the_input_and_not_the_target():
    signals, lines = draw(100, dropout_rate=2.0, dropout_length=0.1, duration=2.0, **QUIET)
    blank = signals[..., 0] == 0
    # Starts are a Poisson process: a sample is inside if one lies in the 0.1 s before it.
    assert blank[:, 200:].mean() == pytest.approx(1 - np.exp(-0.2), rel=0.15)
    assert np.all(fitted(lines[:, 0, :, 0], 50.0)[1] < 1e-9)
    np.testing.assert_allclose(signals[~blank], lines[:, 0][~blank], rtol=1e-5, atol=1e-6)


def test_bursts_multiply_the_noise_alone():
    signals, lines = draw(
        100, burst_rate=2.0, burst_length=0.1, burst_gain=20.0, snr_range=(0.0, 0.0),
        duration=2.0, normalize=False, amplitude_range=(1.0, 1.0),
    )  # fmt: skip
    noise = (signals - lines.sum(axis=1))[:, 200:, 0]
    share = 1 - np.exp(-0.2)
    assert np.mean(noise**2) == pytest.approx(0.5 * (1 - share + 400 * share), rel=0.15)
    assert np.all(fitted(lines[:, 0, :, 0], 50.0)[1] < 1e-9)


def test_only_present_lines_are_heard():
    present = jnp.tile(jnp.eye(2), (5, 1))
    signals, lines = draw(10, present=present, frequencies=(50.0, 60.0), **QUIET)
    heard = np.abs(lines).max(axis=(2, 3)) > 0
    np.testing.assert_array_equal(heard, np.asarray(present, bool))
    np.testing.assert_allclose(signals, lines.sum(axis=1), atol=1e-6)
