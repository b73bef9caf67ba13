"""Text that is safe to show."""

import unicodedata

import numpy as np
import pytest

from freqjax.text import (
    frequencies,
    frequency,
    frequency_unit,
    printable,
    shortened,
    shown_unit,
    significant,
    span,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\tb\r\n", r"a\tb\r\n"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202etxt.exe", r"\u202etxt.exe"),
        ("a\u2066b\u2069", r"a\u2066b\u2069"),
        ("a\u2028b", r"a\u2028b"),
        ("\ufeffa\u200b", r"\ufeffa\u200b"),
        ("half \udcff", r"half \udcff"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["Läufe/日本語/नहीं", "می\u200cخواهم", "שלום", "χ² → ½ 🎵", r"C:\x1b"]
)
def test_text_of_every_language_stays(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.0, "1.00"),
        (20.52, "20.5"),
        (99.96, "100"),
        (358.2, "358"),
        (1234.5, "1.23e+03"),
        (0.0414, "0.0414"),
        (float("inf"), "inf"),
    ],
)
def test_three_digits_end_without_a_point(value, shown):
    assert significant(value) == shown


def test_no_control_is_left():
    everything = "".join(map(chr, range(0x11000)))
    kinds = {unicodedata.category(sign) for sign in printable(everything)}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    printable(everything).encode()  # no half of a character, which no terminal could be sent


def test_long_text_is_shortened_and_short_text_stays():
    assert shortened("x" * 300) == "x" * 300
    assert shortened("y" * 2000 + "':") == "y" * 100 + "… (2,002 characters)':"
    assert shortened("abcdefghij", 6) == "ab… (10 characters)ij"


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


@pytest.mark.parametrize(
    ("time", "unit", "shown"),
    [
        (0.5, "s", "0.5 s"),
        (172799.0, "s", "172799 s"),
        (3.888e6, "s", "45 days"),
        (5 * 365.2425 * 86400, "s", "5 years"),
        (1e9, "samples", "1e+09 samples"),
    ],
)
def test_long_times_are_told_in_days_and_years(time, unit, shown):
    assert span(time, unit) == shown
    name, length = shown_unit(time, unit)
    assert shown == f"{time / length:g} {name}"
