"""The rate that times tell, from all of them, and which row is off."""

import numpy as np
import pytest

from freqjax import UserError
from freqjax.recordings.times import decimal_rounding, measure, plain_rate


def measured(times, rounding=0.0, piece=37, **options):
    times = np.asarray(times, np.float64)

    def read():
        return (times[first : first + piece] for first in range(0, len(times), piece))

    return measure(read, rounding, "--input is a.csv", "column t", **options)


@pytest.mark.parametrize(
    ("rate", "decimals", "rows", "first"),
    [
        (44_100, 6, 441, 0.0),
        (44_100, 5, 3000, 0.0),
        (44_100, 4, 44_100, 2.5),
        (22_050, 5, 2205, 0.0),
        (48_000, 6, 200, 0.0),
        (3000, 4, 300, 0.0),
        (1000, 3, 300, 1_700_000_000.0),
        (256, 3, 2000, 10.0),
    ],
)
def test_a_plain_rate_is_found_in_times_of_few_digits(rate, decimals, rows, first):
    times = np.round(first + np.arange(rows) / rate, decimals)
    found = measured(times, 10.0**-decimals)
    assert found.sampling_rate == rate
    assert found.rows == rows and found.first == times[0]


@pytest.mark.parametrize(
    ("rate", "decimals", "rows"), [(43_478.26, 6, 400), (1003.7, 4, 5000), (52.1775, 3, 900)]
)
def test_the_uncertainty_that_is_told_holds(rate, decimals, rows):
    found = measured(np.round(np.arange(rows) / rate, decimals), 10.0**-decimals)
    assert abs(found.sampling_rate / rate - 1) <= found.slack < 2e-3
    assert f"{rows:,} times tell" in found.words("column t")


def test_two_rows_do_not_become_a_plain_rate():
    found = measured([0, 0.000023], 1e-6)
    assert found.sampling_rate == pytest.approx(1 / 0.000023)
    assert found.slack > 0.02 and not found.rounded


def test_every_row_counts():
    """The line of NumPy's polyfit, chunk by chunk; jitter makes the rate no better than it is."""
    random = np.random.default_rng(3)
    times = 5 + np.arange(1000) / 123.4567 + random.uniform(-1e-3, 1e-3, 1000)
    found = measured(times, 1e-9)
    slope = np.polyfit(np.arange(1000), times, 1)[0]
    assert found.sampling_rate == pytest.approx(1 / slope, rel=1e-9)
    assert abs(found.sampling_rate / 123.4567 - 1) < found.slack < 1e-4
    assert 0.05 < found.jitter < 0.13
    assert "single times lie up to" in found.words("t")


@pytest.mark.parametrize("unit", [1e-3, 1e-6, 60.0])
def test_times_in_another_unit(unit):
    found = measured(7 + np.arange(200) / 500 / unit, unit=unit)
    assert found.sampling_rate == pytest.approx(500)
    assert found.first == pytest.approx(7 * unit)


def test_a_sum_of_steps_is_a_plain_rate():
    assert measured(np.cumsum(np.full(20_000, 0.001))).sampling_rate == 1000


def test_blocks_start_over():
    found = measured(np.tile(3 + np.arange(50) / 20, 4), 0.01)
    assert found.sampling_rate == 20 and found.rows == 200


@pytest.mark.parametrize(
    ("times", "row"),
    [
        (np.delete(np.arange(400) / 20, 350), 351),
        (np.delete(np.arange(400.0), 200), 201),
        (np.delete(np.arange(4000.0), 3998), 3999),
        (np.r_[np.arange(100) / 10, 10 + np.arange(100) / 5], 102),
        (np.insert(0.0123 + np.arange(300) / 10, 120, 11.9123), 121),
        (np.r_[np.arange(9), np.nan, np.arange(9)], 10),
        (np.r_[np.arange(9.0), 4.0, 5.0], 10),
    ],
)
def test_the_first_row_that_is_off_is_named(times, row):
    with pytest.raises(UserError, match=rf"row {row}, column t is .*must"):
        measured(times, decimal_rounding(times[np.isfinite(times)]))


def test_times_that_speed_up_slowly_are_named():
    times = np.arange(1000) / 100
    times = times + 2e-3 * times**2
    with pytest.raises(UserError, match=r"row \d+, column t is .* it must rise evenly"):
        measured(times, 1e-6)


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        ([1.0], "needs at least two rows"),
        ([2.0, 2.0, 2.0], "it must rise evenly"),
        ([3.0, 2.0, 1.0], "row 2, column t is 2, after 3: it must rise evenly, or start over at 3"),
    ],
)
def test_times_that_tell_nothing_are_refused(times, sentence):
    with pytest.raises(UserError, match=sentence):
        measured(times, 1e-3)


@pytest.mark.parametrize(
    ("rate", "slack", "plain"),
    [
        (999.95, 1e-3, 1000.0),
        (44_098.0, 1e-4, 44_100.0),
        (44_050.0, 7e-3, 44_100.0),
        (11_025.3, 1e-4, 11_025.0),
        (43_478.0, 5e-2, None),
        (1234.567, 1e-8, 1234.567),
        (1 / 3, 1e-9, None),
    ],
)
def test_a_rate_is_plain_only_where_that_is_no_accident(rate, slack, plain):
    assert plain_rate(rate, slack) == plain


@pytest.mark.parametrize(
    ("values", "rounding"),
    [([0, 5, 10], 1.0), ([0.25, 0.5], 0.01), ([0, 0.001, 0.002], 1e-3), ([1 / 3, 0.1], 0.0)],
)
def test_decimals_show_in_floats(values, rounding):
    assert decimal_rounding(np.array(values, float)) == pytest.approx(rounding)
