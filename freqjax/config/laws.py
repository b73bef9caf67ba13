"""Laws of the random axes of a sweep, as text: uniform(LOW,HIGH) and loguniform(LOW,HIGH).

A law has a value for each share u of its probability, which is its inverse distribution function rounded to
a few digits, so that the number that is printed is the number that is used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from freqjax.config.fields import item_type, optional

# Significant digits of a value, or of the width of the law where that is smaller.
_DIGITS = 4
_FORM = re.compile(r"\s*([A-Za-z_]\w*)\s*\(([^(),]*),([^(),]*)\)\s*")
_MEANT = re.compile(r"[A-Za-z_]\w*\s*\(")


class Scale(NamedTuple):
    """Scale on which a law is uniform.

    Attributes:
      to: the place of a value.
      back: the value at a place.
      is_log: whether all values must be above 0.
    """

    to: Callable[[float], float]
    back: Callable[[float], float]
    is_log: bool


LAWS = {
    "uniform": Scale(float, float, False),
    "loguniform": Scale(math.log, math.exp, True),
}
# How they are written, for messages.
ALLOWED = " or ".join(f"{name}(LOW,HIGH)" for name in LAWS)


class Law(NamedTuple):
    """Law of an axis.

    Attributes:
      name: one of `LAWS`.
      low, high: its ends; whole numbers include both.
      whole: whether its values are whole numbers.
    """

    name: str
    low: float
    high: float
    whole: bool

    @property
    def text(self) -> str:
        """The law as a config holds it."""
        return f"{self.name}({self.low!r},{self.high!r})"

    @property
    def is_log(self) -> bool:
        """Whether it is uniform in the logarithm."""
        return LAWS[self.name].is_log

    @property
    def points(self) -> float:
        """Number of its values, infinite unless they are whole numbers."""
        return self.high - self.low + 1 if self.whole else math.inf

    def at(self, share: float) -> float:
        """Return the value below which it has the `share` u of its probability, 0 to 1.

        With F the scale, F⁻¹(F(LOW) + u (F(HIGH) − F(LOW))). Whole numbers k have the probability of
        k − ½ to k + ½, with the ends moved out by ½.
        """
        scale, spread = LAWS[self.name], 0.5 if self.whole else 0.0
        first, last = scale.to(self.low - spread), scale.to(self.high + spread)
        value = scale.back(first + share * (last - first))
        rounded = math.floor(value + 0.5) if self.whole else _rounded(value, self.high - self.low)
        return min(max(rounded, self.low), self.high)

    def parts(self, count: int) -> list[tuple[float, float]]:
        """Divide it into at most `count` parts of the same probability; each is its ends, both included."""
        last = [self.at(place / count) for place in range(1, count)] + [self.high]
        found, low = [], self.low
        for high in last:
            if high > low or (self.whole and high == low):
                found.append((low, high))
                low = high + 1 if self.whole else high
        return found


def _rounded(value: float, width: float) -> float:
    least = min(abs(value), width) or width
    return round(value, _DIGITS - 1 - math.floor(math.log10(least)))


def read(text: str) -> tuple[str, str, str] | None:
    """Split NAME(LOW,HIGH) into its three texts; None if it is not written so."""
    found = _FORM.fullmatch(text)
    return (found[1], found[2].strip(), found[3].strip()) if found else None


def is_meant(kind: Any, text: str) -> bool:
    """Return whether the text for an axis is meant as a law, well written or not.

    Args:
      kind: type of the field. A text, such as a path, may have brackets of its own: it is only a law where
        the law is one of `LAWS`.
      text: for all values of the axis.
    """
    kind, _ = optional(kind)
    if str in (kind, item_type(kind)):
        found = read(text)
        return found is not None and found[0] in LAWS
    return _MEANT.search(text) is not None
