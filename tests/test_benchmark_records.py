"""The records of the benchmarks, and the regression that stands in for their unknown lines."""

import numpy as np
import pytest

from benchmarks import records, samples
from configs.daily import DAY
from configs.tides import CONSTITUENTS


def test_a_regression_with_a_future_finds_lines_of_slowly_changing_strength():
    hours = np.arange(24 * 40.0)
    first = (1 + hours / 2000) * np.cos(2 * np.pi * hours / 24 + 1)
    second = 0.5 * np.sin(2 * np.pi * hours / 12)
    third = 2 * np.sin(2 * np.pi * hours / 8)
    values = first + second + third + 30 + 0.02 * hours
    phase = 2 * np.pi * hours / 24
    found = records.with_future(values, 3600.0, phase, [(1,), (2,)], 2 * DAY)
    # At the ends the window has one side alone.
    inside = slice(6 * 24, -6 * 24)
    wanted = np.stack([first, second])[:, inside]
    np.testing.assert_allclose(found[:, inside], wanted, atol=1e-3)


def test_a_regression_by_beats_follows_a_wandering_pulse():
    seconds = np.arange(0, 40, 0.01)
    phase = 2 * np.pi * (1.4 * seconds + 0.8 * np.sin(2 * np.pi * seconds / 20))
    pulse = np.cos(phase) + 0.5 * np.cos(2 * phase) + 0.2 * np.cos(3 * phase)
    noise = 0.1 * np.random.default_rng(0).normal(size=len(seconds))
    found = records.beat_phase(pulse + noise + 0.1 * seconds, 0.01)
    inside = slice(200, -200)
    turned = np.angle(np.exp(1j * (found - phase)))[inside]
    assert np.abs(turned).max() < 0.25
    line = records.with_future(pulse + noise, 0.01, found, [(1, 2, 3)], 2.0)[0]
    assert np.square(line - pulse)[inside].sum() < 0.01 * np.square(pulse[inside]).sum()


@pytest.mark.parametrize("name", ["daily", "annual"])
def test_a_measured_record_is_written_with_dates(name, tmp_path):
    pytest.importorskip({"daily": "vega_datasets", "annual": "statsmodels"}[name])
    path = samples.write(name, tmp_path)
    head, first, *rest = path.read_text().splitlines()
    assert head == "date,value"
    assert (
        first.split(",")[0]
        == {"daily": "2010-01-01 00:00:00", "annual": "1958-03-29 00:00:00"}[name]
    )
    assert len(rest) == {"daily": 8759, "annual": 2283}[name]


def test_the_synthetic_tide_is_its_constituents_in_noise():
    record = samples.tides()
    assert record.lines is not None
    hours = np.arange(len(record.values))
    for line, cycles in zip(record.lines, CONSTITUENTS.values(), strict=True):
        angles = 2 * np.pi * cycles / 24 * hours
        design = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        fitted = design @ np.linalg.lstsq(design, line, rcond=None)[0]
        np.testing.assert_allclose(line, fitted, atol=1e-9)
    rest = record.values - record.lines.sum(axis=0)
    assert abs(rest.mean() - 0.2) < 0.1
    assert abs(rest.std() - 0.3) < 0.05
    assert abs(np.corrcoef(rest[12:], rest[:-12])[0, 1] - np.exp(-1)) < 0.1


def test_utide_finds_the_synthetic_tide():
    pytest.importorskip("utide")
    record = samples.tides()
    assert record.lines is not None
    errors = np.square(records.whole_record(record) - record.lines).sum(axis=1)
    assert np.all(errors < 0.01 * np.square(record.lines).sum(axis=1))
