"""The sampling rate that a column of times tells, from all of them.

The rate is that of the line of least squares through (row, time), summed chunk by chunk. Times are written
with few digits: one that is rounded to q lies up to q / 2 from where it belongs, and the rate can be off by
what that permits. A rate is rounded to a plain one, such as 44100 Hz, only where that lies within these
bounds and would hardly do so by chance. A file of several blocks starts over at each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from freqjax.errors import UserError

# The share of a step by which a time may lie off the line, beyond what its rounding permits: where a sample
# is missing, half a step remains.
_UNEVEN = 0.25
# A step that differs from the others by more than this share of them is a gap.
_GAP = 0.5
# No clock of a file is better, and sums of float64 are not either.
_BEST = 1e-9
# A plain rate is taken if one lies so close by chance with less than this probability.
_CHANCE = 0.2
_USUAL = (
    8000,
    11025,
    12000,
    16000,
    22050,
    24000,
    32000,
    44100,
    48000,
    88200,
    96000,
    176400,
    192000,
)

# Opens the times, from the first on: chunks [n], in the unit of the file.
Reader = Callable[[], Iterable[Float[np.ndarray, " n"]]]


class Measured(NamedTuple):
    """Sampling rate estimated from the times of a file.

    Attributes:
      sampling_rate: Hz.
      slack: by which share the rate may be off.
      first: the first time, s.
      rows: how many times there are.
      jitter: the most that a time lies off its place beyond its rounding, as a share of a step.
      rounded: whether the rate is a plain one that the times permit.
      starts: rows, from 0, at which times start over; the first of all is one.
    """

    sampling_rate: float
    slack: float
    first: float
    rows: int
    jitter: float
    rounded: bool
    starts: tuple[int, ...] = (0,)

    def at(self, rows: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return even times, s, of rows that count from 0; they start over where those of the file do."""
        starts = np.asarray(self.starts)
        return (
            self.first
            + (rows - starts[np.searchsorted(starts, rows, "right") - 1]) / self.sampling_rate
        )

    def words(self, name: str) -> str:
        """Say it in a sentence without a full stop; `name` is that of the times."""
        said = (
            f"{name}: {self.rows:,} times tell {self.sampling_rate:.9g} Hz, to within "
            f"{self.slack * self.sampling_rate:.2g} Hz"
        )
        if self.rounded:
            said += " (rounded to a plain rate that they permit)"
        if self.jitter > 0.01:
            said += f"; single times lie up to {self.jitter:.0%} of a step off even ones"
        return said


class _Line:
    """Sums of a least-squares line through (row, time), in chunks: Chan et al. (1983)."""

    def __init__(self) -> None:
        self.count, self.row, self.time = 0, 0.0, 0.0
        self.rows_squared, self.product = 0.0, 0.0

    def add(self, rows: Float[np.ndarray, " n"], times: Float[np.ndarray, " n"]) -> None:
        """Add times [n] at rows [n]."""
        count, row, time = len(rows), float(rows.mean()), float(times.mean())
        apart, later = row - self.row, time - self.time
        share = self.count * count / (self.count + count)
        self.rows_squared += float(np.square(rows - row).sum()) + share * apart**2
        self.product += float(((rows - row) * (times - time)).sum()) + share * apart * later
        self.count += count
        self.row += apart * count / self.count
        self.time += later * count / self.count

    @property
    def step(self) -> float:
        """Return the slope, s a row."""
        return self.product / self.rows_squared if self.rows_squared else 0.0


def decimal_rounding(values: Float[np.ndarray, " n"]) -> float:
    """Return the power of ten, down to 1e-12, that all `values` are multiples of, or 0 if there is none."""
    for decimals in range(13):
        scaled = values * 10.0**decimals
        if (np.abs(scaled - np.rint(scaled)) <= 1e-6 + 1e-15 * np.abs(scaled)).all():
            return 10.0**-decimals
    return 0.0


def measure(
    read: Reader,
    rounding: float,
    source: str,
    name: str,
    *,
    unit: float = 1.0,
    share: float = 0.0,
) -> Measured:
    """Measure the rate that times tell, and refuse uneven ones.

    Args:
      read: opens the times; it is called twice, or three times where they are uneven.
      rounding: q, to which times are rounded, in the unit of the file.
      source: of the times, for messages.
      name: of the column or array, for messages.
      unit: of the times, s.
      share: of the largest time, to which times are rounded at least.

    Raises:
      UserError: fewer than two times, or ones that do not rise evenly; the first such row is named, from 1.
    """
    line, first, total, latest = _Line(), 0.0, 0, 0.0
    starts: list[int] = []
    for rows, times in _placed(read, rounding, source, name):
        if not total:
            first = float(times[0])
        line.add(rows, times - first)
        starts += (total + np.flatnonzero(rows == 0)).tolist()
        total += len(times)
        latest = max(latest, float(np.abs(times).max()))
    if total < 2:
        raise UserError(f"{source}: {name} needs at least two rows to tell a rate.")
    step = line.step
    if not (step > 0 and math.isfinite(step)):
        raise UserError(
            f"{source}: {name} goes from {first:g} by {step:g} a row: it must rise evenly."
        )
    rounding = max(rounding, share * latest, 4 * float(np.spacing(latest)))
    off, squares, gaps = _residuals(read, rounding, line, first, source, name)
    # One gap or two among even times could come of rounding alone, but hardly do; a time twice may.
    if off > _UNEVEN * step + rounding or gaps in (1, 2):
        allowed = 0.0 if gaps in (1, 2) else rounding
        raise _uneven(read, allowed, line, first, source, name)
    # The slope's weights sum to no more than the root of this in absolute value (Cauchy and Schwarz).
    slack = rounding / 2 * math.sqrt(total / line.rows_squared)
    if off > rounding:
        slack += 2 * math.sqrt(squares / total / line.rows_squared)
    share = max(slack / step, _BEST)
    rate = 1 / (unit * step)
    plain = plain_rate(rate, share)
    return Measured(
        sampling_rate=rate if plain is None else plain,
        slack=share,
        first=unit * first,
        rows=total,
        jitter=max(off - rounding, 0.0) / step,
        rounded=plain is not None and abs(plain / rate - 1) > 1e-6,
        starts=tuple(starts),
    )


def _residuals(
    read: Reader, rounding: float, line: _Line, first: float, source: str, name: str
) -> tuple[float, float, int]:
    """Return how far times lie off the line, at most and squared in all, and how many steps are gaps."""
    off, squares, gaps, usual, last = 0.0, 0.0, 0, None, None
    for rows, times in _placed(read, rounding, source, name):
        away = times - first - (line.time + line.step * (rows - line.row))
        off = max(off, float(np.abs(away).max()))
        squares += float(np.square(away).sum())
        if usual is None:
            usual = _usual_step(times)
        change = np.diff(times, prepend=times[0] - usual if last is None else last)
        if usual > 0:
            gaps += int(np.count_nonzero((change - usual > _GAP * usual) & (rows > 0)))
        last = times[-1]
    return off, squares, gaps


def _usual_step(times: Float[np.ndarray, " n"]) -> float:
    steps = np.diff(times[:4096])
    return float(np.quantile(steps, 0.5, method="lower")) if len(steps) else 0.0


def plain_rate(rate: float, slack: float) -> float | None:
    """Return a plain number within the share `slack` of `rate`, both Hz, unless one is there by chance.

    The plainest has the fewest digits; of the rates of audio some need five.
    """
    low, high = rate * (1 - slack), rate * (1 + slack)
    for digits in range(1, 8):
        found = float(f"{rate:.{digits - 1}e}")
        spacing = 10.0 ** (math.floor(math.log10(rate)) - digits + 1)
        if low <= found <= high and high - low <= _CHANCE * spacing:
            return found
    usual = min(_USUAL, key=lambda known: abs(known - rate))
    next_to = min(abs(known - usual) for known in _USUAL if known != usual)
    return float(usual) if low <= usual <= high and high - low <= _CHANCE * next_to else None


def _placed(
    read: Reader, rounding: float, source: str, name: str
) -> Iterator[tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]]:
    """Yield rows and times in chunks; rows count from 0 in every block."""
    first = last = None
    place, row = 0, 0
    for times in read():
        if not len(times):
            continue
        if not np.isfinite(times).all():
            bad = int(np.flatnonzero(~np.isfinite(times))[0])
            raise UserError(
                f"{source}: row {row + bad + 1}, {name} is {times[bad]}: it must be a finite number."
            )
        first = float(times[0]) if first is None else first
        last = times[0] if last is None else last
        falls = np.flatnonzero(np.diff(times, prepend=last) < 0)
        for at in falls:
            if abs(times[at] - first) > rounding + 1e-9 * abs(first):
                raise UserError(
                    f"{source}: row {row + at + 1}, {name} is {times[at]:.9g}, after "
                    f"{(times[at - 1] if at else last):.9g}: it must rise evenly, or start over at {first:g}."
                )
        starts = np.zeros(len(times))
        starts[falls] = falls
        places = np.arange(len(times)) + place * (
            np.cumsum(np.isin(np.arange(len(times)), falls)) == 0
        )
        places = places - np.maximum.accumulate(starts)
        yield places, times
        place, row, last = int(places[-1]) + 1, row + len(times), times[-1]


def _uneven(
    read: Reader, rounding: float, line: _Line, first: float, source: str, name: str
) -> UserError:
    """Describe the first time that does not follow on the one before, or else the one furthest off."""
    usual = _usual_step(next(times for _, times in _placed(read, rounding, source, name)))
    allowed = _GAP * usual + min(rounding, 0.4 * usual)
    row, last, furthest = 0, None, (0.0, 1, first)
    for rows, times in _placed(read, rounding, source, name):
        change = np.diff(times, prepend=times[0] - usual if last is None else last)
        bad = np.flatnonzero((np.abs(change - usual) > allowed) & (rows > 0))
        if bad.size:
            at = int(bad[0])
            return UserError(
                f"{source}: row {row + at + 1}, {name} is {times[at]:.9g}: it must rise by {usual:g} with "
                "every row; samples are missing or out of order."
            )
        away = np.abs(times - first - (line.time + line.step * (rows - line.row)))
        at = int(away.argmax())
        furthest = max(furthest, (float(away[at]), row + at + 1, float(times[at])))
        row, last = row + len(times), times[-1]
    away, row, time = furthest
    return UserError(
        f"{source}: row {row}, {name} is {time:.9g}, {away / line.step:.3g} steps off an even "
        f"{line.step:g} a row: it must rise evenly."
    )
