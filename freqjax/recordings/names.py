"""Names of columns and arrays that tell the rate: times, with the unit that they are in, and rates.

Names are compared in lower case, without a leading # and without quotes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SECONDS = {
    "": 1.0,
    "s": 1.0,
    "sec": 1.0,
    "secs": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "ms": 1e-3,
    "msec": 1e-3,
    "millisecond": 1e-3,
    "milliseconds": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "\ufffds": 1e-6,  # µ in a file that is not UTF-8
    "usec": 1e-6,
    "microsecond": 1e-6,
    "microseconds": 1e-6,
    "ns": 1e-9,
    "nsec": 1e-9,
    "nanosecond": 1e-9,
    "nanoseconds": 1e-9,
    "min": 60.0,
    "mins": 60.0,
    "minute": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "hours": 3600.0,
}
_UNIT = "|".join(sorted(map(re.escape, filter(None, _SECONDS)), key=len, reverse=True))
_TIME = re.compile(
    r"(?:(?:elapsed|relative|rel|unix|epoch)[ _.-]*)?(?:t|times?|timestamps?|epoch)"
    rf"(?:[ _.-]*(?:in\b)?[ _/,.-]*[\[({{]?\s*(?P<unit>{_UNIT})?\s*[\])}}]?)"
)
# Units that name a column of times by themselves; S is the signal, and min the smallest of something.
_NAMES = {unit for unit in _SECONDS if unit.endswith(("sec", "secs", "seconds"))} | {
    "ms",
    "us",
    "ns",
}
_RATES = {
    "fs",
    "sr",
    "rate",
    "samplerate",
    "samplingrate",
    "samplesrate",
    "samplefrequency",
    "samplingfrequency",
    "samplefreq",
    "samplingfreq",
    "framerate",
    "samplespersecond",
}
_STEPS = {"dt", "samplinginterval", "sampleinterval", "samplingperiod", "sampleperiod"}
_PREFIX = {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ms": 1e-3, "us": 1e-6, "s": 1.0, "": 1.0}
_STATED = re.compile(
    r"(?P<name>[a-z][a-z _.-]*?)\s*(?:[\[(](?P<before>[a-z]+)[\])])?\s*[:=,;\t]\s*"
    r"(?P<value>\d[\d.]*(?:e[+-]?\d+)?)\s*(?P<after>[a-z]*)\s*",
    re.IGNORECASE,
)
# In seconds that is the year 5138: times beyond are in a smaller unit.
_LATEST = 1e11


class Stated(NamedTuple):
    """Sampling rate or time unit that a name and a number state.

    Attributes:
      name: as it was written.
      sampling_rate: Hz.
    """

    name: str
    sampling_rate: float


def _plain(name: str) -> str:
    return name.strip().lstrip("#%").strip().strip("\"'").strip().lower()


def seconds_per_unit(name: str) -> float | None:
    """Return the seconds in a unit of the times that `name` names, or None if it names no times."""
    plain = _plain(name)
    if plain in _NAMES:
        return _SECONDS[plain]
    found = _TIME.fullmatch(plain)
    return None if found is None else _SECONDS[found["unit"] or ""]


def has_unit(name: str) -> bool:
    """Tell whether `name`, of a column of times, says what they are in."""
    found = _TIME.fullmatch(_plain(name))
    return found is None or found["unit"] is not None


def unit_of_size(first: float) -> float:
    """Return the seconds in a unit of times that begin at `first` and do not say what they are in.

    Times since 1970 in seconds stay below 1e11 for three thousand years; those in ms, µs or ns are beyond.
    """
    unit = 1.0
    while abs(first) * unit > _LATEST and unit > 1e-9:
        unit /= 1000
    return unit


def rate_of(name: str, value: float) -> float | None:
    """Return the sampling rate in Hz that a number of this name says, or None if it is something else."""
    plain = re.sub(r"[ _.-]", "", _plain(name))
    factor = 1.0
    for unit in ("khz", "mhz", "hz"):
        if plain.endswith(unit):
            plain, factor = plain.removesuffix(unit).strip("([{"), _PREFIX[unit]
            break
    if plain in _RATES:
        return factor * value
    if plain in _STEPS:
        return 1 / value if value else value
    return None


def is_rate(name: str) -> bool:
    """Tell whether a number of this name says the rate."""
    return rate_of(name, 1.0) is not None


def stated_rate(line: str) -> Stated | None:
    """Read a rate that a comment states, such as `# fs = 500` or `# sampling rate: 44.1 kHz`."""
    found = _STATED.fullmatch(_plain(line))
    if found is None:
        return None
    unit = (found["after"] or found["before"] or "").lower()
    try:
        value = float(found["value"])
    except ValueError:
        return None
    if unit not in _PREFIX or not is_rate(found["name"]) or value <= 0:
        return None
    rate = rate_of(found["name"], value * _PREFIX[unit])
    return None if rate is None else Stated(found["name"].strip(), rate)
