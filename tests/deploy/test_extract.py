"""Extraction: the component of a recording in its own format, said honestly; and recordings with targets."""

import os

import numpy as np
import pytest
from scipy.io import wavfile

import freqjax
from freqjax import TaskConfig, UserError
from freqjax.deploy import extract
from freqjax.deploy.component_stream import ComponentStream
from freqjax.deploy.spectrum import Spectrum
from freqjax.deploy.trained import Trained
from freqjax.figures import canvas
from freqjax.main import main
from freqjax.tasks import make_task
from freqjax.tasks.extraction import figures
from tests.root import ROOT
from tests.sentences import assert_one_sentence
from tests.twins import extraction

CLOCK = str(ROOT / "checkpoints" / "clock64")
TIME = np.arange(3000) / 1000
MIXTURE = np.sin(2 * np.pi * TIME[:, None] * [1, 3, 5, 7]).mean(axis=1)


@pytest.fixture(scope="module")
def clock():
    trained = freqjax.load(CLOCK)
    return ComponentStream(trained, extraction(trained.config), 1)


@pytest.fixture
def invoke(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(line):
        code = main(["--mode", "extract", "--checkpoint", CLOCK, *line.split()])
        return code, *capsys.readouterr()

    return call


def run(clock, source, output, resampled=False, channel=None):
    """Extract 3 Hz, without the command line and without a figure, and return the report."""
    options = {"channel": channel, "resampled": resampled, "workdir": None, "figures": False}
    planned = extract.plan(clock.task, str(source), str(output), **options)
    lines = []
    extract.run(clock, planned, lines.append)
    return "\n".join(lines)


def test_a_clock_puts_out_its_sine_and_is_called_a_clock(invoke, tmp_path):
    wavfile.write(tmp_path / "mix.wav", 1000, (MIXTURE * 20_000).astype(np.int16))
    code, text, error = invoke("--input mix.wav --select 3 --output voice.wav --workdir pictures")
    assert (code, error) == (0, "")
    rate, found = wavfile.read(tmp_path / "voice.wav")
    assert (rate, found.dtype, found.shape) == (1000, np.int16, (3000,))
    assert np.mean((found / 32768 - np.sin(6 * np.pi * TIME)) ** 2) < 1e-3
    assert {path.name for path in tmp_path.iterdir()} == {"mix.wav", "voice.wav", "pictures"}
    assert (tmp_path / "pictures" / "voice.spectra.png").exists()
    assert "mix.wav (WAV, 16-bit whole numbers, channel 1): 3,000 samples, 3 s at 1000 Hz\n" in text
    assert "× real time" in text
    assert "this network is a clock: its output does not depend on the input" in text
    assert "samples were beyond full scale and were clipped to it" in text


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
    clean = np.sin(6 * np.pi * np.arange(12_001) / 4000)
    assert np.mean((found - clean)[middle] ** 2) < 1e-3
    assert "processed at 1000 Hz, and resampled back" in text
    assert "the signal is unlike the training signals: its rms is" in text


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
    assert np.mean((found - np.sin(6 * np.pi * TIME)) ** 2) < 1e-3
    assert ("since the file states none" in text) == (suffix == "npy")


def test_a_rate_of_few_digits_is_used_and_told(clock, tmp_path):
    seconds = np.arange(2205) / 44_100
    table = np.c_[seconds, 0.2 * np.sin(6 * np.pi * seconds)]
    source, output = tmp_path / "a.csv", tmp_path / "b.csv"
    np.savetxt(source, table, ["%.6f", "%.9g"], ",", header="Time (s),S", comments="")
    text = run(clock, source, output, resampled=True)
    assert "2,205 samples, 0.05 s at 44100 Hz\n" in text
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
    assert "the recording is silent" in text


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
    ],
)
def test_a_mistake_leaves_nothing(invoke, tmp_path, line, sentence):
    np.save("a.npy", MIXTURE)
    np.save("taken.npy", MIXTURE)
    (tmp_path / "c").mkdir()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    code, text, error = invoke(line)
    assert (code, text) == (2, "")
    assert_one_sentence(error)
    assert sentence in error
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_network_that_depends_on_its_input_is_not_called_a_clock(clock):
    assert extract.measure_reference(clock).dependence < 0.01
    config, task = clock._trained.config, clock.task
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
    known = extract.measure_reference(ComponentStream(Trained(config, params), task, 1))
    assert known.dependence == pytest.approx(1)
    assert not known.is_clock
    # Rows of phase_scale 1 have the rms of four components of random phase, and targets of a sine.
    assert known.input_rms == pytest.approx(np.sqrt((1 + 0.16 / 12) / 2 / 4), rel=0.02)
    assert known.output_rms == pytest.approx(np.sqrt(0.5), rel=1e-3)


@pytest.mark.parametrize("length", [1, 900, 100_000])
def test_a_sine_stands_as_high_as_its_amplitude(length):
    spectrum = Spectrum(1.0, 1000.0)
    signal = 5 + 0.7 * np.sin(2 * np.pi * 250 * np.arange(length) / 1000 + 0.3)
    for first in range(0, length, 777):
        spectrum.add(signal[first : first + 777])
    hz, amplitude = spectrum.amplitude()
    assert hz.shape == amplitude.shape
    assert len(hz) <= 32_768 // 2 + 1
    if length > 1:
        assert hz[amplitude.argmax()] == pytest.approx(250, abs=1.2)
        assert amplitude.max() == pytest.approx(0.7, rel=0.02)


def test_the_figure_says_what_came_out(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(canvas, "set_headline", lambda figure, text: said.append(text))
    hz = np.linspace(0, 50, 501)

    def line(*at):
        return hz, sum((a * np.exp(-(((hz - f) / 0.1) ** 2)) for f, a in at), np.full(501, 1e-6))

    def draw(after, depends_on_input=True):
        path = figures.extraction(
            line((1, 1), (3, 1)), after, (1.0, 3.0), 1, depends_on_input, tmp_path / "a.png"
        )
        assert path.exists()
        return said[-1]

    assert "3 Hz extracted, the task's other lines 40 dB below it" in draw(line((3, 1), (1, 0.01)))
    assert "only 6 dB below it" in draw(line((3, 1), (1, 0.5)))
    assert "the output's strongest line is at 8 Hz" in draw(line((8, 1)))
    assert "is zero" in draw((hz, np.zeros(501)))
    assert "from a clock that does not depend" in draw(line((3, 1)), depends_on_input=False)


# Recordings with targets.

SMALL = {"frequencies": (1.0, 3.0), "sampling_rate": 20.0, "duration": 1.0}


@pytest.mark.parametrize("fields", [{}, {"start": "random", "starts": 3}])
def test_a_mixture_and_its_components_are_the_rows_they_were(tmp_path, fields):
    synthesised = make_task(TaskConfig(**{**SMALL, **fields})).rows("train")
    # [starts, F, T]: every start has its mixture F times.
    starts = len(synthesised.groups) // 2
    mixture = synthesised.inputs[::2, :, 0]
    targets = synthesised.targets[..., 0].reshape(starts, 2, 20)
    stems = np.concatenate([mixture[:, None], targets], axis=1).transpose(0, 2, 1).reshape(-1, 3)
    wavfile.write(tmp_path / "stems.wav", 20, stems)
    np.save(tmp_path / "stems.npy", stems)
    for path in tmp_path.iterdir():
        blocks = make_task(TaskConfig(train_path=str(path), **{**SMALL, **fields})).rows("train")
        for ours, theirs in zip(blocks, synthesised, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("stems", "rate", "sentence"),
    [
        (np.zeros(20), 20, "has 1 channels: it must have 3, the mixture and then the target"),
        (np.zeros((20, 6)), 20, "has 6 channels: it must have 3, .* or 4, S, C1 to C2 and the"),
        (np.zeros((20, 3)), 40, "has 40 samples a second: it must have 20"),
        (np.zeros((21, 3)), 20, "has 21 samples: it must have a multiple of 20, task.duration"),
        (np.zeros((40, 3)), 20, "has 80 rows: it must have 40 rows"),
        (np.full((20, 3), np.nan), 20, "row 1, channel 1 is nan: it must be a finite number"),
    ],
)
def test_other_recordings_cannot_be_trained_on(tmp_path, stems, rate, sentence):
    path = tmp_path / "stems.wav"
    wavfile.write(path, rate, stems.astype(np.float32))
    with pytest.raises(UserError, match=sentence):
        make_task(TaskConfig(train_path=str(path), **SMALL)).rows("train")
