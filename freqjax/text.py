"""Formatting of numbers and durations, and of text that is safe to show."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Seconds in a day, and in a mean Gregorian year.
DAY, YEAR = 86400.0, 365.2425 * 86400.0
# Controls of terminals (C0, DEL, C1), line and paragraph separators, marks that turn or hide text, and halves
# of characters. The joiners U+200C and U+200D stay: some languages are not written without them.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def number(value: float | None) -> str:
    """Format a number with four decimals, or below 0.01 as 1.23e-04; zero as 0, and None as "not finite"."""
    if value is None:
        return "not finite"
    if value == 0:
        return "0"
    return f"{value:.4f}" if abs(value) >= 0.01 else f"{value:.2e}"


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
        for name, seconds in (("years", YEAR), ("days", DAY)):
            if longest >= 2 * seconds:
                return name, seconds
    return unit, 1.0


def span(time: float, unit: str) -> str:
    """Format a length of time in `unit`, such as 0.5 s or, for 3.888e6 s, 45 days."""
    name, length = shown_unit(time, unit)
    return f"{time / length:g} {name}"


def series(names: Sequence[str]) -> str:
    """Return at least one name as words: "a", "a and b", "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


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
