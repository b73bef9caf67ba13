"""The task lines: rows, evaluation, limit, and a run from its command to its figures."""

import json

import jax
import numpy as np
import pytest

from freqjax import Config, LinesConfig, NetworkConfig, TrainConfig
from freqjax.config import validation
from freqjax.config.sections import context_of
from freqjax.errors import UserError
from freqjax.main import main
from freqjax.networks import TurningPairs, make_network
from freqjax.system import capacity
from freqjax.tasks import Batch
from freqjax.tasks.lines.judged import baseline_outputs, losses, relative_errors
from freqjax.tasks.lines.possible import least_possible
from freqjax.tasks.lines.task import Lines

GAUSSIAN = {
    "amplitude_law": "gaussian",
    "normalize": False,
    "snr_range": (0.0, 0.0),
    "frequencies": (20.0,),
    "sampling_rate": 200.0,
    "duration": 1.0,
}


def small(**fields) -> Lines:
    """Return a task of short recordings."""
    return Lines(LinesConfig(**{"duration": 0.5, "recordings": 3, "test_recordings": 4, **fields}))


def rows_of(task: Lines, split: str) -> Batch:
    """Return the rows of a split that is there."""
    rows = task.split(split)
    assert rows is not None
    return rows


@pytest.mark.parametrize("together", [True, False])
def test_sequences_come_recording_by_recording_and_line_by_line(together):
    task = small(frequencies=(50.0, 80.0), together=together, snr_range=(200.0, 200.0))
    rows = rows_of(task, "train")
    signal, target = (np.asarray(a)[..., 0] for a in (rows.inputs["signal"], rows.targets))
    np.testing.assert_array_equal(rows.group, [0, 1] * 3)
    np.testing.assert_array_equal(rows.inputs["selector"][:, 0], np.eye(2)[np.asarray(rows.group)])
    if together:
        np.testing.assert_array_equal(signal[0], signal[1])
        np.testing.assert_allclose(signal[0], target[0] + target[1], atol=1e-5)
    else:
        np.testing.assert_allclose(signal, target, atol=1e-5)
    peaks = np.abs(np.fft.rfft(target, axis=1)).argmax(axis=1) / 0.5
    np.testing.assert_array_equal(peaks, [50, 80] * 3)


def test_rows_of_a_seed_repeat_and_fresh_ones_do_not():
    task = small()
    again = small()
    np.testing.assert_array_equal(rows_of(task, "train").targets, rows_of(again, "train").targets)
    assert not np.array_equal(rows_of(task, "train").targets, rows_of(task, "test").targets[:3])
    one, two = (task.sample(jax.random.key(k), 100).targets for k in (0, 1))
    assert one.shape == (3, 100, 1)
    assert not np.array_equal(one, two)


def test_iq_has_two_inputs_and_two_outputs():
    task = small(iq=True, snr_range=(200.0, 200.0))
    rows = rows_of(task, "test")
    assert (task.input_size, task.output_size) == (3, 2)
    wave = np.asarray(rows.targets[..., 0]) + 1j * np.asarray(rows.targets[..., 1])
    # A line of positive frequency turns to the left alone.
    power = np.abs(np.fft.fft(wave, axis=1)) ** 2
    np.testing.assert_allclose(power[:, 25] / power.sum(axis=1), 1, atol=1e-5)


def test_errors_are_those_of_numpy():
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(size=(2, 3, 50, 2))
    late = slice(10, None)
    wrong = (outputs - targets)[:, late] ** 2
    expected = [wrong[b].sum() / (targets[b, late] ** 2).sum() for b in range(3)]
    np.testing.assert_allclose(relative_errors(outputs, targets, 10), expected)
    np.testing.assert_allclose(losses(outputs, targets, 10), wrong.sum(axis=2).mean(axis=1))


def test_a_filter_that_knows_the_frequency_finds_a_clear_line():
    task = small(duration=2.0, snr_range=(40.0, 40.0), frequencies=(50.0, 80.0), together=False)
    rows = rows_of(task, "test")
    found = baseline_outputs(
        task.config, np.asarray(rows.inputs["signal"][..., 0]), np.asarray(rows.group)
    )
    for name in ("extended_kalman", "harmonic_regression"):
        assert relative_errors(found[name][..., None], rows.targets, 1000).max() < 1e-3, name


@pytest.mark.parametrize(
    ("frequencies", "together"),
    [((20.0,), True), ((20.0, 22.0, 62.0), True), ((20.0, 62.0), False)],
)
def test_the_limit_of_a_gaussian_law_is_that_of_the_batch_posterior(frequencies, together):
    fields = GAUSSIAN | {"frequencies": frequencies, "together": together}
    config = LinesConfig(**fields, burn_in=0.9)
    least, note = least_possible(config)
    assert "exact" in note
    # Bayesian least squares with all samples up to t, independent of any recursion.
    low, high = config.amplitude_range
    power = np.mean(np.exp(np.linspace(np.log(low), np.log(high), 200_001)) ** 2) / 2
    errors = []
    for selected in frequencies:
        others = [f for f in frequencies if together and f != selected]
        angles = 2 * np.pi * np.arange(200)[:, None] / 200 * np.array([selected, *others])
        rows = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        lines = 1 + len(others)
        for t in range(180, 200):
            seen = rows[: t + 1]
            covariance = np.linalg.inv(seen.T @ seen / power + np.eye(2 * lines) / power)
            row = np.where(np.arange(2 * lines) % lines == 0, rows[t], 0)
            errors.append(row @ covariance @ row)
    assert least == pytest.approx(np.mean(errors), rel=1e-4)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"detuning": 0.01}, "task.detuning"),
        ({"snr_range": (0.0, 1.0)}, "task.snr_range"),
        ({"noise_colors": ("pink",)}, "task.noise_colors"),
        ({"burst_rate": 1.0}, "task.burst_rate"),
        ({"amplitude_law": "log_uniform"}, "task.amplitude_law is log_uniform"),
        ({"train_path": "mine.npy"}, r"rows of a file \(task.train_path\)"),
    ],
)
def test_another_law_has_no_limit_and_says_why(change, reason):
    least, note = least_possible(LinesConfig(**{**GAUSSIAN, **change}))
    assert least is None
    assert reason.replace("\\", "") in note


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"frequencies": (400.0,), "harmonics": (3,)},
            "reaches 1200 Hz, and must stay below the Nyquist",
        ),
        ({"frequencies": (1e-5,)}, "must hold at least two of its periods"),
        ({"noise_colors": ("recordings",)}, "task.noise_path is empty"),
        ({"noise_path": "x.wav"}, "task.noise_path is x.wav"),
        ({"amplitude_law": "gaussian"}, "task.normalize is true"),
        ({"duration": 0.10001}, "whole number of samples"),
        ({"detuning": 0.4}, "task.detuning is 0.4"),
        ({"iq": True, "train_path": "x.npy"}, "task.train_path is x.npy"),
        ({"rotor_leak": 900.0}, "task.rotor_leak is 900"),
        ({"rotor_high": 600.0}, "task.rotor_high is 600"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(fields, words):
    config = Config(task=LinesConfig(**fields), network=NetworkConfig(initializer="rotor"))
    with pytest.raises(UserError) as refused:
        validation.validate(config)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("hz", "rate"),
    [((50.0,), 250.0), ((0.0805, 0.0417), 1.0), ((1.0, 2.0), 48.0), ((16.7,), 2000.0)],
)
def test_rotors_fit_lines_of_any_rate_by_themselves(hz, rate):
    config = LinesConfig(
        frequencies=hz, sampling_rate=rate, duration=round(100 * rate / min(hz)) / rate
    )
    validation.validate(Config(task=config, network=NetworkConfig(initializer="rotor")))
    setting = Lines(config).rotors()
    low, high = setting.band
    assert low < min(hz) / rate <= max(hz) / rate < high < 0.5
    assert 0 < setting.decay < setting.leak < 0.5


@pytest.mark.parametrize("cell", ["lstm", "lru"])
def test_a_pair_of_every_line_begins_at_its_frequency(cell):
    # Almost without a leak, so that a pair of an LSTM turns as it was set.
    task = small(frequencies=(50.0, 81.5), rotor_leak=0.1, rotor_decay=0.05)
    config = NetworkConfig(cell=cell, initializer="spectral", learned_carry=True, hidden_size=16)
    network = make_network(config, task, lambda: rows_of(task, "train"))
    assert isinstance(network, TurningPairs)
    cycles = network.pair_cycles(network.init(jax.random.key(0)))
    for line, hz in enumerate(task.config.frequencies):
        own = cycles[network.pair_owners() == line]
        assert np.abs(own * 1000.0 / hz - 1).min() < 1e-3
        assert np.abs(own * 1000.0 / hz - 1).max() > 0.01  # the others are spread over the band


def test_noise_is_cut_from_a_folder_of_recordings(tmp_path):
    rate, hz = 2000, 437.0
    tone = np.sin(2 * np.pi * hz * np.arange(3 * rate) / rate)
    np.savez(tmp_path / "hum.npz", S=5 + 3 * tone, sampling_rate=rate)
    np.savez(tmp_path / "short.npz", S=tone[:10], sampling_rate=rate)
    task = small(
        noise_colors=("recordings",),
        noise_path=str(tmp_path),
        snr_range=(0.0, 0.0),
        normalize=False,
    )
    rows = rows_of(task, "test")
    noise = np.asarray(rows.inputs["signal"] - rows.targets)[..., 0]
    # At 1,000 Hz after resampling, without its offset, as strong as the line.
    bins = np.abs(np.fft.rfft(noise * np.hanning(500), axis=1))
    assert set(bins.argmax(axis=1) * 2) <= {436, 438}
    line = np.mean(np.asarray(rows.targets) ** 2, axis=(1, 2))
    np.testing.assert_allclose(np.mean(noise**2, axis=1) / line, 1, rtol=0.02)


def test_an_excerpt_is_cut_out_of_one_recording(tmp_path):
    rng = np.random.default_rng(0)
    recordings = [rng.normal(size=size) for size in (510, 700, 505)]
    for name, samples in zip("abc", recordings, strict=True):
        np.savez(tmp_path / f"{name}.npz", S=samples, sampling_rate=1000)
    task = small(
        noise_colors=("recordings",),
        noise_path=str(tmp_path),
        snr_range=(0.0, 0.0),
        test_recordings=50,
    )
    rows = rows_of(task, "test")
    places = set()
    for excerpt in np.asarray(rows.inputs["signal"] - rows.targets)[..., 0].astype(np.float64):
        fits = {}
        for name, samples in enumerate(recordings):
            windows = np.lib.stride_tricks.sliding_window_view(samples - samples.mean(), 500)
            cosines = windows @ excerpt / np.linalg.norm(windows, axis=1) / np.linalg.norm(excerpt)
            fits |= {(name, place): abs(cosine) for place, cosine in enumerate(cosines)}
        best = max(fits, key=fits.__getitem__)
        assert fits[best] == pytest.approx(1, abs=1e-4)
        places.add(best)
    # Any place is as likely as another: the recordings have 11, 201 and 6 of them.
    assert len(places) > 35 and {name for name, _ in places} >= {0, 1}


def test_recordings_of_noise_count_as_memory(tmp_path, monkeypatch):
    np.savez(
        tmp_path / "long.npz", S=np.random.default_rng(0).normal(size=10**6), sampling_rate=2000
    )
    drawn = 4 * 4 * 4 * 500 * (1 + 2 + 1)
    # At 1,000 Hz: as read, on the device, and in the program.
    held = 3 * 4 * 500_000
    for room, fits in ((drawn + held, True), (drawn + held - 1, False)):
        monkeypatch.setattr(capacity, "available", lambda room=room: room)
        task = small(noise_colors=("recordings",), noise_path=str(tmp_path))
        if fits:
            rows_of(task, "test")
            continue
        with pytest.raises(UserError, match=r"task\.noise_path is .* need at least 0\.006 GB"):
            rows_of(task, "test")


def test_a_folder_without_noise_as_long_as_a_block_is_refused(tmp_path):
    np.savez(tmp_path / "short.npz", S=np.arange(10.0), sampling_rate=1000)
    task = small(noise_colors=("recordings",), noise_path=str(tmp_path))
    with pytest.raises(
        UserError, match=r"must hold a recording of noise that is at least task\.duration"
    ):
        rows_of(task, "test")


def test_a_recipe_is_trained_from_its_command_to_its_figures(
    tmp_path, monkeypatch, capsys, pictures
):
    monkeypatch.chdir(tmp_path)
    fields = {
        "task.duration": "0.5", "task.burn_in": "0.1", "task.recordings": "2", "task.test_recordings": "8",
        "network.hidden_size": "4", "train.epochs": "1", "train.diagnose": "false",
        "curriculum.first_horizon": "0.4",
    }  # fmt: skip
    (tmp_path / "mine.py").write_text(
        "from freqjax import *\n"
        "def get_config():\n"
        "    return Config(task=LinesConfig(duration=0.5, burn_in=0.1), network=NetworkConfig("
        "initializer='rotor', learned_carry=True, rotor_gain=0.06), train=TrainConfig(regime='full', "
        "streams='parallel', divergence_factor=None), curriculum=CurriculumConfig(first_horizon=0.4))\n"
    )
    words = ["train", "--recipe", "mine.py", "--hz", "25", "--rate", "500", "--workdir", "run"]
    del fields["task.duration"], fields["task.burn_in"], fields["curriculum.first_horizon"]
    assert main([*words, *(f"--config.{k}={v}" for k, v in fields.items())]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["task"]["frequencies"] == [25.0]
    assert config["task"]["duration"] == 1.0  # twice as long, in as many periods
    assert summary["frequencies_hz"] == [25.0]
    assert summary["limit"] is None
    assert set(summary["baselines"]) >= {"constant", "extended_kalman", "lock_in"}
    assert summary["test"]["relative_error_power"] > 0
    for name in ("errors.png", "recordings.png"):
        assert (tmp_path / "run" / "figures" / name).stat().st_size > 10_000
    assert "Line and noise" in capsys.readouterr().out


@pytest.mark.slow
def test_a_sweep_and_a_run_have_the_same_score_and_goal(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "noise"
    folder.mkdir()
    rng = np.random.default_rng(0)
    np.savez(folder / "fan.npz", S=rng.normal(size=900), sampling_rate=1000)
    fields = {
        "task.name": "lines", "task.duration": 0.5, "task.recordings": 2, "task.test_recordings": 8,
        "task.noise_colors": "recordings", "task.noise_path": "noise", "network.hidden_size": 4,
        "train.epochs": 1, "train.diagnose": "false", "train.regime": "full", "train.streams": "parallel",
    }  # fmt: skip
    words = [f"--config.{k}={v}" for k, v in fields.items()]
    assert main(["train", "--workdir", "run", *words]) == 0
    axes = "--config.sweep.axes=train.seed=0"
    assert main(["sweep", "--workdir", "sweep", axes, "--no-figures", *words]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    (row,) = json.loads((tmp_path / "sweep" / "sweep.json").read_text())["rows"]
    score = summary["test"]["relative_error_power"]
    assert row["test_relative_error_power"] == pytest.approx(score, rel=1e-4)
    others = [value for name, value in summary["baselines"].items() if name != "constant"]
    assert row["best_baseline"] == pytest.approx(min(others), rel=1e-4)
    assert not row["solved"]
    # The folder's files are part of what a resume checks.
    np.savez(folder / "fan.npz", S=rng.normal(size=900), sampling_rate=1000)
    capsys.readouterr()
    assert main(["train", "--workdir", "run", "--resume", "--config.train.epochs=2"]) == 2
    assert "noise" in capsys.readouterr().err


def test_a_silent_target_is_refused(tmp_path):
    rows = np.random.default_rng(0).normal(size=(500, 2))
    rows[:, 1] = 0
    np.save(tmp_path / "rows.npy", rows)
    with pytest.raises(UserError, match="the target of block 1 is 0 in all judged rows"):
        small(train_path=str(tmp_path / "rows.npy")).split("train")


def test_a_network_that_reads_the_future_has_no_causal_limit():
    task = LinesConfig(**GAUSSIAN)
    config = Config(
        task=task, network=NetworkConfig(bidirectional=True), train=TrainConfig(regime="windows")
    )
    least, note = Lines(task, context_of(config)).least_possible()
    assert least is None
    assert "later samples" in note
    assert Lines(task).least_possible()[0] is not None


def test_generated_rows_are_read_back_bit_for_bit(tmp_path, capsys):
    fields = {"frequencies": (50.0, 60.0), "duration": 0.5, "recordings": 2, "together": False}
    path = tmp_path / "rows.csv"
    words = [f"--config.task.{k}={v}" for k, v in fields.items() if k != "frequencies"]
    words.append("--config.task.frequencies=50,60")
    assert main(["generate", "--config.task.name=lines", "--out", str(path), *words]) == 0
    drawn = rows_of(small(**fields), "train")
    read = rows_of(small(**fields, train_path=str(path)), "train")
    np.testing.assert_array_equal(read.inputs["signal"], drawn.inputs["signal"])
    np.testing.assert_array_equal(read.targets, drawn.targets)
    np.testing.assert_array_equal(read.group, drawn.group)
    assert "wrote 2,000 rows" in capsys.readouterr().out
    iq = ["generate", "--config.task.name=lines", "--config.task.iq=true", "--out", "x.npz"]
    assert main(iq) == 2
    assert "task.iq is true: it must be false for this" in capsys.readouterr().err


def test_hz_and_rate_belong_to_a_recipe(capsys):
    assert main(["train", "--config", "quick", "--hz", "50"]) == 2
    assert "--hz is given without --recipe" in capsys.readouterr().err
    assert main(["train", "--config", "quick", "--recipe", "quick"]) == 2
    assert "--recipe is given beside --config" in capsys.readouterr().err
    assert main(["train", "--recipe", "quick"]) == 2
    assert (
        "--recipe is quick: it must name a config whose task.name is lines"
        in capsys.readouterr().err
    )
    assert main(["train", "--recipe", "hmu"]) == 2
    assert "--recipe is hmu: there is no such file" in capsys.readouterr().err
    assert main(["train", "--recipe", "hum", "--hz", "fast"]) == 2
    assert "--hz is 'fast'" in capsys.readouterr().err
