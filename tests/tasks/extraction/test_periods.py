"""Names of frequencies: those of slow lines are their periods."""

import numpy as np
import pytest

from freqjax.tasks.extraction.periods import frequencies, frequency, frequency_unit


@pytest.mark.parametrize(
    ("hz", "shown"),
    [
        (50.0, "50 Hz"),
        (0.1, "0.1 Hz"),
        (0.08, "12.5 s"),
        (1 / 150, "2.5 min"),
        (1 / 3600, "1 h"),
        (1.15741e-05, "1 day"),
        (2.31481e-05, "12 h"),
        (1 / (12.4206012 * 3600), "12.42 h"),
        (1 / (25.8193417 * 3600), "25.82 h"),
        (1 / (7 * 86400), "7 days"),
        (1 / (365.25 * 86400), "1 year"),
        (1 / (365 * 86400), "365 days"),
        (1e-9, "31.69 years"),
    ],
)
def test_slow_lines_are_named_by_their_periods(hz, shown):
    assert frequency(hz) == shown


def test_names_of_frequencies_tell_them_apart():
    periods = np.array([12.0, 12.0004, 24.0]) * 3600
    assert frequencies([50.0, *(1 / periods)]) == ("50 Hz", "12 h", "12.0004 h", "1 day")
    assert frequencies([50.0, 60.0]) == ("50 Hz", "60 Hz")


@pytest.mark.parametrize(
    ("hz", "unit", "count"),
    [(50.0, "Hz", 50.0), (0.05, "1/min", 3.0), (1 / 86400, "1/day", 1.0)],
)
def test_an_axis_of_slow_frequencies_has_another_unit(hz, unit, count):
    name, factor = frequency_unit(hz)
    assert (name, hz * factor) == (unit, pytest.approx(count))
