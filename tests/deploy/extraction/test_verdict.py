"""The verdict: shares of a line that are known beforehand, and no line where there is none."""

import numpy as np
import pytest

from freqjax.deploy.extraction.verdict import Segments, percent

RATE, SAMPLES = 400.0, 12_000
TIME = np.arange(SAMPLES) / RATE
LINE = np.cos(2 * np.pi * 50.3 * TIME + 1)
NOISE = np.random.default_rng(0).normal(size=SAMPLES)


def segments(recording, component, output=None, others=(), chunk=999):
    found = Segments(50.0, RATE, others)
    output = component if output is None else output
    signals = (recording, component, recording - component, output)
    for first in range(0, len(recording), chunk):
        found.add(*(signal[first : first + chunk] for signal in signals))
    found.finish()
    return found


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (0.95, "the line was taken out: 0.25 % of its power is left"),
        (1 - np.sqrt(0.2), "the line was weakened: 20 % of its power is left"),
        (1 - np.sqrt(0.53), "53 % of the line's power is left: do not use this output"),
        (-0.4, "196 % of the line's power is left: do not use this output"),
    ],
)
def test_what_is_left_is_the_share_of_the_lines_power(gain, words):
    verdict = segments(LINE + 0.03 * NOISE, gain * LINE).verdict()
    assert verdict.stands
    assert verdict.left == pytest.approx((1 - gain) ** 2, rel=0.03)
    assert verdict.words == words


def test_the_noise_beside_the_line_is_no_line():
    """Noise of four times the line's power in all, a tenth of it within 5 % of the line."""
    recording = LINE + np.sqrt(2) * NOISE
    verdict = segments(recording, LINE).verdict()
    assert verdict.stands and verdict.left <= verdict.resolution < 0.2
    assert "less than" in verdict.words and "was taken out" in verdict.words
    half = segments(recording, (1 - np.sqrt(0.5)) * LINE).verdict()
    assert half.left == pytest.approx(0.5, abs=half.resolution + 0.05)


def test_a_line_as_far_off_as_the_task_has_them_is_judged():
    """A line that wanders between 44 and 64 Hz, of a task whose lines may be 30 % beside 50 Hz."""
    phase = 2 * np.pi * np.cumsum(54 + 10 * np.sin(2 * np.pi * TIME / 7)) / RATE
    line = np.cos(phase)
    recording = line + 0.05 * NOISE
    for gain, left in ((0.7, 0.09), (0.0, 1.0)):
        found = Segments(50.0, RATE, detuning=0.3)
        found.add(recording, gain * line, recording - gain * line, line)
        found.finish()
        verdict = found.verdict()
        assert verdict.stands
        assert verdict.left == pytest.approx(left, rel=0.05)
        assert verdict.reach_hz == pytest.approx(15.0)


@pytest.mark.parametrize("seed", range(5))
def test_where_there_is_no_line_that_is_said(seed):
    noise = np.random.default_rng(seed).normal(size=SAMPLES)
    verdict = segments(noise, 0.1 * LINE).verdict()
    assert not verdict.stands
    assert verdict.words.startswith("no line within ±5 % of 50 Hz stands above the noise")
    assert not segments(noise[:1000], 0.1 * LINE[:1000]).verdict().stands


def test_silence_and_a_neighbour_have_no_line():
    assert not segments(0 * LINE, LINE).verdict().stands
    neighbour = np.cos(2 * np.pi * 54 * TIME) + 1e-3 * NOISE
    assert not segments(neighbour, LINE, others=(54.0,)).verdict().stands


def test_a_short_recording_is_judged_over_a_wider_band():
    """Nine periods of 3 of 1, 3, 5 and 7 Hz."""
    time = np.arange(1200) / RATE
    every = np.cos(2 * np.pi * time[:, None] * [1.0, 3.0, 5.0, 7.0])
    found = Segments(3.0, RATE, (1.0, 5.0, 7.0))
    found.add(every.sum(axis=1), every[:, 1], every.sum(axis=1) - every[:, 1], every[:, 1])
    found.finish()
    verdict = found.verdict()
    assert verdict.stands and verdict.left < 1e-3
    assert verdict.reach_hz == pytest.approx(0.67, abs=0.01)
    assert verdict.coherence is None


def test_the_coherence_tells_whether_the_output_keeps_its_phase_to_the_line():
    """Against scipy, whose segments overlap by half."""
    from scipy.signal import coherence

    beside = np.cos(2 * np.pi * 50.0 * TIME)
    recording = LINE + NOISE
    for output in (LINE, beside):
        found = segments(recording, LINE, output).verdict().coherence
        hz, expected = coherence(recording, output, RATE, nperseg=1600, noverlap=0)
        assert found == pytest.approx(float(expected[np.abs(hz - 50.3).argmin()]), abs=0.05)
    assert (segments(recording, LINE, LINE).verdict().coherence or 0) > 0.9


def test_lines_stand_as_high_as_their_amplitude():
    near = segments(0.7 * np.cos(2 * np.pi * 50 * TIME), LINE * 0).spectra()
    assert near.recording.max() == pytest.approx(0.7, rel=1e-3)
    assert near.hz[near.recording.argmax()] == pytest.approx(50)


@pytest.mark.parametrize(
    ("share", "text"), [(0.0031, "0.31 %"), (0.534, "53 %"), (1.4, "140 %"), (1e-9, "0.01 %")]
)
def test_shares_have_two_digits(share, text):
    assert percent(share) == text


def test_another_component_within_five_percent_is_not_left_over():
    own = np.cos(2 * np.pi * 50.01 * TIME + 1)
    beside = 3 * np.cos(2 * np.pi * 51 * TIME)
    verdict = segments(own + beside + 0.03 * NOISE, 0.95 * own, others=(51.0, 60.0)).verdict()
    assert verdict.stands and verdict.left == pytest.approx(0.0025, abs=verdict.resolution + 5e-4)
    assert verdict.reach_hz == pytest.approx(0.5)
    assert segments(own + beside, own).verdict().left > 0.5
