"""Dates in tables are times."""

import datetime
import re

import numpy as np
import pytest

from freqjax import UserError
from freqjax.recordings import open_recording
from freqjax.recordings.dates import as_seconds, has_date

VALUES = np.round(np.random.default_rng(8).uniform(-2, 2, 40), 3)
DAY = 86400


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("1970-01-01", 0),
        ("1970-01-02", DAY),
        ("1969-12-31 23:59:58", -2),
        ("2024-02-29 12:30", datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC)),
        ("2024-02-29T12:30:05Z", datetime.datetime(2024, 2, 29, 12, 30, 5, tzinfo=datetime.UTC)),
        ("1969-12-31T22:00:00-0200", 0),
        ("2024/02/29 12:30:05 UTC", datetime.datetime(2024, 2, 29, 12, 30, 5, tzinfo=datetime.UTC)),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1970-01-01 00:00:00-0130", 5400),
    ],
)
def test_a_date_is_seconds_since_1970(written, moment):
    seconds = moment.timestamp() if isinstance(moment, datetime.datetime) else moment
    assert float(as_seconds(written)) == seconds
    assert as_seconds(f"a;{written};-1.5") == f"a;{int(seconds)};-1.5"


def test_a_fraction_keeps_its_digits_and_counts_forward():
    assert as_seconds("1970-01-01 00:00:01.250") == "1.250"
    assert as_seconds("1969-12-31 23:59:58.25") == "-1.75"
    assert as_seconds("1969-12-31 23:59:59.750") == "-0.250"


def test_a_number_after_a_date_is_no_offset():
    assert as_seconds("1970-01-02 -1250 3.2") == "86400 -1250 3.2"
    assert as_seconds("1970-01-02 -1250.5") == "86400 -1250.5"
    assert as_seconds("1970-01-01 00:00:01 -1250 3.2") == "1 -1250 3.2"


def test_a_column_named_as_time_is_taken_before_dates(tmp_path):
    rows = [f"2024-01-0{1 + k // 20},{k / 50:.2f},{v:.3f}" for k, v in enumerate(VALUES)]
    path = tmp_path / "a.csv"
    path.write_text("day,t_s,S\n" + "\n".join(rows) + "\n")
    assert open_recording(path, "--input").sampling_rate == 50


@pytest.mark.parametrize(
    "written", ["2024-13-01", "2024-02-30", "1.5e-3", "12-3456-78-90", "31.01.2024", "2024-1-1"]
)
def test_what_is_no_date_stays(written):
    assert not has_date(written)
    assert as_seconds(written) == written


def table(tmp_path, stamp, header="when,S", separator=","):
    rows = [f"{stamp(k)}{separator}{v:.3f}" for k, v in enumerate(VALUES)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(filter(None, [header.replace(",", separator), *rows])) + "\n")
    return open_recording(path, "--input")


START = datetime.datetime(2023, 12, 31, 23, 59, 50, tzinfo=datetime.UTC)


def each(seconds, form):
    return lambda k: (START + datetime.timedelta(seconds=k * seconds)).strftime(form)


@pytest.mark.parametrize("header", ["when,S", "Date,S", "time,S", ""])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("step", "form"),
    [
        (1.0, "%Y-%m-%d %H:%M:%S"),
        (1.0, '"%Y-%m-%dT%H:%M:%SZ"'),
        (7 * DAY, "%Y-%m-%d"),
        (0.004, "%Y-%m-%d %H:%M:%S.%f"),
        (60.0, "%Y/%m/%d %H:%M"),
    ],
)
def test_a_column_of_dates_tells_the_rate(tmp_path, header, separator, step, form):
    recording = table(tmp_path, each(step, form), header, separator)
    assert recording.sampling_rate == pytest.approx(1 / step, rel=1e-6)
    found = np.concatenate(list(recording.chunks(7)))
    assert found.shape == (40, 1)
    np.testing.assert_array_equal(found[:, 0], VALUES)
    assert any("dates are read as seconds since 1970" in note for note in recording.notes)


def test_dates_may_stand_in_any_column_and_in_comments(tmp_path):
    stamp = each(2.0, "%Y-%m-%d %H:%M:%S")
    rows = [f"{v:.3f},{stamp(k)}" for k, v in enumerate(VALUES)]
    path = tmp_path / "a.csv"
    path.write_text("# of 2024-01-01\nDevice,X,2024-02-01\nvalue,when\n" + "\n".join(rows) + "\n")
    recording = open_recording(path, "--input")
    assert recording.sampling_rate == 0.5
    np.testing.assert_array_equal(np.concatenate(list(recording.chunks(9)))[:, 0], VALUES)


def test_months_are_even_but_for_some_days_which_is_told(tmp_path):
    recording = table(tmp_path, lambda k: f"{2000 + k // 12}-{k % 12 + 1:02d}-01")
    assert recording.sampling_rate == pytest.approx(12 / (365.25 * DAY), rel=0.005)
    assert any(re.search(r"single times lie up to \d% of a step off", n) for n in recording.notes)


def test_another_order_of_day_and_month_is_refused(tmp_path):
    with pytest.raises(
        UserError, match=re.escape("must be a number, or a date such as 2024-01-31 12:00:00")
    ):
        table(tmp_path, lambda k: f"{k % 28 + 1:02d}.01.2024")
