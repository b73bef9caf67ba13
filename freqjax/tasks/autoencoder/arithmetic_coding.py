"""Arithmetic coding (Witten, Neal and Cleary 1987) with whole numbers alone: exact on every machine.

A symbol of weight f, below which the weights of a total sum to c, narrows an interval [low, high] to
its share [c, c + f) of the total. Bits on which both ends agree are written and dropped. What is read behind
the end of a code is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

# Bits of the ends of the interval; totals of weights may have as many, less two.
REGISTER = 48
LARGEST_TOTAL = 1 << (REGISTER - 2)
_TOP = (1 << REGISTER) - 1
_HALF = 1 << (REGISTER - 1)
_QUARTER = 1 << (REGISTER - 2)


class Share(NamedTuple):
    """Share of a symbol in a total of weights.

    Attributes:
      below: the sum of the weights of all symbols before it.
      weight: its own, at least 1.
      total: the sum of all, at most `LARGEST_TOTAL`.
    """

    below: int
    weight: int
    total: int


class Code(NamedTuple):
    """Bits, the first of which is the highest of the first byte.

    Attributes:
      data: whole bytes, the last of which is filled up with 0.
      bits: how many there are.
    """

    data: bytes
    bits: int


class Encoder:
    """An interval that symbols narrow, and the bits that are certain."""

    def __init__(self) -> None:
        """Begin with the whole interval."""
        self._low, self._high = 0, _TOP
        self._pending = 0
        self._bits: list[int] = []

    def put(self, share: Share) -> None:
        """Encode a symbol."""
        self._low, self._high = _narrowed(self._low, self._high, share)
        while (step := _step(self._low, self._high)) is not None:
            if step == _QUARTER:
                self._pending += 1
            else:
                self._write(int(step == _HALF))
            self._low, self._high = 2 * (self._low - step), 2 * (self._high - step) + 1

    def finish(self) -> Code:
        """Return the shortest code whose continuation by 0 lies in the interval."""
        if self._low > 0 or self._pending:
            # The middle always lies inside, which takes one bit at most beyond the ideal length.
            self._write(1)
        bits = list(self._bits)
        while bits and not bits[-1]:
            bits.pop()
        value = int("".join(map(str, bits)) or "0", 2)
        size = -(-len(bits) // 8)
        return Code((value << (8 * size - len(bits))).to_bytes(size, "big"), len(bits))

    def _write(self, bit: int) -> None:
        """Write a bit, and its opposite for each that was pending."""
        self._bits.append(bit)
        self._bits.extend([1 - bit] * self._pending)
        self._pending = 0


class Decoder:
    """The interval of an encoder, followed by the bits of its code; of any bits, without end."""

    def __init__(self, data: bytes) -> None:
        """Read the first bits of a code."""
        self._source = _bits(data)
        self._low, self._high = 0, _TOP
        self._value = 0
        for _ in range(REGISTER):
            self._value = 2 * self._value + next(self._source)

    def target(self, total: int) -> int:
        """Return a number from 0 to total − 1, which lies in the share of the next symbol."""
        width = self._high - self._low + 1
        return ((self._value - self._low + 1) * total - 1) // width

    def take(self, share: Share) -> None:
        """Leave behind the symbol in whose share the target lies."""
        self._low, self._high = _narrowed(self._low, self._high, share)
        while (step := _step(self._low, self._high)) is not None:
            self._low, self._high = 2 * (self._low - step), 2 * (self._high - step) + 1
            self._value = 2 * (self._value - step) + next(self._source)


def _narrowed(low: int, high: int, share: Share) -> tuple[int, int]:
    """Return the ends of a symbol's part of an interval."""
    width = high - low + 1
    end = low + width * (share.below + share.weight) // share.total - 1
    return low + width * share.below // share.total, end


def _step(low: int, high: int) -> int | None:
    """Return what is subtracted before the interval is doubled; None if it is wide enough."""
    if high < _HALF:
        return 0
    if low >= _HALF:
        return _HALF
    if low >= _QUARTER and high < _HALF + _QUARTER:
        return _QUARTER
    return None


def _bits(data: bytes) -> Iterator[int]:
    """Yield the bits of bytes, and then 0 without end."""
    for byte in data:
        for place in range(7, -1, -1):
            yield byte >> place & 1
    while True:
        yield 0
