"""Text that is safe to show."""

import unicodedata

import pytest

from freqjax.text import number, printable, shortened, shown_unit, significant, span


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


def test_an_end_below_zero_is_written_as_its_size_is():
    assert [number(value) for value in (-1.97, 1.97, -1e-3)] == ["-1.9700", "1.9700", "-1.00e-03"]


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
