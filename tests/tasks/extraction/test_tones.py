"""metrics.py against closed forms."""

import json
import math

import numpy as np
import pytest

from freqjax.tasks.extraction.tones import (
    ToneMetrics,
    mse_over_time,
    phase_over_time,
    tone_metrics,
    zero_predictor_mse,
)

RATE = 1000.0
T = 10_000


def sine(frequency_hz, phases=(0.0,), samples=T, rate=RATE):
    time = np.arange(samples) / rate
    return np.sin(2 * np.pi * frequency_hz * time[None, :] + np.asarray(phases)[:, None])


def test_perfect_output_with_random_phases():
    targets = sine(3.0, np.random.default_rng(0).uniform(0, 2 * np.pi, 5))
    got = tone_metrics(targets, targets, 3.0, RATE)
    assert got.mse == 0 and got.mae == 0 and got.r2 == 1
    assert got.correlation == pytest.approx(1, abs=1e-12)
    assert got.si_sdr_db is not None and 250 < got.si_sdr_db < 320
    assert got.amplitude_ratio == pytest.approx(1, abs=1e-12)
    assert got.frequency_error_mhz == pytest.approx(0, abs=1e-6)
    assert got.phase_drift_rad == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("scale", [1e-3, 0.5, -0.5])
def test_scaled_output_shows_in_mse_and_not_in_si_sdr(scale):
    targets = sine(5.0)
    noise = 1e-3 * np.random.default_rng(1).standard_normal(targets.shape)
    got = tone_metrics(scale * (targets + noise), targets, 5.0, RATE)
    # Sine power 1/2 against noise power 1e-6, whatever the scale.
    assert got.si_sdr_db == pytest.approx(10 * math.log10(0.5 / 1e-6), abs=0.1)
    assert got.mse == pytest.approx((1 - scale) ** 2 / 2, rel=1e-3)
    assert got.amplitude_ratio == pytest.approx(abs(scale), rel=1e-3)
    assert got.correlation == pytest.approx(math.copysign(1, scale), abs=1e-5)
    assert got.r2 == pytest.approx(1 - (1 - scale) ** 2, abs=1e-3)


@pytest.mark.parametrize("frequency_hz", [1.0, 3.0, 7.0, 2.37, 180.0])
@pytest.mark.parametrize("error_hz", [0.0039, -0.0101, 0.072])
def test_detuned_sine_has_the_closed_form_error(frequency_hz, error_hz):
    targets, outputs = sine(frequency_hz), sine(frequency_hz + error_hz)
    got = tone_metrics(outputs, targets, frequency_hz, RATE)
    cycles = error_hz * T / RATE
    # <(sin a − sin b)²> = 1 − sin(2πΔfT)/(2πΔfT), up to the term at twice the frequency.
    assert got.mse == pytest.approx(1 - np.sinc(2 * cycles), abs=0.03)
    assert got.frequency_error_mhz == pytest.approx(1e3 * error_hz, abs=1e-3)
    assert got.phase_drift_rad == pytest.approx(2 * np.pi * cycles, rel=0.01, abs=0.01)
    # A sine detuned by Δf leaves |sinc(ΔfT)| of its amplitude at the target's frequency.
    assert got.amplitude_ratio == pytest.approx(abs(np.sinc(cycles)), abs=0.03)


def test_frequency_in_noise_and_beside_another_tone():
    rng = np.random.default_rng(2)
    targets = sine(3.0, (0.0, 1.0))
    clean = sine(3.002, (0.0, 1.0))
    beside = tone_metrics(clean + 0.5 * sine(5.0), targets, 3.0, RATE)
    assert beside.frequency_error_mhz == pytest.approx(2, abs=0.05)
    noisy = tone_metrics(clean + rng.standard_normal(clean.shape), targets, 3.0, RATE)
    # Cramér–Rao: std of the angular frequency ≥ sqrt(24 σ² / (A² T³)) rad/sample = 0.8 mHz.
    assert noisy.frequency_error_mhz == pytest.approx(2, abs=3)
    assert noisy.phase_drift_rad == pytest.approx(2 * np.pi * 0.02, abs=0.2)


def test_signed_means_over_streams():
    phases = (0.3, 2.0)
    targets = sine(5.0, phases)
    outputs = np.concatenate([sine(5.02, phases[:1]), 0.5 * sine(4.99, phases[1:])])
    got = tone_metrics(outputs, targets, 5.0, RATE)
    assert got.frequency_error_mhz == pytest.approx(5, abs=1e-3)
    assert got.phase_drift_rad == pytest.approx(2 * np.pi * 0.05, rel=0.02)


def test_drift_larger_than_a_turn_is_unwrapped():
    got = tone_metrics(sine(1.2), sine(1.0), 1.0, RATE)
    assert got.phase_drift_rad == pytest.approx(2 * np.pi * 2, rel=0.02)


def test_another_frequency_has_an_error_but_no_phase():
    got = tone_metrics(sine(5.0), sine(3.0), 3.0, RATE)
    assert got.frequency_error_mhz == pytest.approx(2000, abs=1e-3)
    assert got.phase_drift_rad is None
    assert got.amplitude_ratio == pytest.approx(0, abs=1e-9)
    assert got.mse == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_output(value):
    targets = sine(3.0, (0.0, 0.5))
    got = tone_metrics(np.full_like(targets, value), targets, 3.0, RATE)
    assert got.mse == pytest.approx(0.5 + value**2)
    assert got.mae is not None
    assert got.r2 == pytest.approx(-2 * value**2, abs=1e-12)
    assert got.amplitude_ratio == pytest.approx(0, abs=1e-12)
    assert got.correlation is None and got.si_sdr_db is None
    assert got.frequency_error_mhz is None and got.phase_drift_rad is None


@pytest.mark.parametrize("samples", [50, 200, 1000, T])
def test_noise_and_drifts_are_not_tones(samples):
    rng = np.random.default_rng(3)
    targets = sine(50.0, np.zeros(40), samples)
    for outputs in (
        rng.standard_normal(targets.shape),
        np.broadcast_to(np.linspace(0, 1, samples), targets.shape),
        np.broadcast_to(np.exp(-np.arange(samples) / samples * 4), targets.shape),
    ):
        got = tone_metrics(outputs, targets, 50.0, RATE)
        assert got.frequency_error_mhz is None and got.phase_drift_rad is None


def test_numbers_of_most_streams_only():
    targets = sine(3.0, (0.0, 0.0, 0.0))
    outputs = sine(3.01, (0.0, 0.0, 0.0))
    outputs[0] = 0
    assert tone_metrics(outputs, targets, 3.0, RATE).frequency_error_mhz == pytest.approx(10)
    outputs[1] = 0
    assert tone_metrics(outputs, targets, 3.0, RATE).frequency_error_mhz is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_output_has_no_numbers(bad):
    targets = sine(3.0)
    outputs = targets.copy()
    outputs[0, 17] = bad
    assert tone_metrics(outputs, targets, 3.0, RATE) == ToneMetrics(*[None] * 8)


@pytest.mark.parametrize("samples", [1, 2, 50, 700])
@pytest.mark.parametrize("kind", ["sine", "huge", "tiny", "constant"])
def test_everything_is_json_whatever_comes_in(samples, kind):
    targets = sine(1.0, (0.2,), samples)
    scale = {"sine": 1.0, "huge": 1e300, "tiny": 1e-300, "constant": 0.0}[kind]
    got = tone_metrics((scale * targets).astype(np.float64), targets, 1.0, RATE)
    json.dumps(got._asdict(), allow_nan=False)
    assert (got.mse is None) == (kind == "huge")
    assert got.amplitude_ratio is None and got.frequency_error_mhz is None


def test_mse_over_time_and_zero_predictor():
    rng = np.random.default_rng(4)
    outputs, targets = rng.standard_normal((2, 3, 107))
    got = mse_over_time(outputs, targets, 10)
    slow = [np.mean([(outputs[b, t] - targets[b, t]) ** 2 for b in range(3)
                     for t in range(10 * k, 10 * k + 10)]) for k in range(10)]  # fmt: skip
    np.testing.assert_allclose(got, slow, rtol=1e-12)
    assert zero_predictor_mse(sine(3.0)) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="window = 108"):
        mse_over_time(outputs, targets, 108)


def test_phase_over_time_follows_detuning_and_knows_when_there_is_none():
    targets = sine(3.0, (0.4, 1.9, 0.0, 2.0, 0.0))
    outputs = np.concatenate([sine(3.05, (0.4,)), 0.2 * sine(3.0, (1.4,)), sine(5.0),
                              sine(3.0, (2.0,)), 0 * sine(3.0)])  # fmt: skip
    outputs[3, 4500] = np.nan
    got = phase_over_time(outputs, targets, 3.0, RATE, 1000)
    middles = np.arange(10) + 0.5
    # 2πΔft: half a turn in 10 s, and unwrapped beyond it.
    np.testing.assert_allclose(got[0], 2 * np.pi * 0.05 * middles, atol=0.03)
    np.testing.assert_allclose(got[1], -0.5, atol=1e-9)
    assert np.isnan(got[2]).all() and np.isnan(got[4]).all()
    assert np.flatnonzero(np.isnan(got[3])).tolist() == [4]
    np.testing.assert_allclose(np.delete(got[3], 4), 0, atol=1e-9)
    beyond = phase_over_time(sine(3.2), sine(3.0), 3.0, RATE, 1000)[0]
    np.testing.assert_allclose(beyond, 2 * np.pi * 0.2 * middles, atol=0.1)
    # A target and an output either side of the cut at π are close, not a turn apart.
    near = phase_over_time(sine(3.0, (3.0,)), sine(3.0, (-3.0,)), 3.0, RATE, 1000)
    np.testing.assert_allclose(near, 6 - 2 * np.pi, atol=1e-9)
    with pytest.raises(ValueError, match="window = 3"):
        phase_over_time(outputs, targets, 3.0, RATE, 3)


def test_bad_arguments_name_themselves():
    targets = sine(3.0)
    with pytest.raises(ValueError, match=r"\[B, T\]"):
        tone_metrics(targets[0], targets[0], 3.0, RATE)
    with pytest.raises(ValueError, match=r"\(1, 9999\)"):
        tone_metrics(targets[:, 1:], targets, 3.0, RATE)
    with pytest.raises(ValueError, match="frequency_hz = 500"):
        tone_metrics(targets, targets, 500.0, RATE)
    with pytest.raises(ValueError, match="targets must be finite"):
        tone_metrics(targets, targets * np.nan, 3.0, RATE)
