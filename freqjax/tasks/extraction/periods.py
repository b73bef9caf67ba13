"""Names of frequencies: those of slow lines are their periods."""

from __future__ import annotations

from collections.abc import Sequence

from freqjax.text import DAY, YEAR

# Lines of lower frequency, Hz, are named by their periods.
_SLOWEST = 0.1
_HOUR, _MINUTE = 3600.0, 60.0


def frequency(hz: float, digits: int = 4) -> str:
    """Name a frequency, Hz: 50 Hz, or if its period is longer than 10 s by that: 12.42 h, 1 day, 182.6 days.

    Periods have `digits` significant digits.
    """
    if not 0 < hz < _SLOWEST:
        return f"{hz:g} Hz"
    names = ("year", "years"), ("day", "days"), ("h", "h"), ("min", "min")
    for (one, several), seconds in zip(names, (YEAR, DAY, _HOUR, _MINUTE), strict=True):
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
    lengths = {"year": YEAR, "day": DAY, "h": _HOUR, "min": _MINUTE}
    name = next((n for n, seconds in lengths.items() if hz * seconds < 30), "min")
    return f"1/{name}", lengths[name]
