"""Resampling chunk by chunk: polyphase filtering that equals `scipy.signal.resample_poly`.

With up / down the ratio of the rates, a chunk that starts at a multiple of `down` has its first sample
on the grid of the new rate. It is filtered together with the samples before and after it that are within
reach of the filter, and only its own part is kept: the result equals that of one pass over the whole signal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from jaxtyping import Inexact

from freqjax.errors import UserError

# Half-length of the filter of resample_poly, in samples of the lower rate.
_REACH = 10
# A longer filter takes more time to design than to apply.
_LARGEST_FACTOR = 50_000
# Rates that differ by less keep together for days.
_SAME = 1e-11
# New samples are made about so many at a time.
_PIECE = 65_536


def ratio(old: float, new: float, field: str, slack: float = 0.0) -> Fraction:
    """Return the ratio new / old, both Hz, as whole numbers up and down.

    Rates are taken as the decimal fractions they are written as, or by the nearest ratio of small numbers
    where that differs by less than the share `slack` by which the rates may be off anyway.

    Raises:
      UserError: the integers are too large.
    """
    found = Fraction(repr(float(new))) / Fraction(repr(float(old)))
    near = found.limit_denominator(_LARGEST_FACTOR)
    if near and abs(float(near / found) - 1) <= max(slack, _SAME):
        found = near
    if max(found.numerator, found.denominator) > _LARGEST_FACTOR:
        raise UserError(
            f"{field}: {old:.9g} Hz to {new:.9g} Hz is {found.numerator} to {found.denominator}: resampling "
            f"needs whole numbers of at most {_LARGEST_FACTOR}; resample it to a rounder rate yourself."
        )
    return found


def resample(
    chunks: Iterable[Inexact[np.ndarray, "n ..."]], up_by_down: Fraction
) -> Iterator[Inexact[np.ndarray, "m ..."]]:
    """Resample chunks [n, ...] of T samples in total to the new rate, ceil(T · up / down) samples in total.

    The filter has linear phase and no delay: a sample stays at its time.

    The signal is taken as 0 beyond its ends, as in `scipy.signal.resample_poly`.
    """
    up, down = up_by_down.numerator, up_by_down.denominator
    if up == down:
        yield from chunks
        return
    from scipy import signal  # importing it takes a second, and most recordings are not resampled

    taps = 2 * _REACH * max(up, down) + 1
    window = signal.firwin(taps, 1 / max(up, down), window=("kaiser", 5.0))  # pyright: ignore[reportArgumentType]
    # Context on either side of a piece, a multiple of `down`, so that the piece stays on the grid.
    around = down * math.ceil((_REACH * max(up, down) / up + 1) / down)
    piece = down * max(1, _PIECE // up)
    held, made, came = None, 0, 0

    def filtered(part: Inexact[np.ndarray, "n ..."]) -> Inexact[np.ndarray, "m ..."]:
        return signal.resample_poly(part, up, down, window=window)[around * up // down :]

    for chunk in chunks:
        came += len(chunk)
        held = np.zeros((around, *chunk.shape[1:])) if held is None else held
        held = np.concatenate([held, chunk])
        while len(held) >= around + piece + around:
            part = filtered(held[: around + piece + around])[: piece * up // down]
            held, made = held[piece:], made + len(part)
            yield part
    if held is None:
        return
    rest = filtered(np.concatenate([held, np.zeros((around, *held.shape[1:]))]))
    yield rest[: math.ceil(came * up / down) - made]
