"""The Kalman filter and sliding least squares against brute-force linear algebra and simulation."""

import dataclasses

import numpy as np
import pytest

from freqjax import TaskConfig
from freqjax.tasks import make_task
from freqjax.tasks.extraction.limits import linear, scores
from freqjax.tasks.extraction.limits.law import gain_and_lag, noise_variance
from freqjax.tasks.extraction.limits.least_squares import sliding_least_squares, window_samples
from freqjax.tasks.extraction.limits.linear import kalman, linear_curve, linear_mmse


def task(**fields):
    tiny = TaskConfig(
        frequencies=(1.0, 3.0), sampling_rate=20.0, duration=3.0, phase_scale=0.3, start="random"
    )
    return dataclasses.replace(tiny, **fields)


def draw(config, streams, seed=0):
    """Draw streams by the definition: mixtures [N, T] and clean components [N, T, F]."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, round(config.sampling_rate), (streams, 1, 1))
    seconds = (starts + np.arange(config.samples)[:, None]) / config.sampling_rate
    angle = 2 * np.pi * seconds * np.array(config.frequencies)
    phase = config.phase_scale * rng.uniform(0, 2 * np.pi, angle.shape)
    low, high = config.amplitude_range
    noisy = rng.uniform(low, high, angle.shape) * np.sin(angle + phase)
    return noisy.mean(axis=-1), np.sin(angle)


def conditioned(config, mixture):
    """Compute estimates [T, F] and error variances [T, F] of one stream from joint Gaussian conditioning.

    Each clean component has the autocovariance cos(ωτ)/2; a sample holds all of them with the gain and
    lag of the noise. No state, no recursion: a covariance matrix of all samples so far.
    """
    gain, lag = gain_and_lag(config)
    seconds = np.arange(mixture.size) / config.sampling_rate
    omega = 2 * np.pi * np.array(config.frequencies)
    tau = (seconds[:, None] - seconds)[..., None] * omega
    share = gain / omega.size
    covariance = share**2 * (np.cos(tau) / 2).sum(-1) + noise_variance(config) * np.eye(
        tau.shape[0]
    )
    cross = share * np.cos(tau - lag) / 2  # [t, sample, F]: E[sin(θ_t) · g/F sin(θ_u + λ)]
    estimates, errors = np.zeros(tau.shape[1:]), np.zeros(tau.shape[1:])
    for t in range(mixture.size):
        seen = slice(0, t + 1)
        solved = np.linalg.solve(covariance[seen, seen], cross[t, seen])
        estimates[t] = solved.T @ mixture[seen]
        errors[t] = 0.5 - np.sum(cross[t, seen] * solved, axis=0)
    return estimates, errors


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.2])
def test_the_filter_is_gaussian_conditioning(scale):
    config = task(phase_scale=scale, duration=2.0)
    mixture, _ = draw(config, 2)
    found = kalman(config, mixture)
    curve = linear_curve(config, range(1, 41))
    for stream in range(2):
        estimates, errors = conditioned(config, mixture[stream])
        np.testing.assert_allclose(found[stream], estimates, atol=1e-9)
        np.testing.assert_allclose(curve, errors, atol=1e-9)


def test_the_curve_is_what_the_filter_has():
    config = task(duration=5.0)
    mixture, clean = draw(config, 2000)
    squared = np.square(kalman(config, mixture) - clean)
    error = squared.mean(axis=2).std(axis=0) / np.sqrt(2000)
    curve = linear_curve(config, range(1, 101)).mean(axis=1)
    assert np.all(np.abs(squared.mean(axis=(0, 2)) - curve) < 5 * error)
    assert abs(squared.mean() / linear_mmse(config).mean() - 1) < 0.03
    assert np.all(np.diff(curve) < 1e-3)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [(0.01, 0.0047), (0.1, 0.0051), (0.25, 0.0060), (0.5, 0.011), (0.75, 0.025), (0.9, 0.092)],
)
def test_the_mean_over_ten_seconds(scale, expected):
    # The figures expected were simulated, with an error of their own of several per cent.
    assert linear_mmse(TaskConfig(phase_scale=scale)).mean() == pytest.approx(expected, rel=0.15)


def test_nothing_is_heard_at_phase_scale_one():
    config = TaskConfig(phase_scale=1.0, duration=0.1)
    np.testing.assert_allclose(linear_mmse(config), 0.5, rtol=1e-9)
    mixture, _ = draw(config, 2)
    assert not np.any(kalman(config, mixture))
    assert not np.any(sliding_least_squares(config, mixture))


def test_chunks_are_the_whole(monkeypatch):
    config = task()
    mixture, _ = draw(config, 3)
    whole = kalman(config, mixture), sliding_least_squares(config, mixture)
    curve = linear_curve(config, (1, 7, 60))
    monkeypatch.setattr(linear, "_HELD", 7 * 4 * 4)
    np.testing.assert_allclose(kalman(config, mixture), whole[0], atol=1e-12)
    np.testing.assert_allclose(sliding_least_squares(config, mixture), whole[1], atol=1e-12)
    np.testing.assert_allclose(linear_curve(config, (1, 7, 60)), curve, atol=1e-12)


def test_a_long_block_is_integrated_at_nodes(monkeypatch):
    config = TaskConfig(phase_scale=0.5, duration=4.0)
    exact = linear_mmse(config)
    monkeypatch.setattr(linear, "_EXACT_SAMPLES", 100)
    np.testing.assert_allclose(linear_mmse(config), exact, rtol=1e-3)


def test_least_squares_is_lstsq_over_the_window():
    config = task(duration=4.0)
    mixture, _ = draw(config, 1)
    gain, lag = gain_and_lag(config)
    angle = 2 * np.pi * np.arange(80)[:, None] / 20 * np.array([1.0, 3.0])
    heard = np.concatenate([np.sin(angle + lag), np.cos(angle + lag)], axis=1) * gain / 2
    found = sliding_least_squares(config, mixture)[0]
    window = window_samples(config)
    assert window == 40  # two periods of 1 Hz
    assert not np.any(found[: window // 2 - 1])
    for last in (19, 25, 39, 40, 61, 79):
        seen = slice(max(0, last + 1 - window), last + 1)
        fit = np.linalg.lstsq(heard[seen], mixture[0, seen], rcond=None)[0]
        expected = fit[:2] * np.sin(angle[last]) + fit[2:] * np.cos(angle[last])
        np.testing.assert_allclose(found[last], expected, atol=1e-9)


def test_least_squares_waits_for_what_tells_frequencies_apart():
    assert window_samples(task(frequencies=(3.0, 3.5))) == 80  # two beats of 0.5 Hz
    assert window_samples(task(frequencies=(3.0,))) == 14
    config = task(frequencies=(3.0, 3.1))
    mixture, _ = draw(config, 2)
    assert not np.any(sliding_least_squares(config, mixture))  # 10 s of beat, 3 s of block


def test_gain_and_lag_are_undone():
    config = task(phase_scale=0.6, amplitude_range=(0.5, 2.5), duration=20.0)
    mixture, clean = draw(config, 400)
    error = (sliding_least_squares(config, mixture) - clean)[:, 100:]
    # No amplitude is missing, and nothing is a quarter of a period late.
    assert abs(np.mean(error * clean[:, 100:])) < 0.01
    assert abs(np.mean(error[:, 5:, 0] * clean[:, 100:-5, 0])) < 0.01


def test_blocks_of_one_start_are_filtered_once(monkeypatch):
    counts = []

    def counting(config, mixture):
        counts.append(len(mixture))
        return kalman(config, mixture)

    monkeypatch.setattr(scores, "BASELINES", {"counted": counting})
    config = task(starts=64)
    blocks = make_task(config).rows("test")
    mixture = np.asarray(blocks.inputs[..., 0])
    order = np.random.default_rng(0).permutation(len(mixture))  # a file may hold them in any order
    groups = np.asarray(blocks.groups)
    outputs = scores.baseline_outputs(config, mixture[order], groups[order])["counted"]
    assert sum(counts) == 64
    for place, block in enumerate(order):
        expected = kalman(config, mixture[block][None].astype(float))[0, :, groups[block]]
        np.testing.assert_allclose(outputs[place], expected, atol=1e-6)


def test_many_mixtures_go_in_parts(monkeypatch):
    config = task(starts=64)
    blocks = make_task(config).rows("test")
    mixture, groups = np.asarray(blocks.inputs[..., 0]), np.asarray(blocks.groups)
    whole = scores.baseline_outputs(config, mixture, groups)
    monkeypatch.setattr(scores, "_HELD", 5 * mixture.shape[1] * 2)
    parts = scores.baseline_outputs(config, mixture, groups)
    for name, outputs in whole.items():
        np.testing.assert_allclose(parts[name], outputs, atol=1e-6)
