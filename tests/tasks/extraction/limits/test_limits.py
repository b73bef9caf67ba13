"""The Bayes limit against enumeration, closed forms and quadrature; its cache, its mode, its place."""

import dataclasses
import json
import os
import re

import numpy as np
import pytest

from freqjax import Config, LimitsConfig, TaskConfig, UserError
from freqjax.config import sections as configs
from freqjax.config import validation
from freqjax.main import main
from freqjax.system import cache
from freqjax.tasks import Extraction, make_task
from freqjax.tasks.extraction import datasets
from freqjax.tasks.extraction.config import extraction_of
from freqjax.tasks.extraction.evaluation import possible
from freqjax.tasks.extraction.limits import (
    NoBayesLimit,
    bayes,
    bayes_curve,
    law,
    posterior,
    stream_limit,
)
from freqjax.tasks.extraction.limits.survey import survey_row
from freqjax.tasks.extraction.synthesis import common_period
from tests.twins import split_of, tiny_config


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Use a separate cache folder."""
    monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def task(**fields):
    tiny = TaskConfig(
        frequencies=(1.0, 3.0), sampling_rate=20.0, duration=1.0, phase_scale=0.3, start="random"
    )
    return dataclasses.replace(tiny, **fields)


def default(scale):
    return TaskConfig(start="random", phase_scale=scale)


# The law of a sample.


@pytest.mark.parametrize("scale", [0.0, 0.02, 0.3, 1.0, 1.7])
@pytest.mark.parametrize("amplitudes", [(0.8, 1.2), (1.0, 1.0), (-0.5, 2.0)])
def test_the_table_has_the_characteristic_function_of_its_law(scale, amplitudes):
    config = task(phase_scale=scale, amplitude_range=amplitudes)
    table = law.make_table(config, 1024)
    mass = np.exp(table.log_mass.astype(float))
    np.testing.assert_allclose(mass.sum(axis=0), 1, atol=1e-6)
    heard = (np.arange(1024) - 512) * table.width
    low, high = amplitudes
    a = np.linspace(low, high, 201)[:-1] + (high - low) / 400  # midpoints
    x = 2 * np.pi * scale * (np.arange(2000) + 0.5) / 2000
    for place in (0, 3, 7):
        for k in (1.0, 9.0, 40.0):
            terms = [
                np.exp(1j * k / 2 * a[:, None] * np.sin(2 * np.pi * f * place / 20 + x)).mean()
                for f in config.frequencies
            ]
            expected = np.prod(terms) * np.exp(-((k * table.blur) ** 2) / 2)
            expected *= np.sinc(k * table.width / (2 * np.pi))
            found = np.sum(mass[:, place] * np.exp(1j * k * heard))
            assert abs(found - expected) < 2e-5


@pytest.mark.parametrize("scale", [0.0, 0.2, 0.5, 1.0, 1.5, 3.0])
def test_gain_and_lag_are_the_mean_of_the_noise(scale):
    gain, lag = law.gain_and_lag(task(phase_scale=scale, amplitude_range=(0.5, 2.0)))
    theta = np.linspace(0, 6, 7)
    x = 2 * np.pi * scale * (np.arange(20_000) + 0.5) / 20_000
    mean = 1.25 * np.sin(theta[:, None] + x).mean(axis=1)
    np.testing.assert_allclose(gain * np.sin(theta + lag), mean, atol=1e-7)


def test_streams_are_drawn_from_the_table():
    config = task(phase_scale=0.4)
    table = law.make_table(config, 1024)
    rng = np.random.default_rng(0)
    for place in (0, 4):
        drawn = posterior.draw_bins(config, table, np.full(200_000, place), rng)
        cumulative = np.cumsum(np.exp(table.log_mass[:, place].astype(float)))
        found = np.cumsum(np.bincount(drawn, minlength=1024)) / 200_000
        assert np.max(np.abs(found - cumulative)) < 2.2 / np.sqrt(200_000)  # Kolmogorov, p = 1e-4


@pytest.mark.parametrize(
    ("frequencies", "rate", "period"),
    [((1, 3, 5, 7), 1000, 1000), ((3,), 100, 100), ((2, 4.5), 100, 200), ((2, 4), 100, 50)],
)
def test_the_period_on_the_sample_grid(frequencies, rate, period):
    found, turns = law.grid_period(frequencies, rate)
    assert found == period
    np.testing.assert_allclose(turns / found, np.array(frequencies) / rate, rtol=1e-12)


# The limit.


def test_a_known_start_leaves_no_error():
    config = task(start="zero", phase_scale=1.0)
    curve = bayes_curve(config, (1, 20))
    assert not np.any(curve.mse_per_frequency) and not np.any(curve.high)
    limit = stream_limit(config)
    assert (limit.mse, limit.high, limit.after_1s_per_frequency) == (0.0, 0.0, None)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_whole_turns_of_phase_tell_nothing(scale):
    curve = bayes_curve(default(scale), (1, 200, 5000))
    np.testing.assert_allclose(curve.mse_per_frequency, 0.5, rtol=1e-12)
    # The shortcut is right: the law is the same at every time, and the simulation finds the prior.
    table = law.make_table(task(phase_scale=scale), 1024)
    np.testing.assert_allclose(table.log_mass, table.log_mass[:, :1] + np.zeros((1, 20)), atol=1e-4)
    found = posterior.follow(task(phase_scale=scale), table, 20, [1, 30], 50, 0)
    np.testing.assert_allclose(found.mean, 0.5, atol=1e-6)


def test_one_sample_of_one_sine_by_quadrature():
    # S = sin(θ + φ) = sin x: the starts that can give x in (−π/2, π/2) are those whose arc θ … θ + πs·2
    # holds x or π − x, with equal densities 1 / (2πs cos x).
    scale = 0.25
    config = task(frequencies=(1.0,), amplitude_range=(1.0, 1.0), phase_scale=scale)
    theta = 2 * np.pi * np.arange(20) / 20
    x = np.pi * ((np.arange(40_000) + 0.5) / 40_000 - 0.5)
    both = np.stack([x, np.pi - x])[..., None]
    density = ((both - theta) % (2 * np.pi) < 2 * np.pi * scale).sum(axis=0) / (2 * np.pi * scale)
    known = np.square((density * np.sin(theta)).mean(axis=1)) / density.mean(axis=1)
    expected = 0.5 - np.mean(known) * np.pi
    mass = np.exp(law.make_table(config, 4096).log_mass.astype(float))
    found = 0.5 - np.sum(np.square((mass * np.sin(theta)).mean(axis=1)) / mass.mean(axis=1))
    assert found == pytest.approx(expected, abs=2e-3)
    curve = bayes_curve(config, (1,))
    assert curve.low[0] - 2e-3 < expected < curve.high[0] + 2e-3


def brute_force(config, samples_seen, streams):
    """Compute squared errors of the posterior mean: densities by histograms, streams from the definition."""
    rate, scale = round(config.sampling_rate), config.phase_scale
    width, reach = 0.004, 700
    low, high = config.amplitude_range
    a = low + (high - low) * (np.arange(300) + 0.5) / 300
    x = 2 * np.pi * scale * (np.arange(3000) + 0.5) / 3000
    density = []
    for start in range(rate):
        parts = []
        for f in config.frequencies:
            sine = np.sin(2 * np.pi * f * start / rate + x)
            bins = np.rint(a[:, None] * sine / len(config.frequencies) / width).astype(int) + reach
            parts.append(np.bincount(bins.ravel(), minlength=2 * reach + 1) / bins.size)
        density.append(np.convolve(*parts)[reach : 3 * reach + 1])
    log_density = np.log(np.maximum(np.array(density), 1e-9))
    rng = np.random.default_rng(7)
    starts = rng.integers(0, rate, streams)
    omega = 2 * np.pi * np.array(config.frequencies) / rate
    weight, errors = np.zeros((streams, rate)), {}
    for n in range(max(samples_seen)):
        theta = (starts + n)[:, None] * omega
        noisy = rng.uniform(low, high, theta.shape)
        noisy *= np.sin(theta + scale * rng.uniform(0, 2 * np.pi, theta.shape))
        bins = np.rint(noisy.mean(axis=1) / width).astype(int) + reach
        places = (np.arange(rate) + n) % rate
        weight += log_density[places[None], bins[:, None]]
        if n + 1 in samples_seen:
            share = np.exp(weight - weight.max(axis=1, keepdims=True))
            mean = share @ np.sin(places[:, None] * omega) / share.sum(axis=1, keepdims=True)
            errors[n + 1] = np.square(mean - np.sin(theta)).mean(axis=1)
    return errors


@pytest.mark.parametrize("scale", [0.1, 0.6])
def test_the_limit_is_what_enumeration_has(scale):
    config = task(phase_scale=scale)
    seen = (1, 3, 10)
    curve = bayes_curve(config, seen)
    for n, mse, high, squared in zip(
        seen, curve.mse, curve.high, brute_force(config, seen, 6000).values(), strict=True
    ):
        error = np.hypot((high - mse) / 1.96, squared.std() / np.sqrt(squared.size))
        assert abs(squared.mean() - mse) < 3.5 * error + 0.01 * mse, n


def test_without_noise_only_equal_values_are_confused():
    quiet = task(
        frequencies=(1.0, 2.0), phase_scale=0.0, amplitude_range=(1.0, 1.0), sampling_rate=12.0
    )
    angle = 2 * np.pi * np.arange(12)[:, None] / 12 * np.array([1.0, 2.0])
    value = np.round(np.sin(angle).mean(axis=1), 9)
    same = value[:, None] == value
    mean = same @ np.sin(angle) / same.sum(axis=1, keepdims=True)
    expected = np.square(mean - np.sin(angle)).mean()
    assert expected > 0.01
    first, later = bayes_curve(quiet, (1, 8), streams=1200).mse
    assert first == pytest.approx(expected, rel=1e-9) and later < 1e-12


def test_without_noise_the_starts_of_the_default_task_are_told_apart_at_once():
    """By enumeration: which of 1,000 starts put out the same value, to nine digits."""
    quiet = dataclasses.replace(default(0.0), amplitude_range=(1.0, 1.0))
    clean = np.sin(2 * np.pi * np.arange(1000)[:, None] * np.array([1, 3, 5, 7]) / 1000)
    heard = np.round(clean.mean(axis=1), 9)
    variances = [clean[heard == value].var(axis=0) for value in heard]
    curve = bayes_curve(quiet, (1, 3, 10))
    np.testing.assert_allclose(curve.mse[0], np.mean(variances), rtol=1e-9)
    assert curve.mse[1] == curve.mse[2] == 0
    assert (curve.low == curve.high).all() and (curve.streams == 0).all()


def test_noise_too_small_for_the_table_widens_the_interval_or_is_refused():
    faint = dataclasses.replace(default(0.01), amplitude_range=(1.0, 1.0))
    curve = bayes_curve(faint, (10,), streams=400)
    # With four times the bins 0.0563 was found; the table allowed here cannot be told from 0.0573.
    assert curve.low[0] < 0.0563 < curve.high[0]
    with pytest.raises(NoBayesLimit, match="too small"):
        bayes_curve(dataclasses.replace(faint, phase_scale=1e-5), (10,), streams=400)


def test_a_carried_state_has_no_limit_of_streams_that_begin_unknown():
    config = task(start="random", phase_scale=0.1, sampling_rate=50.0, duration=1.0, reset="never")
    extraction = make_task(config)
    limits = extraction.limits(split_of(extraction, "test"))
    assert limits["bayes_mse"] is None and "task.reset is never" in limits["note"]


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (0.5, {1: 0.500, 10: 0.487, 50: 0.315, 200: 0.042}),
        (0.1, {1: 0.325, 10: 0.258, 50: 0.076}),
        (0.01, {1: 0.283, 10: 0.195}),
    ],
)
def test_the_default_task(scale, expected):
    curve = bayes_curve(default(scale), tuple(expected), streams=1500)
    for mse, high, known in zip(curve.mse, curve.high, expected.values(), strict=True):
        assert abs(mse - known) < 1.5 * (high - mse) + 0.04 * known
    assert np.all(np.diff(curve.mse) < 0)
    assert np.all(curve.low < curve.mse) and np.all(curve.mse < curve.high)


def test_the_posterior_sharpens_to_nothing():
    curve = bayes_curve(default(0.5), (1000, 2000), streams=200)
    assert 4e-4 < curve.mse[0] < 8e-4 and curve.mse[1] < 4e-4
    assert np.array_equal(curve.streams, [200, 200])


def test_finer_bins_change_nothing():
    config = default(0.1)
    found = [
        posterior.follow(config, law.make_table(config, bins), 1000, [1, 10, 50], 2000, 3)
        for bins in (1024, 4096)
    ]
    np.testing.assert_allclose(found[0].mean.mean(axis=1), found[1].mean.mean(axis=1), rtol=0.02)
    assert 2 * law.make_table(config).blur < law.make_table(config, 512).blur


def test_dropping_starts_and_listing_them_changes_nothing(monkeypatch):
    config = task(phase_scale=0.5)
    table = law.make_table(config, 1024)
    seen = [1, 5, 33, 70, 150]
    pruned = posterior.follow(config, table, 20, seen, 300, 0)
    monkeypatch.setattr(posterior, "_DROPPED", 1e9)
    whole = posterior.follow(config, table, 20, seen, 300, 0)
    np.testing.assert_allclose(pruned.mean, whole.mean, rtol=1e-5, atol=1e-9)
    monkeypatch.setattr(posterior, "_DROPPED", 30.0)
    monkeypatch.setattr(posterior, "_SPARSE", 1.1)  # a list from the first prune on
    listed = posterior.follow(config, table, 20, seen, 300, 0)
    np.testing.assert_allclose(listed.mean, whole.mean, rtol=1e-5, atol=1e-9)
    monkeypatch.setattr(posterior, "_WORK", 1)
    thinned = posterior.follow(config, table, 20, seen, 300, 0)
    assert thinned.streams.tolist() == [300, 300, 64, 64, 64]


def test_starts_of_a_period_between_samples():
    config = task(frequencies=(3.0,), sampling_rate=100.0)
    assert (common_period((3.0,), 100.0), law.grid_period((3.0,), 100.0)[0]) == (34, 100)
    mute = bayes_curve(dataclasses.replace(config, phase_scale=1.0), (1, 50))
    for n, mse in zip((1, 50), mute.mse, strict=True):
        starts = np.arange(34) + n - 1
        assert mse == pytest.approx(np.var(np.sin(2 * np.pi * 3 * starts / 100)), rel=1e-9)
    curve = bayes_curve(config, (1, 50))
    assert curve.mse[1] < curve.mse[0] < 0.5


def test_a_common_period_too_long_is_refused():
    config = task(frequencies=(1.0, 3.137), sampling_rate=1000.0, duration=2.0)
    with pytest.raises(UserError, match=r"task\.frequencies .* have a common period of"):
        bayes_curve(config, (1,))
    limits = make_task(config).limits(split_of(make_task(config), "test"))
    assert limits["bayes_mse"] is None and limits["bayes_after_1s_per_frequency"] is None
    assert limits["note"].startswith("No Bayes limit: task.frequencies (1.0, 3.137)")
    assert 0.001 < limits["linear_mmse"] < 0.1
    with pytest.raises(NoBayesLimit):
        stream_limit(config)


# Over a block.


def test_a_block_is_the_mean_over_its_samples():
    config = task(phase_scale=0.5)
    limit = stream_limit(config)  # 20 samples: every n is a node
    curve = bayes_curve(config, range(1, 21), bayes._BLOCK_STREAMS)
    assert limit.mse == pytest.approx(curve.mse.mean(), rel=1e-12)
    np.testing.assert_allclose(limit.mse_per_frequency, curve.mse_per_frequency.mean(axis=0))
    assert limit.low < limit.mse < limit.high
    assert limit.after_1s_per_frequency is None
    np.testing.assert_array_equal(limit.curve, curve.mse)


def test_what_follows_the_first_second():
    config = task(phase_scale=0.5, duration=8.0)
    limit = stream_limit(config)
    every = bayes_curve(config, range(1, 161), bayes._BLOCK_STREAMS)
    assert limit.mse == pytest.approx(every.mse.mean(), rel=0.02)
    late = every.mse_per_frequency[20:].mean(axis=0)
    assert limit.after_1s_per_frequency is not None
    np.testing.assert_allclose(limit.after_1s_per_frequency, late, rtol=0.05)
    assert limit.low < every.mse.mean() < limit.high


def test_the_quadrature_is_exact_for_logarithms(monkeypatch):
    nodes = [1, 2, 5, 30, 100]
    n = np.arange(1, 101)
    assert bayes.quadrature(nodes, 0, 100) @ np.log(nodes) == pytest.approx(np.log(n).mean())
    assert bayes.quadrature(nodes, 40, 100) @ np.log(nodes) == pytest.approx(np.log(n[40:]).mean())
    # Beyond the last node: its value.
    assert bayes.quadrature(nodes, 0, 200)[-1] > 0.5
    monkeypatch.setattr(bayes, "_FARTHEST", 40)
    far = stream_limit(task(phase_scale=0.9, duration=4.0))
    assert far.low < 0.7 * far.mse < far.mse < far.high


# The cache.


def test_an_answer_is_kept(folder, monkeypatch):
    first = bayes_curve(task(), (1, 5))
    (kept,) = folder.iterdir()
    monkeypatch.setattr(bayes, "follow", None)  # to compute again would be an error
    again = bayes_curve(task(), (1, 5))
    np.testing.assert_array_equal(first.mse_per_frequency, again.mse_per_frequency)
    np.testing.assert_array_equal(first.low, again.low)
    bayes_curve(task(duration=2.0, train_seed=9), (1, 5))  # what does not decide it
    for other in (task(phase_scale=0.31), task(amplitude_range=(0.8, 1.21))):
        with pytest.raises(TypeError):
            bayes_curve(other, (1, 5))
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    with pytest.raises(TypeError):
        bayes_curve(task(), (1, 5))
    assert list(folder.iterdir()) == [kept]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"question": {}, "answer": {}}', "\x00\xff"])
def test_a_damaged_file_is_written_anew(folder, damage):
    expected = bayes_curve(task(), (2,))
    (kept,) = folder.iterdir()
    good = kept.read_bytes()
    kept.write_bytes(damage.encode("latin-1"))
    np.testing.assert_array_equal(bayes_curve(task(), (2,)).mse, expected.mse)
    assert kept.read_bytes() == good


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [[0.1, 0.2, 0.3]]},
        {"mean": [[-0.1, 0.2]]},
        {"mean": [[1e9, 0.2]]},
        {"mean": []},
        {"error": "none"},
        {"streams": [0]},
        {"rounding": [float("nan")]},
        {"resolution": None},
    ],
)
def test_an_answer_of_a_wrong_shape_or_range_is_computed_anew(folder, change):
    expected = bayes_curve(task(), (2,))
    (kept,) = folder.iterdir()
    good = kept.read_bytes()
    # Its digest is right: it was written by a program with an error.
    values = json.loads(good)
    asked = json.dumps(values["question"], sort_keys=True)
    values["answer"] |= change
    values["digest"] = cache._digest(asked, values["answer"])
    kept.write_text(json.dumps(values))
    np.testing.assert_array_equal(bayes_curve(task(), (2,)).mse, expected.mse)
    assert kept.read_bytes() == good


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path / "file"))
    assert bayes_curve(task(), (2,)).mse[0] > 0
    assert os.listdir(tmp_path) == ["file"]


# Its place in a summary.


def test_a_task_tells_its_limits():
    extraction = make_task(task(phase_scale=0.2, duration=4.0))
    blocks = split_of(extraction, "test")
    limits = json.loads(json.dumps(extraction.limits(blocks), allow_nan=False))
    assert limits["bayes_low"] < limits["bayes_mse"] < limits["bayes_high"]
    assert limits["bayes_mse"] == pytest.approx(np.mean(limits["bayes_mse_per_frequency"]))
    assert limits["bayes_mse"] < limits["linear_mmse"] < limits["zero_predictor"]
    scores = limits["baselines"]
    assert list(scores) == ["kalman", "sliding_least_squares"]
    # 64 starts scatter about the theory.
    assert scores["kalman"]["mse"] == pytest.approx(limits["linear_mmse"], rel=0.15)
    for score in scores.values():
        late = score["mse_after_1s_per_frequency"]
        assert score["mse"] == pytest.approx(np.mean(score["mse_per_frequency"]))
        assert np.all(np.array(late) > limits["bayes_after_1s_per_frequency"])
    known = make_task(task(start="zero", duration=4.0))
    limits = known.limits(split_of(known, "test"))
    assert limits["bayes_mse"] == 0 and limits["baselines"]["kalman"]["mse"] > 0
    assert limits["bayes_after_1s_per_frequency"] is None


def test_the_evaluation_tells_how_far_the_network_is():
    def told(config, outputs=lambda targets: 0.9 * targets):
        extraction = make_task(config)
        assert isinstance(extraction, Extraction)
        blocks = split_of(extraction, "test")
        found = extraction.measure(outputs(np.asarray(blocks.targets)), blocks)
        limits = extraction.limits(blocks)
        section = possible(extraction, found, limits)
        return " ".join(section.words), section.table, limits, found

    words, table, limits, test = told(task(phase_scale=0.5, duration=4.0))
    least = np.mean(limits["bayes_after_1s_per_frequency"])
    mine = np.mean(test["mse_after_1s_per_frequency"])
    assert f"after the first second is {mine / least:.3g} times the least possible" in words
    assert "Over whole streams no estimator is below" in words
    assert table is not None
    assert table.columns == ("", "network", "limit", "Kalman", "Sliding least squares")
    assert [row[1] for row in table.rows] == test["mse_after_1s_per_frequency"]
    words, *_ = told(task(phase_scale=0.5))
    assert "first second" not in words and "times the least possible" in words
    words, *_ = told(task(start="zero"))
    assert "The least possible error is 0, so that the network's" in words and "times" not in words
    words, *_ = told(task(), lambda targets: targets * np.nan)
    assert "The output is not finite" in words


@pytest.mark.parametrize("fields", [("test_path",), ("train_path",), ("train_path", "test_path")])
def test_rows_from_a_file_have_no_limit(tmp_path, fields):
    config = task(duration=2.0)
    extraction = make_task(config)
    rows = extraction.dataset(split_of(extraction, "test"))
    datasets.write_rows(tmp_path / "rows.npz", rows, config.sampling_rate, config.samples)
    own = make_task(
        dataclasses.replace(config, **dict.fromkeys(fields, str(tmp_path / "rows.npz")))
    )
    blocks = split_of(own, "test")
    limits = own.limits(blocks)
    named = " and ".join(f"task.{field}" for field in fields)
    assert limits["note"].startswith(f"Rows of a file ({named}) have no limit, since their law")
    for name in ("bayes_mse", "bayes_mse_per_frequency", "bayes_low", "bayes_high", "linear_mmse"):
        assert limits[name] is None
    found = own.measure(0.9 * np.asarray(blocks.targets), blocks)
    section = possible(own, found, limits)
    assert section.words == (limits["note"],)
    assert section.table is not None
    assert [row[2] for row in section.table.rows] == [None] * len(config.frequencies)
    expected = extraction.limits(split_of(extraction, "test"))
    for name, score in expected["baselines"].items():
        assert limits["baselines"][name]["mse"] == pytest.approx(score["mse"], rel=1e-5)


# The mode.


def invoke(tmp_path, *words):
    (tmp_path / "config.py").write_text(
        "from tests.twins import tiny_config\n\n\ndef get_config():\n    return tiny_config()\n"
    )
    given = ("--mode=limits", "--config", tmp_path / "config.py", "--workdir", tmp_path / "out")
    return main([str(word) for word in (*given, *words)])


def test_the_mode_leaves_a_table_and_a_figure(tmp_path, capsys, pictures):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "config.json").write_text("a run's own")
    words = ("--config.limits.phase_scales=1,0.5", "--config.limits.samples_seen=1,5,20")
    assert invoke(tmp_path, *words) == 0
    text = capsys.readouterr().out
    rows = json.loads((tmp_path / "out" / "limits.json").read_text())
    assert [(row["start"], row["phase_scale"], row["samples_seen"]) for row in rows] == [
        (start, scale, n)
        for start in ("zero", "random")
        for scale in (1.0, 0.5)
        for n in (1, 5, 20)
    ]
    task_config = dataclasses.replace(extraction_of(tiny_config()), start="random", phase_scale=0.5)
    expected = survey_row(task_config, (1, 5, 20))
    for name in ("bayes_mse", "bayes_mse_per_frequency", "low", "high", "linear_mmse"):
        assert [row[name] for row in rows[9:]] == expected[name]
    assert [row["bayes_mse"] for row in rows[3:6]] == [0, 0, 0]
    assert all(row["low"] == row["bayes_mse"] for row in rows[6:9])
    assert all(row["bayes_mse"] < 1.01 * row["linear_mmse"] for row in rows[9:])
    assert "start random" in text and "n=20" in text and "predicting zero has 0.5" in text
    assert (tmp_path / "out" / "figures" / "limits.png").stat().st_size > 10_000
    assert (tmp_path / "out" / "config.json").read_text() == "a run's own"


def test_default_samples_are_those_within_a_block(tmp_path):
    assert invoke(tmp_path, "--no-figures", "--config.limits.phase_scales=1") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".lock", "limits.json"}
    rows = json.loads((tmp_path / "out" / "limits.json").read_text())
    assert [row["samples_seen"] for row in rows] == [1, 10, 1, 10]


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        (
            "samples_seen",
            "1,21",
            "limits.samples_seen holds 21: it must be at most 20, the samples",
        ),
        (
            "samples_seen",
            "5,1",
            r"limits.samples_seen is \(5, 1\): it must be rising whole numbers",
        ),
        ("samples_seen", "1.5", "limits.samples_seen is '1.5': it must be a whole number"),
        ("samples_seen", "0,1", "it must be rising whole numbers of at least 1"),
        ("phase_scales", "", r"limits.phase_scales is \(\): it must be distinct numbers"),
        ("phase_scales", "0.5,-1", "it must be distinct numbers of at least 0"),
    ],
)
def test_bad_limits_are_one_sentence(tmp_path, capsys, field, text, sentence):
    assert invoke(tmp_path, f"--config.limits.{field}={text}") == 2
    capsys_text = capsys.readouterr()
    assert capsys_text.err.count("\n") == 1
    assert re.search(sentence, capsys_text.err)
    assert not (tmp_path / "out").exists()


def test_a_config_from_before_there_were_limits(tmp_path):
    values = configs.to_dict(Config(limits=LimitsConfig(samples_seen=(3, 4))))
    again = validation.from_dict(json.loads(json.dumps(values)), "here")
    assert again.limits.samples_seen == (3, 4)
    del values["limits"]
    assert validation.from_dict(values, "here").limits == LimitsConfig()
