"""Complex recordings: a complex exponential in noise, taken out by a filter whose answer is known.

The network is a linear recurrent unit of constructed weights, s_t = λ s_{t-1} + (1 - r) z_t with
λ = r exp(2πi f). A exp(2πi f t + iφ) passes it unchanged after a start that falls as r^t, and of white noise
it keeps the share (1 - r) / (1 + r) of the power.
"""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from freqjax import Config, LinesConfig, NetworkConfig
from freqjax.checkpoints import store
from freqjax.config import sections
from freqjax.deploy.extraction.lines import measure
from freqjax.deploy.extraction.strength import fit
from freqjax.deploy.extraction.verdict import Segments
from freqjax.main import main
from tests.sentences import assert_one_sentence

RATE, HZ, AMPLITUDE, SIGMA = 500.0, 20.0, 0.03, 0.01
SAMPLES, KEPT = 10_000, 0.99
TIME = np.arange(SAMPLES) / RATE
LINE = AMPLITUDE * np.exp(1j * (2 * np.pi * HZ * TIME + 0.7))
PARTS = np.random.default_rng(0).normal(size=(2, SAMPLES)) * SIGMA / np.sqrt(2)
RECORDING = LINE + PARTS[0] + 1j * PARTS[1]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A folder with the weights of the filter, whose training had noise of recordings that are gone."""
    folder = tmp_path_factory.mktemp("filter")
    config = Config(
        task=LinesConfig(
            iq=True, frequencies=(HZ,), sampling_rate=RATE, duration=2.0, recordings=2,
            snr_range=(10.0, 10.0), noise_colors=("white", "recordings"), noise_path="gone",
        ),
        network=NetworkConfig(
            cell="lru", hidden_size=1, initializer="rotor", learned_carry=True
        ),
    )  # fmt: skip
    gain = math.sqrt(1 - KEPT**2)
    params = {
        "recurrence": {"nu": [math.log(-math.log(KEPT))], "theta": [2 * np.pi * HZ / RATE]},
        "input": {"re": [[1], [0]], "im": [[0], [1]]},
        "head": {
            "re": [[(1 - KEPT) / gain, 0]],
            "im": [[0, -(1 - KEPT) / gain]],
            "bias": [0, 0],
        },
        "carry": {"re": [0], "im": [0]},
    }
    arrays = {
        name: {part: np.asarray(values, np.float32) for part, values in parts.items()}
        for name, parts in params.items()
    }
    values = sections.to_dict(config)
    store.save_params_only(folder, 0, arrays, {"config": values}, metric=math.inf, warn=print)
    return folder


@pytest.fixture
def invoke(tmp_path, monkeypatch, capsys, checkpoint):
    monkeypatch.chdir(tmp_path)

    def call(line):
        words = ["--mode", "extract", "--checkpoint", str(checkpoint), "--select", f"{HZ:g}"]
        return main([*words, *line.split()]), *capsys.readouterr()

    return call


def relative(found, first=2000):
    """Return the error power of a component over the line's, after the start of the filter."""
    return np.mean(np.abs(found - LINE)[first:] ** 2) / AMPLITUDE**2


def test_a_complex_exponential_is_taken_out_at_its_strength(invoke, tmp_path):
    np.savez(tmp_path / "a.npz", S=RECORDING, sampling_rate=RATE)
    code, text, error = invoke("--input a.npz --output b.npz --residual r.npz")
    assert (code, error) == (0, "")
    found, left = np.load("b.npz")["S"], np.load("r.npz")["S"]
    assert found.dtype == complex and found.shape == left.shape == (SAMPLES,)
    np.testing.assert_allclose(found + left, RECORDING, atol=1e-12)
    # What the filter passes of the noise; over so many samples it varies by some percent.
    share = (1 - KEPT) / (1 + KEPT) * (SIGMA / AMPLITUDE) ** 2
    assert relative(found) == pytest.approx(share, rel=0.15)
    with open("b.lines.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20 and {row["channel"] for row in rows} == {"1"}
    known = {"strength": AMPLITUDE, "frequency": HZ}
    for name, value in known.items():
        unit = "" if name == "strength" else "_hz"
        inside = [
            float(row[f"{name}_low{unit}"]) <= value <= float(row[f"{name}_high{unit}"])
            for row in rows
        ]
        assert sum(inside) >= 16
    outputs = [float(row["output_strength"]) for row in rows[8:]]
    assert np.mean(outputs) == pytest.approx(AMPLITUDE, rel=0.01)
    assert np.mean([float(row["strength"]) for row in rows]) == pytest.approx(AMPLITUDE, rel=0.01)
    assert "the line was taken out" in text and "the output of this network depends" in text
    # The level is the rms of the complex numbers, as is that of the training signals, which is 1.
    (said,) = [line for line in text.splitlines() if line.startswith("gain ")]
    level = np.sqrt(AMPLITUDE**2 + SIGMA**2)
    assert float(said.split()[1].rstrip(":")) == pytest.approx(1 / level, rel=0.05)
    assert Path("b.spectra.png").exists()


def test_two_channels_are_i_and_q_and_may_be_named_the_other_way(invoke, tmp_path):
    pair = np.stack([RECORDING.real, RECORDING.imag], axis=1).astype(np.float32)
    wavfile.write(tmp_path / "a.wav", int(RATE), pair)
    wavfile.write(tmp_path / "turned.wav", int(RATE), pair[:, ::-1])
    assert invoke("--input a.wav --output b.wav --no-figures")[0] == 0
    assert invoke("--input turned.wav --channel 2,1 --output c.wav --no-figures")[0] == 0
    straight, turned = (np.asarray(wavfile.read(f"{name}.wav")[1]) for name in "bc")
    assert straight.shape == (SAMPLES, 2)
    np.testing.assert_array_equal(straight, turned[:, ::-1])
    assert relative(straight[:, 0] + 1j * straight[:, 1]) < 0.01
    # Without that word the line has a negative frequency, and there is none at the positive one.
    code, text, _ = invoke("--input turned.wav --output d.wav --no-figures")
    assert code == 0 and "no line within" in text


def test_named_columns_are_resampled_as_complex_numbers(invoke, tmp_path):
    fast = np.arange(2 * SAMPLES) / (2 * RATE)
    line = AMPLITUDE * np.exp(1j * (2 * np.pi * HZ * fast + 0.7))
    table = np.c_[fast, 0 * fast, line.imag, line.real]
    np.savetxt(tmp_path / "a.csv", table, "%.9g", ",", header="t,x,Q,I", comments="")
    code, text, _ = invoke("--input a.csv --output b.csv --resample --no-figures")
    assert code == 0 and "processed at 500 Hz" in text
    with open("b.csv", encoding="utf-8") as file:
        assert file.readline() == "t,Q,I\n"
    found = np.loadtxt("b.csv", delimiter=",", skiprows=1)
    inside = slice(4000, -400)
    error = found[inside, 2] + 1j * found[inside, 1] - line[inside]
    assert np.mean(np.abs(error) ** 2) < 1e-4 * AMPLITUDE**2


@pytest.mark.parametrize(
    ("shape", "words", "sentence"),
    [
        ((50,), "", "has one channel (channel 1): it must have two, I and Q"),
        ((50, 3), "", "--channel is missing: it must be the numbers of I and Q, such as 1,2"),
        ((50, 2), "--channel 2", "--channel is '2': it must be the numbers of I and Q"),
        ((50, 2), "--channel 1,3", "--channel is '1,3': it must be the numbers of I and Q"),
    ],
)
def test_what_is_no_pair_of_channels_is_refused(invoke, tmp_path, shape, words, sentence):
    np.save(tmp_path / "a.npy", np.ones(shape))
    code, _, error = invoke(f"--input a.npy --output b.npy {words}")
    assert code == 2 and sentence in error
    assert_one_sentence(error)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_intervals_are_those_of_the_bound_of_complex_signals():
    """The bounds σ² / 2N and 6 σ² / A² N³ of complex noise, times the cost of the window."""
    rng = np.random.default_rng(1)
    turning = np.exp(2j * np.pi * 50.2 * np.arange(400) / 400)
    found = []
    for _ in range(300):
        noise = rng.normal(size=(2, 400))
        line = measure(turning + 0.3 * (noise[0] + 1j * noise[1]), 50.0, 400.0)
        assert line is not None and line.stands
        found.append(line)
    variance = 2 * 0.3**2
    strength = np.sqrt(1.5 * variance / (2 * 400))
    hz = np.sqrt(2.343 * 6 * variance / 400**3) * 400 / (2 * np.pi)
    assert np.std([line.strength for line in found]) == pytest.approx(strength, rel=0.12)
    assert np.std([line.hz for line in found]) == pytest.approx(hz, rel=0.12)
    inside = [abs(line.hz - 50.2) <= line.hz_error for line in found]
    assert 0.91 <= np.mean(inside) <= 0.985
    # A line that turns the other way is none.
    other = measure(np.conj(turning) + 1e-3 * rng.normal(size=400), 50.0, 400.0)
    assert other is None or not other.stands


def test_what_is_left_is_the_share_of_the_lines_power():
    for gain, left in ((0.95, 0.0025), (1 - np.sqrt(0.5), 0.5)):
        segments = Segments(HZ, RATE)
        component = gain * LINE
        segments.add(RECORDING, component, RECORDING - component, component)
        segments.finish()
        assert segments.verdict().left == pytest.approx(left, rel=0.03, abs=1e-3)
        assert segments.spectra().recording.max() == pytest.approx(AMPLITUDE, rel=0.02)


def test_unit_outputs_are_fitted_in_strength_and_phase():
    outputs = np.exp(2j * np.pi * HZ * TIME)[:1000, None, None]
    found = fit(RECORDING[:1000, None] + 5, outputs, [HZ / RATE])
    np.testing.assert_allclose(found[:, 0, 0], LINE[:1000], atol=0.1 * AMPLITUDE)
