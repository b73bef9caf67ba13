"""The comparison on a line: recordings against their law, limit, measure, network, and a short run."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import freqjax
from benchmarks import line_methods, line_rows, lines, lines_page, record
from benchmarks.line_rows import Condition
from freqjax import Config, TaskConfig
from tests.figures.reading import assert_good_png, keep_figures


@pytest.fixture
def short(monkeypatch):
    """Recordings of 4 s."""
    monkeypatch.setattr(line_rows, "SECONDS", 4)


@pytest.mark.parametrize("noise", line_rows.NOISES)
def test_a_recording_has_its_ratio_frequency_and_harmonics(short, noise):
    condition = Condition(-10, 0.01, harmonics=(1, 3), noise=noise)
    signal, line = line_rows.draw(condition, 3)
    assert np.mean(line**2) / np.mean((signal - line) ** 2) == pytest.approx(0.1)
    spectrum = np.abs(np.fft.rfft(line * np.hanning(line.size)))
    peaks = np.argsort(spectrum)[-1] / 4
    assert peaks in (49.5, 50.5)
    strengths = [np.abs(2 * np.exp(-2j * np.pi * k * peaks * np.arange(line.size) / 8000) @ line)
                 / line.size for k in (1, 3, 5)]  # fmt: skip
    np.testing.assert_allclose(strengths, (1, 0.5, 0), atol=1e-6)
    again = line_rows.draw(condition._replace(snr_db=20), 3)
    np.testing.assert_array_equal(again.line, line)


def test_drift_stays_in_its_range(short):
    clean = line_rows.draw(Condition(20, 0.0, drift=True), 0).line
    seconds = np.arange(clean.size) / line_rows.RATE
    # A mean over a period removes what turns at twice the frequency.
    turned = np.convolve(clean * np.exp(-2j * np.pi * 50 * seconds), np.full(160, 1 / 80), "valid")
    assert 0.69 < np.abs(turned).min() < np.abs(turned).max() < 1.31
    angle = np.unwrap(np.angle(turned))
    hz = (angle[160:] - angle[:-160]) * 50 / (2 * np.pi)
    assert np.ptp(hz) > 0.05
    assert np.abs(hz).max() < 0.105


def test_speech_like_noise_is_weak_at_the_line_and_pink_noise_strong():
    found = {}
    for noise in line_rows.NOISES:
        signal, line = line_rows.draw(Condition(0, 0.0, noise=noise), 0)
        spectrum = np.abs(np.fft.rfft(signal - line)) ** 2
        found[noise] = spectrum[30 * 45 : 30 * 55].mean() / spectrum.mean()
    assert found["speech-like"] < 0.2 < 0.8 < found["white"] < 1.2 < 5 < found["pink"]
    assert np.abs(np.roots(line_rows.speech_coefficients())).max() < 1
    assert line_rows.speech_coefficients().size == 13


def test_the_measure_is_the_share_of_the_lines_power_that_is_wrong():
    clean = np.sin(np.arange(4000) / 3)[None]
    found = 1.2 * clean
    found[:, :2000] = 99
    np.testing.assert_allclose(line_rows.error(found, clean, 1000), 0.04)


def test_the_limit_is_that_of_least_squares_in_white_noise_alone(short):
    """Two parameters a harmonic of n samples: relative to the line, 2 r / n over its power 1/2."""
    noise = 0.5 * 10 / 8
    counts = np.arange(2000, 4000) + 1
    wanted = np.mean(2 * noise / counts) / 0.5
    assert line_methods.limit(Condition(-10, 0.02)) == pytest.approx(wanted, rel=0.01)
    for other in (Condition(0, 0, drift=True), Condition(0, 0, noise="pink")):
        assert line_methods.limit(other) is None


def network(rate, lines=(60.0, 50.0)):
    """Return a network in name whose output is twice its signal plus its selector of the second line."""
    task = TaskConfig(frequencies=lines, sampling_rate=rate, duration=1.0)
    return SimpleNamespace(
        config=Config(task=task), unroll=lambda xs: (None, 2 * xs[..., :1] + xs[..., -1:])
    )


def test_the_network_reads_the_signal_at_its_own_level_and_its_output_is_scaled_back(monkeypatch):
    monkeypatch.setattr(freqjax, "load", lambda path: network(1000.0))
    signals = np.random.default_rng(0).normal(size=(2, 12))
    found = line_methods.freqjax_outputs("any", signals)
    level = np.sqrt(np.mean(signals**2, axis=1, keepdims=True))
    np.testing.assert_allclose(found, 2 * signals + level, atol=1e-5)


def test_a_network_at_another_rate_is_refused(monkeypatch):
    monkeypatch.setattr(freqjax, "load", lambda path: network(500.0))
    with pytest.raises(freqjax.UserError, match=r"of any is 500.*: it must be 1000"):
        line_methods.freqjax_outputs("any", np.zeros((1, 10)))


def test_a_network_without_the_line_is_refused(monkeypatch):
    monkeypatch.setattr(freqjax, "load", lambda path: network(1000.0, (60.0,)))
    with pytest.raises(freqjax.UserError, match="one must be 50 Hz"):
        line_methods.freqjax_outputs("any", np.zeros((1, 10)))


def test_a_missing_network_is_refused(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["lines", "--checkpoint", str(tmp_path / "none")])
    with pytest.raises(SystemExit) as left:
        lines.main()
    assert left.value.code == 2
    assert "which does not exist" in capsys.readouterr().err


def test_a_short_comparison_is_tuned_measured_drawn_and_told(short, monkeypatch, tmp_path):
    few = [
        Condition(0, detuning, drift, harmonics, "pink")
        for detuning in (0.0, 0.01)
        for drift in (False, True)
        for harmonics in ((1,), (1, 3, 5))
    ]
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(line_rows, "conditions", lambda: few)
    monkeypatch.setattr(lines, "SEEDS", (0,))
    monkeypatch.setattr(lines, "TUNING_SEEDS", (9,))
    monkeypatch.setattr(lines, "full_rate_conditions", lambda: few[:1])
    monkeypatch.setattr(
        line_methods,
        "GRIDS",
        {"lock_in": {"width": (0.02, 0.2)}, "notch": {"quality": (30.0, 5.0)}},
    )
    monkeypatch.setattr(line_methods, "ROBUST_METHODS", ())
    figures = keep_figures(monkeypatch, sent=False)
    lines.tune()
    lines.compare(None)
    rows = json.loads((tmp_path / "lines.json").read_text())["rows"]
    assert [row["rate"] for row in rows] == [1000] * 8 + [8000]
    for row in rows[:8]:
        found = row["errors"]
        assert found["lock_in, best for each"] in (found["lock-in 1 Hz"], found["lock-in 10 Hz"])
    exact, detuned = rows[0]["errors"], rows[4]["errors"]
    assert exact["lock-in 1 Hz"] < exact["lock-in 10 Hz"] < detuned["lock-in 10 Hz"] < 0.2
    # |1 − H|² of the low-pass at 0.5 Hz.
    assert detuned["lock-in 1 Hz"] == pytest.approx(0.5625 / 1.0625, rel=0.2)
    assert_good_png(figures["lines.png"], tmp_path)


def test_the_page_tells_what_was_measured():
    assert "Kalman" in lines_page.page()
