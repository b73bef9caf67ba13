"""What is known of a line before its signals are read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError

# A detuning above this is no detuning: the bands beside the line would be empty.
_MOST_DETUNING = 0.3


class Line(NamedTuple):
    """The prior knowledge of a line.

    Attributes:
      hz: the nominal frequency of the fundamental.
      sampling_rate_hz: of the signals.
      harmonics: orders, 1 first; the line is the sum of all of them.
      detuning: share of `hz` by which the true frequency may differ from it.
      frequency_drift: standard deviation of the change of log-frequency in 1 s; None if it is not known.
      amplitude_drift: standard deviation of the change of log-amplitude in 1 s; None if it is not known.
      others_hz: nominal frequencies of further lines that the signals hold, with harmonics of those orders.
    """

    hz: float
    sampling_rate_hz: float
    harmonics: tuple[int, ...] = (1,)
    detuning: float = 0.02
    frequency_drift: float | None = None
    amplitude_drift: float | None = None
    others_hz: tuple[float, ...] = ()

    @property
    def period(self) -> float:
        """Samples of a nominal period."""
        return self.sampling_rate_hz / self.hz

    @property
    def step(self) -> float:
        """Nominal phase that the fundamental advances a sample, rad."""
        return 2 * math.pi * self.hz / self.sampling_rate_hz


# Of signals [N, T], the line, and parameters by keyword; estimates [N, T].
Estimator = Callable[..., np.ndarray]


def check(signals: Float[np.ndarray, "N T"], line: Line) -> None:
    """Check signals and the knowledge of their line.

    Raises:
      UserError: a sample is not finite, or a field of the line is out of its range.
    """
    if not np.all(np.isfinite(signals)):
        raise UserError("The signals hold a sample that is not finite: all samples must be finite.")
    _require(line.sampling_rate_hz > 0, "sampling_rate_hz", line.sampling_rate_hz, "above 0")
    _require(line.hz > 0, "hz", line.hz, "above 0")
    orders = line.harmonics
    good = orders[:1] == (1,) and len(set(orders)) == len(orders) and min(orders) > 0
    _require(good, "harmonics", orders, "distinct orders from 1 on, with 1 first")
    _require(
        0 <= line.detuning <= _MOST_DETUNING, "detuning", line.detuning, f"0 to {_MOST_DETUNING}"
    )
    named = [("hz", line.hz), *(("others_hz", hz) for hz in line.others_hz)]
    for name, hz in named:
        highest = hz * max(orders) * (1 + line.detuning)
        _require(
            hz > 0 and highest < line.sampling_rate_hz / 2,
            name,
            hz,
            f"such that {highest:g} Hz, the highest harmonic with its detuning, is below half of the "
            f"sampling rate, {line.sampling_rate_hz / 2:g} Hz",
        )
    every = (line.hz, *line.others_hz)
    _require(len(set(every)) == len(every), "others_hz", line.others_hz, "distinct, without hz")
    for name in ("frequency_drift", "amplitude_drift"):
        value = getattr(line, name)
        _require(value is None or value >= 0, name, value, "0 or more")


def _require(good: bool | np.bool, name: str, value: object, allowed: str) -> None:
    if not good:
        raise UserError(f"The line's {name} is {value}: it must be {allowed}.")


def require_parameter(good: bool | np.bool, name: str, value: object, allowed: str) -> None:
    """Refuse the parameter `name` of an estimator unless `good`.

    Raises:
      UserError: names the parameter, its value, and what is allowed.
    """
    if not good:
        raise UserError(f"The parameter {name} is {value}: it must be {allowed}.")


def turned(line: Line, order: int, first: int, samples: int) -> np.ndarray:
    """Return exp(iθ) [T] complex, θ the nominal phase of a harmonic from sample `first` on."""
    cycles = np.mod((first + np.arange(samples)) * (order * line.hz / line.sampling_rate_hz), 1.0)
    return np.exp(2j * np.pi * cycles)
