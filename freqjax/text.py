"""Formatting of numbers and durations, and of text that is safe to show."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DAY, _YEAR = 86400.0, 365.2425 * 86400.0
# Lines of lower frequency, Hz, are named by their periods.
_SLOWEST = 0.1
# Controls of terminals (C0, DEL, C1), line and paragraph separators, marks that turn or hide text, and halves
# of characters. The joiners U+200C and U+200D stay: some languages are not written without them.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def number(value: float | None) -> str:
    """Format a number with three significant digits, or "not finite" for None."""
    if value is None:
        return "not finite"
    if value == 0:
        return "0"
    return f"{value:.4f}" if value >= 0.01 else f"{value:.2e}"


def significant(value: float) -> str:
    """Format a number with three significant digits, zeros included, and no point at the end: 1.00, 358."""
    return f"{value:#.3g}".rstrip(".")


def duration(seconds: float) -> str:
    """Format a duration in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def shown_unit(longest: float, unit: str) -> tuple[str, float]:
    """Return the unit in which times up to `longest`, in `unit`, are shown, and its length in `unit`.

    Seconds become days or years where there are many; other units stay.
    """
    if unit == "s":
        for name, seconds in (("years", _YEAR), ("days", _DAY)):
            if longest >= 2 * seconds:
                return name, seconds
    return unit, 1.0


def span(time: float, unit: str) -> str:
    """Format a length of time in `unit`, such as 0.5 s or, for 3.888e6 s, 45 days."""
    name, length = shown_unit(time, unit)
    return f"{time / length:g} {name}"


def frequency(hz: float, digits: int = 4) -> str:
    """Name a frequency, Hz: 50 Hz, or if its period is longer than 10 s by that: 12.42 h, 1 day, 182.6 days.

    Periods have `digits` significant digits.
    """
    if not 0 < hz < _SLOWEST:
        return f"{hz:g} Hz"
    names = ("year", "years"), ("day", "days"), ("h", "h"), ("min", "min")
    for (one, several), seconds in zip(names, (_YEAR, _DAY, 3600.0, 60.0), strict=True):
        count = f"{1 / hz / seconds:.{digits}g}"
        if count == "1" or float(count) >= 2:
            return f"{count} {one if count == '1' else several}"
    return f"{1 / hz:.{digits}g} s"


def frequencies(hz: Sequence[float]) -> tuple[str, ...]:
    """Name frequencies as `frequency` does, periods with as many digits as tell them apart."""
    slow = [value for value in hz if value < _SLOWEST]
    digits = next(
        (d for d in range(4, 16) if len({frequency(f, d) for f in slow}) == len(slow)), 16
    )
    return tuple(frequency(value, digits) for value in hz)


def frequency_unit(hz: float) -> tuple[str, float]:
    """Return the unit in which frequencies about `hz` are shown on an axis, and how many of it are 1 Hz."""
    if not 0 < hz < _SLOWEST:
        return "Hz", 1.0
    lengths = {"year": _YEAR, "day": _DAY, "h": 3600.0, "min": 60.0}
    name = next((n for n, seconds in lengths.items() if hz * seconds < 30), "min")
    return f"1/{name}", lengths[name]


def printable(text: str) -> str:
    r"""Return `text` with what a terminal would obey, turn round or hide as escapes, such as \x1b or \u202e.

    Letters of every language stay as they are, and so does what is escaped already.
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def shortened(text: str, most: int = 300) -> str:
    """Return `text`, or its ends and how long it is if it has more than `most` characters."""
    if len(text) <= most:
        return text
    return f"{text[: most // 3]}… ({len(text):,} characters){text[-2:]}"
