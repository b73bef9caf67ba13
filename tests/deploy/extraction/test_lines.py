"""Strength, frequency and drift of a line: exact without noise, and as sure as said with it."""

import numpy as np
import pytest
from scipy.signal import lfilter

from freqjax.deploy.extraction.lines import measure, stretch_samples
from freqjax.deploy.extraction.tracks import Track

RATE = 400.0


def sine(hz, strength=1.0, phase=0.3, samples=400, drift=0.0):
    time = (np.arange(samples) - (samples - 1) / 2) / RATE
    return strength * np.cos(2 * np.pi * (hz * time + drift * time**2 / 2) + phase)


@pytest.mark.parametrize("hz", [48.2, 50.0, 50.37])
def test_a_line_without_noise_is_exact(hz):
    line = measure(1e-6 * (5 + sine(hz)), 50.0, RATE)
    assert line is not None and line.stands
    assert line.hz == pytest.approx(hz, abs=1e-4)
    assert line.strength == pytest.approx(1e-6, rel=1e-4)


@pytest.mark.parametrize(("colour", "drift"), [(0.0, 0.0), (0.9, 0.2)])
def test_true_values_lie_in_95_percent_of_the_intervals(colour, drift):
    """Of 200 intervals of 95 %, 190 hold the truth, and with 99.9 % probability from 178 to 199."""
    rng = np.random.default_rng(0)
    held = np.zeros(2, int)
    for _ in range(200):
        noise = lfilter([1], [1, -colour], rng.normal(size=600))[200:]
        hz = 50 * (1 + rng.uniform(-0.02, 0.02))
        line = measure(sine(hz, 1.0, rng.uniform(0, 6), drift=drift) + noise, 50.0, RATE)
        assert line is not None and line.stands
        held += abs(line.strength - 1) <= line.strength_error, abs(line.hz - hz) <= line.hz_error
    assert np.all((held >= 178) & (held <= 199)), held


def test_intervals_are_those_of_rife_and_boorstyn_times_the_cost_of_the_window():
    rng = np.random.default_rng(1)
    lines = [measure(sine(50) + 0.5 * rng.normal(size=400), 50.0, RATE) for _ in range(100)]
    strength = np.mean([line.strength_error for line in lines if line])
    hz = np.mean([line.hz_error for line in lines if line])
    quantile = 2.09  # of Student, with 20 degrees of freedom
    assert strength == pytest.approx(quantile * np.sqrt(1.5 * 2 * 0.25 / 400), rel=0.05)
    bound = np.sqrt(24 * 0.25 / 400**3) * RATE / (2 * np.pi)
    assert hz == pytest.approx(quantile * np.sqrt(2.343) * bound, rel=0.05)


def test_a_line_is_found_as_far_off_as_the_task_has_them():
    time = np.arange(2000) / 100.0
    signal = np.cos(2 * np.pi * 1.83 * time) + 0.01 * np.random.default_rng(0).normal(size=2000)
    near, wide = (measure(signal, 1.5, 100.0, detuning=detuning) for detuning in (0.0, 0.25))
    assert near is None or not near.stands
    assert wide is not None and wide.stands and abs(wide.hz - 1.83) < 1e-3


def test_noise_has_no_line():
    rng = np.random.default_rng(2)
    lines = [measure(rng.normal(size=400), 50.0, RATE) for _ in range(150)]
    assert sum(line is not None and line.stands for line in lines) <= 6  # 1 % of 150 are expected
    assert measure(np.ones(400), 50.0, RATE) is None


def test_other_components_of_the_task_are_no_noise():
    rng = np.random.default_rng(3)
    signal = sine(50) + sine(55) + 0.1 * rng.normal(size=400)
    told, untold = measure(signal, 50.0, RATE, [55.0]), measure(signal, 50.0, RATE)
    assert told and untold and told.strength_error < untold.strength_error / 3
    assert told.strength_error == pytest.approx(2.1 * np.sqrt(3 * 0.01 / 400), rel=0.6)


def test_a_strong_neighbour_is_not_taken_for_the_line():
    signal = sine(58, 10.0) + 0.001 * np.random.default_rng(4).normal(size=400)
    line = measure(signal, 50.0, RATE)
    assert line is not None and not line.stands


def test_a_stretch_is_a_second_or_ten_periods_or_four_of_the_nearest_difference():
    assert stretch_samples(50.0, RATE) == 400
    assert stretch_samples(2.0, RATE) == 2000
    assert stretch_samples(50.0, RATE, [80.0, 50.5]) == 3200
    assert stretch_samples(50.0, RATE, [80.0]) == 400


def test_a_stronger_component_within_five_percent_is_told_apart():
    samples = stretch_samples(50.0, RATE, [51.0])
    noise = 0.01 * np.random.default_rng(5).normal(size=samples)
    signal = sine(50.01, samples=samples) + sine(51, 5.0, 2.0, samples) + noise
    line = measure(signal, 50.0, RATE, [51.0])
    assert line is not None and line.stands
    assert line.hz == pytest.approx(50.01, abs=0.02)
    assert line.strength == pytest.approx(1, rel=0.05)
    untold = measure(signal, 50.0, RATE)
    assert untold is not None and untold.strength > 4


def rows_of(recording, component, chunk=333, middle=5.0):
    track = Track(50.0, RATE, [], middle)
    rows = []
    for first in range(0, len(recording), chunk):
        part = slice(first, first + chunk)
        rows += track.add(recording[part], component[part])
    return [*rows, *track.finish()], track


def test_rows_have_the_drift_and_what_was_written():
    time = np.arange(4300) / RATE
    recording = np.cos(2 * np.pi * (50 * time + 0.05 * time**2 / 2))
    recording += 0.05 * np.random.default_rng(5).normal(size=4300)
    component = 0.5 * np.cos(2 * np.pi * 50.1 * time)
    rows, track = rows_of(recording, component)
    assert [row.begin for row in rows] == list(range(11))
    assert rows[-1].end == pytest.approx(4300 / RATE)
    for row in rows:
        assert row.recording is not None and row.output is not None
        middle = (row.begin + row.end) / 2
        assert row.recording.hz == pytest.approx(50 + 0.05 * middle, abs=3 * row.recording.hz_error)
        assert row.output.strength == pytest.approx(0.5, rel=1e-3)
        assert row.output.hz == pytest.approx(50.1, abs=1e-3)
    held = [abs(row.drift - 0.05) <= row.drift_error for row in rows]
    assert sum(held) >= 9
    summary = track.summary
    assert (summary.stretches, summary.found) == (11, 11)
    assert summary.drift == pytest.approx(0.05, abs=0.005)
    assert summary.strength == pytest.approx(1, rel=0.02)


def test_a_line_that_comes_and_goes_has_rows_with_and_without_it():
    noise = 0.05 * np.random.default_rng(6).normal(size=4000)
    on = np.repeat([0, 1, 1, 0, 0, 0, 1, 1, 1, 0], 400)
    rows, track = rows_of(noise + on * np.cos(2 * np.pi * 50 * np.arange(4000) / RATE), on * 0.0)
    assert [row.stands for row in rows] == [bool(x) for x in on[::400]]
    assert track.summary.found == 5 and all(row.output is None for row in rows)
    assert (
        track.shown is not None and track.shown.begin == 2
    )  # the last before the middle that has it
    assert np.isnan(rows[0].drift) and np.isfinite(rows[1].drift)
