"""Dates in a table, read as seconds since 1970: 2024-01-31, 2024-01-31 12:00:00.25, 2024-01-31T12:00Z.

Other orders of day and month are read in two ways by different people, so they are not read at all. A date
without an offset is taken as UTC, which changes no step between dates.
"""

from __future__ import annotations

import datetime
import re
from decimal import Decimal

EXAMPLE = "2024-01-31 12:00:00"
_DATE = re.compile(
    r"(?<![\d.-])(\d{4})[-/](\d\d)[-/](\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?"
    r"(Z| UTC|[+-](?:0\d|1[0-4]):?[0-5]\d)?)?(?![\d.:-])"
)


def has_date(line: str) -> bool:
    """Tell whether a line holds a date."""
    return as_seconds(line) != line


def as_seconds(line: str, instead: str | None = None) -> str:
    """Return a line with each date written as a number of seconds, or as `instead`.

    A fraction keeps its digits, since they tell to what times are rounded. What looks like a date and is
    none, such as 2024-13-01, stays.
    """

    def number(found: re.Match[str]) -> str:
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
        try:
            moment = datetime.datetime(
                year, month, day, hour, minute, second, tzinfo=datetime.UTC
            )  # fmt: skip
        except ValueError:
            return found[0]
        seconds = int(moment.timestamp()) - _offset(found[8])
        # A fraction counts forward also before 1970, where the seconds are negative.
        return instead or str(Decimal(seconds) + Decimal(f"0.{found[7] or ''}"))

    return _DATE.sub(number, line)


def _offset(zone: str | None) -> int:
    """Return the seconds by which the clocks of a zone are ahead of UTC."""
    if zone is None or zone in ("Z", " UTC"):
        return 0
    size = 3600 * int(zone[1:3]) + 60 * int(zone[-2:])
    return -size if zone[0] == "-" else size
