"""Extraction: components of a recording in its own format and strength, what remains, and what is said."""

import csv
import os
import signal
import time
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

import freqjax
from freqjax import LinesConfig, UserError
from freqjax.deploy import extraction as extract
from freqjax.deploy.component_stream import ComponentStreams
from freqjax.deploy.extraction.reference import measure_reference
from freqjax.deploy.trained import Trained
from freqjax.main import main
from freqjax.run.interrupts import Interrupted
from freqjax.tasks import Extraction
from freqjax.tasks.lines.task import Lines
from tests.root import ROOT
from tests.sentences import assert_one_sentence
from tests.twins import extraction

CLOCK = str(ROOT / "checkpoints" / "clock64")
TIME = np.arange(3000) / 1000
MIXTURE = np.sin(2 * np.pi * TIME[:, None] * [1, 3, 5, 7]).mean(axis=1)
WANTED = np.sin(6 * np.pi * TIME) / 4


class Clock:
    """The shipped clock, and streams of it."""

    def __init__(self):
        self.trained = freqjax.load(CLOCK)
        self.task = extraction(self.trained.config)

    def streams(self, planned):
        return ComponentStreams(self.trained, self.task, planned.groups, len(planned.channels))


class TrueStrength(Extraction):
    """The task of the clock, with targets as strong as their components."""

    true_strength = True


class Passing(ComponentStreams):
    """Streams whose outputs are their inputs, in place of a network."""

    def __init__(self, planned):
        self.task, self.groups, self.channels = planned.task, planned.groups, len(planned.channels)
        self.columns, self.largest = 1, 0.0

    def restart(self):
        """Begin again, which changes nothing."""

    def process(self, samples):
        """Return the samples for every component, and note the largest."""
        self.largest = max(self.largest, float(np.abs(samples).max(initial=0.0)))
        return np.repeat(samples[:, :, None], len(self.groups), axis=2).astype(np.float32)


@pytest.fixture(scope="module")
def clock():
    return Clock()


@pytest.fixture(scope="module")
def true_task(clock):
    return TrueStrength(clock.trained.config.task)


@pytest.fixture
def invoke(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(line):
        code = main(["--mode", "extract", "--checkpoint", CLOCK, *line.split()])
        return code, *capsys.readouterr()

    return call


def run(clock, source, output, groups=(1,), **options: Any):
    """Extract without the command line and without a figure, and return the report."""
    options = {"figures": False, **options}
    planned = extract.plan(clock.task, groups, str(source), str(output), **options)
    lines = []
    extract.run(clock.streams(planned), planned, lines.append)
    return "\n".join(lines)


def table(path):
    """Read the rows of a CSV of lines."""
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_clock_puts_out_its_sine_and_is_called_a_clock(invoke, tmp_path):
    wavfile.write(tmp_path / "mix.wav", 1000, (MIXTURE * 20_000).astype(np.int16))
    code, text, error = invoke("--input mix.wav --select 3 --output voice.wav --workdir pictures")
    assert (code, error) == (0, "")
    rate, found = wavfile.read(tmp_path / "voice.wav")
    assert (rate, found.dtype, found.shape) == (1000, np.int16, (3000,))
    assert np.abs(found / 32768 - WANTED * 20_000 / 32768).max() < 0.01
    files = {"mix.wav", "voice.wav", "voice.lines.csv", "pictures"}
    assert {path.name for path in tmp_path.iterdir()} == files
    assert (tmp_path / "pictures" / "voice.spectra.png").exists()
    assert (
        "mix.wav (WAV, 16-bit whole numbers, channel 1): 3,000 samples, 3 s at 1000 Hz; in" in text
    )
    assert "× real time" in text
    assert "this network is a clock: its output does not depend on the input" in text
    assert "the line was taken out: " in text and "clipped" not in text
    (row,) = table(tmp_path / "voice.lines.csv")
    assert float(row["strength"]) == pytest.approx(5 / 32.768, rel=0.01)
    assert float(row["frequency_hz"]) == pytest.approx(3, abs=0.01)
    assert float(row["output_strength"]) == pytest.approx(5 / 32.768, rel=0.01)


def test_another_rate_is_refused_and_resampled_on_request(clock, tmp_path):
    fast = np.interp(np.arange(12_001) / 4000, TIME, 0.01 * MIXTURE).astype(np.float32)
    source, output = tmp_path / "mix.wav", tmp_path / "voice.wav"
    wavfile.write(source, 4000, np.stack([np.zeros_like(fast), fast], axis=1))
    refusal = (
        "has 4000 samples a second and the network was trained at 1000 .* --resample must be given"
    )
    with pytest.raises(UserError, match=refusal):
        run(clock, source, output, channel="2")
    text = run(clock, source, output, channel="2", resampled=True)
    rate, found = wavfile.read(output)
    assert (rate, found.dtype, found.shape) == (4000, np.float32, (12_001,))
    middle = slice(400, -400)  # resampling rings where the signal begins and ends
    clean = 0.0025 * np.sin(6 * np.pi * np.arange(12_001) / 4000)
    assert np.mean((found - clean)[middle] ** 2) < 1e-3 * 0.0025**2
    assert "processed at 1000 Hz, and resampled back" in text


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv"])
def test_generated_rows_and_bare_arrays_can_be_listened_to(clock, tmp_path, suffix):
    source, output = tmp_path / f"mix.{suffix}", tmp_path / f"voice.{suffix}"
    if suffix == "npy":
        np.save(source, MIXTURE)
    elif suffix == "npz":
        np.savez(source, t=TIME, S=MIXTURE, C=np.zeros((3000, 4)), target=MIXTURE)
    else:
        np.savetxt(source, np.c_[TIME, MIXTURE], "%.9g", ",", header="t,S", comments="")
    text = run(clock, source, output)
    if suffix == "csv":
        found = np.loadtxt(output, delimiter=",", skiprows=1)[:, 1]
    else:
        found = np.load(output)
        found = found if suffix == "npy" else found["S"]
    assert np.mean((found - WANTED) ** 2) < 1e-3 * np.mean(WANTED**2)
    assert ("since the file states none" in text) == (suffix == "npy")


def test_a_rate_of_few_digits_is_used_and_told(clock, tmp_path):
    seconds = np.arange(2205) / 44_100
    table = np.c_[seconds, 0.2 * np.sin(6 * np.pi * seconds)]
    source, output = tmp_path / "a.csv", tmp_path / "b.csv"
    np.savetxt(source, table, ["%.6f", "%.9g"], ",", header="Time (s),S", comments="")
    text = run(clock, source, output, resampled=True)
    assert "2,205 samples, 0.05 s at 44100 Hz; in" in text
    assert "column Time (s): 2,205 times tell 44100 Hz, to within 1.5 Hz" in text
    assert np.loadtxt(output, delimiter=",", skiprows=1).shape == (2205, 2)


def test_the_rate_of_the_network_is_taken_where_the_times_permit_it(clock, tmp_path):
    """Times that are rounded to 1 ms tell 1000 Hz no better than to a thousandth."""
    seconds = np.arange(3000) / 1000.3
    table = np.c_[seconds, MIXTURE]
    np.savetxt(tmp_path / "a.csv", table, ["%.3f", "%.9g"], ",", header="t,S", comments="")
    assert "3,000 samples" in run(clock, tmp_path / "a.csv", tmp_path / "b.csv")
    np.savetxt(tmp_path / "c.csv", table, ["%.6f", "%.9g"], ",", header="t,S", comments="")
    with pytest.raises(
        UserError, match=r"has 1000\.3 samples a second .* --resample must be given"
    ):
        run(clock, tmp_path / "c.csv", tmp_path / "d.csv")


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such names")
def test_control_characters_in_a_name_reach_no_terminal(clock, tmp_path):
    np.save(tmp_path / "a\x1b[2J.npy", MIXTURE[:50])
    text = run(clock, tmp_path / "a\x1b[2J.npy", tmp_path / "b.npy")
    assert "\x1b" not in text and "a\\x1b[2J.npy" in text


def test_a_sample_that_is_not_finite_leaves_nothing(clock, tmp_path):
    np.save(tmp_path / "bad.npy", np.where(TIME == 2, np.nan, MIXTURE))
    with pytest.raises(UserError, match="row 2001, channel 1 is nan: it must be"):
        run(clock, tmp_path / "bad.npy", tmp_path / "voice.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.npy"]


def test_silence_is_called_silence(clock, tmp_path):
    np.save(tmp_path / "mix.npy", np.zeros(50))
    text = run(clock, tmp_path / "mix.npy", tmp_path / "voice.npy")
    assert "the recording is silent" in text and "no line within" in text
    assert not np.load(tmp_path / "voice.npy").any()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--select 1 --output b.npy", "--input is missing: it must name"),
        ("--select 1 --input a.npy", "--output is missing: it must name"),
        ("--input a.npy --output b.npy", "--select is missing: it must be a frequency"),
        ("--select 2 --input a.npy --output b.npy", "--select is '2': it must be"),
        ("--select 1 --input none.npy --output b.npy", "there is no such file"),
        ("--select 1 --input a.npy --output b.wav", "it must end in .npy, since it has the format"),
        ("--select 1 --input a.npy --output a.npy", "--output is a.npy: it is the --input"),
        (
            "--select 1 --input a.npy --output ./c/../a.npy",
            "--output is c/../a.npy: it is the --input",
        ),
        ("--select 1 --input a.npy --output taken.npy", "it exists already, and is left as it is"),
        ("--select 1 --input a.npy --output none/b.npy", "its folder does not exist"),
        (
            "--select 1 --input a.npy --output b.npy --workdir taken.npy",
            "it is a file, and must be",
        ),
        ("--select 1 --input a.npy --output b.npy --channel 2", "--channel is '2': it must be"),
        ("--select 1,2 --input a.npy --output b.npy", "--select is '2': it must be"),
        (
            "--select 1,3,1 --input a.npy --output b.npy",
            "'1,3,1': it must hold each frequency once",
        ),
        ("--select 1 --input a.npy --output b.npy --gain 0", "--gain is '0': it must be auto"),
        (
            "--select 1 --input a.npy --output b.npy --gain loud",
            "--gain is 'loud': it must be auto",
        ),
        ("--select 1 --input a.npy --output b.npy --residual b.npy", "b.npy is written as well"),
        ("--select 1 --input a.npy --output b.npy --residual a.npy", "--residual is a.npy: it is"),
        ("--select 1 --input a.npy --output b.npy --residual c.wav", "it must end in .npy"),
        ("--select 1 --input a.npy --output old.npy", "old.lines.csv, which belongs to it, exists"),
        ("--select 1,3 --input a.npy --output two.npy", "two.3Hz.npy, which belongs to it, exists"),
        (
            "--config.task.name=tests.strangers.classifier:Task --select 1",
            "it must be extraction, or another task that separates",
        ),
    ],
)
def test_a_mistake_leaves_nothing(invoke, tmp_path, line, sentence):
    np.save("a.npy", MIXTURE)
    np.save("taken.npy", MIXTURE)
    (tmp_path / "c").mkdir()
    for name in ("old.lines.csv", "two.3Hz.npy"):
        (tmp_path / name).write_text("")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    code, text, error = invoke(line)
    assert (code, text) == (2, "")
    assert_one_sentence(error)
    assert sentence in error
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_component_is_aligned_through_resampling(tmp_path, true_task):
    """What passes through comes out at its time, to a thousandth of a sample."""
    rate, hz = 4800, 37.0
    seconds = np.arange(3 * rate) / rate
    signal = 0.01 * np.sin(2 * np.pi * hz * seconds + 0.5)
    np.savez(tmp_path / "a.npz", S=signal, sampling_rate=rate)
    planned = extract.plan(
        true_task, (1,), str(tmp_path / "a.npz"), str(tmp_path / "b.npz"),
        residual=str(tmp_path / "r.npz"), resampled=True, figures=False,
    )  # fmt: skip
    streams = Passing(planned)
    lines = []
    extract.run(streams, planned, lines.append)
    found, left = np.load(tmp_path / "b.npz")["S"], np.load(tmp_path / "r.npz")["S"]
    middle = slice(rate // 4, -rate // 4)
    reference = np.exp(-2j * np.pi * hz * seconds)[middle]
    ratio = np.sum(found[middle] * reference) / np.sum(signal[middle] * reference)
    assert abs(np.angle(ratio)) / (2 * np.pi * hz) * rate < 1e-3
    assert abs(ratio) == pytest.approx(1, abs=5e-3)
    np.testing.assert_allclose(found + left, signal, rtol=0, atol=1e-12)
    # The gain made the input as strong as a training signal, and the output was divided by it again.
    known = measure_reference(streams)
    gain = known.input_rms / (0.01 * np.sqrt(0.5))
    (said,) = [line for line in lines if line.startswith("gain ")]
    assert float(said.split()[1].rstrip(":")) == pytest.approx(gain, rel=0.02)


@pytest.mark.parametrize(("gain", "factor"), [("none", 1.0), ("2.5", 2.5)])
def test_the_gain_is_as_given(tmp_path, true_task, gain, factor):
    np.save(tmp_path / "a.npy", 100 * MIXTURE)
    planned = extract.plan(
        true_task, (1,), str(tmp_path / "a.npy"), str(tmp_path / "b.npy"), gain=gain, figures=False
    )
    streams, lines = Passing(planned), []
    extract.run(streams, planned, lines.append)
    assert streams.largest == pytest.approx(factor * 100 * np.abs(MIXTURE).max(), rel=1e-6)
    np.testing.assert_allclose(np.load(tmp_path / "b.npy"), 100 * MIXTURE, atol=1e-4)
    assert any("the signal is unlike the training signals" in line for line in lines)


def test_an_offset_is_left_out_of_what_the_network_reads(tmp_path, true_task):
    found = []
    for name, offset in (("a", 0.0), ("b", 50.0), ("c", 0.05)):
        np.save(tmp_path / f"{name}.npy", MIXTURE + offset)
        source, output, rest = (str(tmp_path / f"{name}{end}.npy") for end in ("", "1", "2"))
        planned = extract.plan(true_task, (1,), source, output, residual=rest, figures=False)
        lines = []
        extract.run(Passing(planned), planned, lines.append)
        found.append(np.load(output))
        np.testing.assert_allclose(np.load(rest) + found[-1], MIXTURE + offset, atol=1e-5)
        said = [line for line in lines if line.startswith("offset 50")]
        assert len(said) == (offset == 50)
    mean = MIXTURE.mean()
    np.testing.assert_allclose(found[1], found[0] - mean, atol=1e-5)
    # That of a loud event is no offset of the rest.
    event = np.where(np.arange(len(MIXTURE)) < len(MIXTURE) // 40, 500.0, MIXTURE)
    np.save(tmp_path / "d.npy", event)
    source, output = str(tmp_path / "d.npy"), str(tmp_path / "d1.npy")
    planned = extract.plan(true_task, (1,), source, output, figures=False)
    lines = []
    extract.run(Passing(planned), planned, lines.append)
    assert not any(line.startswith("offset") for line in lines)
    # A small one is part of the signal.
    np.testing.assert_allclose(found[2], found[0] + 0.05, atol=1e-5)


def test_several_components_of_all_channels_are_taken_out_in_one_pass(clock, tmp_path):
    """Both channels hold the same sines at other strengths, the second one of them upside down."""
    sines = np.sin(2 * np.pi * TIME[:, None] * [1, 3, 5, 7])
    channels = np.stack([sines @ [0, 0.02, 0.5, 0.1], sines @ [0, -8, 3, 0]], axis=1)
    wavfile.write(tmp_path / "a.wav", 1000, channels.astype(np.float32))
    options = {"channel": "all", "residual": str(tmp_path / "r.wav")}
    text = run(clock, tmp_path / "a.wav", tmp_path / "b.wav", (1, 2), **options)
    found = {hz: np.asarray(wavfile.read(tmp_path / f"b.{hz}Hz.wav")[1]) for hz in (3, 5)}
    left = np.asarray(wavfile.read(tmp_path / "r.wav")[1])
    for hz, strengths in ((3, [0.02, -8]), (5, [0.5, 3])):
        wanted = np.sin(2 * np.pi * hz * TIME)[:, None] * strengths
        assert found[hz].shape == (3000, 2)
        error = np.mean((found[hz] - wanted) ** 2, axis=0) / np.mean(wanted**2, axis=0)
        assert np.all(error < [0.05, 2e-3])  # 3 Hz is weak beside 5 Hz in channel 1
    np.testing.assert_allclose(found[3] + found[5] + left, channels, atol=2e-6)
    rows = table(tmp_path / "b.lines.csv")
    keys = {(row["channel"], row["selected_hz"]) for row in rows}
    assert keys == {("1", "3"), ("2", "3"), ("1", "5"), ("2", "5")}
    assert "gain of channel 1" in text and "channel 2: the line was taken out" in text


def test_channels_and_components_do_not_mix(clock, tmp_path):
    """Together they give what each gives alone."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", rng.normal(size=(2000, 2)))
    run(clock, tmp_path / "a.npy", tmp_path / "b.npy", (0, 3), channel="all")
    run(clock, tmp_path / "a.npy", tmp_path / "c.npy", (0, 3), channel="2")
    both, alone = np.load(tmp_path / "b.7Hz.npy"), np.load(tmp_path / "c.7Hz.npy")
    np.testing.assert_allclose(both[:, 1], alone, atol=1e-6)


def test_what_exceeds_full_scale_is_counted_in_the_residual_too(tmp_path, true_task):
    """A network that answers with twice its input leaves a residual of minus the input."""

    class Double(Passing):
        def process(self, samples):
            return -1.5 * super().process(samples)

    signal = np.full(1000, 0.9) * np.cos(np.pi * np.arange(1000))
    wavfile.write(tmp_path / "a.wav", 1000, (32_768 * signal).astype(np.int16))
    planned = extract.plan(
        true_task, (1,), str(tmp_path / "a.wav"), str(tmp_path / "b.wav"),
        residual=str(tmp_path / "r.wav"), figures=False,
    )  # fmt: skip
    lines = []
    extract.run(Double(planned), planned, lines.append)
    clipped = [line for line in lines if "clipped" in line]
    assert clipped == [
        "1,000 samples were beyond full scale and were clipped to it in "
        + str(tmp_path / f"{name}.wav")
        for name in ("b", "r")
    ]
    assert np.abs(wavfile.read(tmp_path / "r.wav")[1].astype(int)).min() >= 32_767


def test_slow_lines_are_told_by_their_periods(tmp_path):
    """A daily line of a period of 23.9 h, hourly; files keep Hz."""
    daily = 1 / 86_400
    task = Lines(
        LinesConfig(
            frequencies=(daily, 2 * daily), sampling_rate=1 / 3600, duration=40 * 86_400.0,
            recordings=1,
        )
    )  # fmt: skip
    signal = 3 * np.sin(2 * np.pi * np.arange(24 * 300) / 23.9)
    np.savez(tmp_path / "a.npz", S=signal, sampling_rate=1 / 3600)
    source, output = str(tmp_path / "a.npz"), str(tmp_path / "b.npz")
    planned = extract.plan(task, (0, 1), source, output)
    lines = []
    extract.run(Passing(planned), planned, lines.append)
    text = "\n".join(lines)
    assert "7,200 samples, 300 days at one sample every 1 h" in text
    assert "1 day: " in text and "12 h: " in text and "period 23.9 h (23.9 h to 23.9 h; " in text
    assert "no line within ±5 % of 12 h stands above the noise" in text
    assert "stretches of 10 days: strength 3 " in text
    assert "Hz" not in text.replace("Hz.npz", "").replace("Hz.spectra.png", "")
    rows = table(tmp_path / "b.lines.csv")
    assert {row["selected_hz"] for row in rows} == {"1.15740741e-05", "2.31481481e-05"}
    assert float(rows[3]["frequency_hz"]) == pytest.approx(1 / (23.9 * 3600), rel=1e-4)


def test_a_line_that_the_network_misses_is_called_so(clock, tmp_path):
    """A sine 3 % beside the clock's is not taken out, and noise has no line."""
    seconds = np.arange(60_000) / 1000
    rng = np.random.default_rng(0)
    beside = np.sin(2 * np.pi * 7 * 1.03 * seconds) + 0.1 * rng.normal(size=60_000)
    np.save(tmp_path / "a.npy", beside)
    text = run(clock, tmp_path / "a.npy", tmp_path / "b.npy", (3,))
    assert "of the line's power is left: do not use this output" in text
    assert "(7.20" in text or "7.21" in text
    np.save(tmp_path / "c.npy", rng.normal(size=60_000))
    text = run(clock, tmp_path / "c.npy", tmp_path / "d.npy", (3,))
    assert "no line within ±5 % of 7 Hz stands above the noise" in text


@pytest.mark.parametrize("when", ["while it runs", "at the end"])
def test_an_interrupt_leaves_nothing(tmp_path, true_task, when, monkeypatch):
    np.save(tmp_path / "a.npy", MIXTURE)
    planned = extract.plan(
        true_task, (1, 2), str(tmp_path / "a.npy"), str(tmp_path / "b.npy"),
        residual=str(tmp_path / "r.npy"), figures=False,
    )  # fmt: skip

    class Stopped(Passing):
        def process(self, samples):
            if len(samples) == 3000 and when == "while it runs" and self.asked:
                raise Interrupted(signal.SIGINT)
            self.asked = True
            return super().process(samples)

    streams = Stopped(planned)
    streams.asked = False
    if when == "at the end":
        whole, link = [], os.link

        def linked(source, goal):
            if len(whole) == 2:
                raise Interrupted(signal.SIGINT)
            whole.append(goal)
            link(source, goal)

        monkeypatch.setattr(os, "link", linked)
    with pytest.raises(Interrupted):
        extract.run(streams, planned, lambda line: None)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_what_a_kill_left_is_removed(clock, tmp_path):
    np.save(tmp_path / "a.npy", MIXTURE)
    left = [tmp_path / f".b.npy.{'0' * 16}", tmp_path / f".b.lines.csv.{'1' * 16}"]
    for path in left:
        path.write_text("")
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    run(clock, tmp_path / "a.npy", tmp_path / "b.npy")
    assert not any(path.exists() for path in left)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(clock, tmp_path, monkeypatch):
    from freqjax.recordings.arrays import ArrayWriter

    def full(self, samples):
        raise OSError(28, os.strerror(28))

    np.save(tmp_path / "a.npy", MIXTURE)
    monkeypatch.setattr(ArrayWriter, "write", full)
    with pytest.raises(UserError, match=r"b\.npy cannot be written \(the disk is full\)"):
        run(clock, tmp_path / "a.npy", tmp_path / "b.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_a_network_that_depends_on_its_input_is_not_called_a_clock(clock):
    streams = ComponentStreams(clock.trained, clock.task, (0, 3))
    assert measure_reference(streams).dependence < 0.01
    config, task = clock.trained.config, clock.task
    # One that passes on what it hears: gates open, a candidate that is the mixture, a head that reads it.
    params = {
        "cell": {
            "input": {"kernel": np.zeros((5, 256), np.float32), "bias": np.zeros(256, np.float32)},
            "recurrent": {
                "kernel": np.zeros((64, 256), np.float32),
                "bias": np.zeros(256, np.float32),
            },
        },
        "head": {"kernel": np.ones((64, 1), np.float32), "bias": np.zeros(1, np.float32)},
        "carry": np.zeros(64, np.float32),
    }
    params["cell"]["input"]["kernel"][0, 128:192] = 1
    known = measure_reference(ComponentStreams(Trained(config, params), task, (1,)))
    assert known.dependence == pytest.approx(1)
    assert not known.is_clock
    # Rows of phase_scale 1 have the rms of four components of random phase, and targets of a sine.
    assert known.input_rms == pytest.approx(np.sqrt((1 + 0.16 / 12) / 2 / 4), rel=0.02)
    assert known.output_rms == pytest.approx(np.sqrt(0.5), rel=1e-3)
