"""Live streams: one number a line on standard input, one output a line on standard output.

All lines that are available are processed together; none is delayed to wait for more. Standard output
holds numbers only. What reads several numbers a line has them separated by commas or by blanks; there nan,
or nothing between two commas, is missing. A line that is not as it must be is reported with its line number
on standard error. The policy decides how the stream continues:

    stop   end with exit code 2, after the outputs of all lines before it;
    skip   ignore the line: no output, and the network does not advance;
    hold   repeat the last valid number (0 before the first), or the last valid row (missing before the
           first): the network advances by one sample.
"""

from __future__ import annotations

import codecs
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np

from freqjax.errors import UserError

POLICIES = ("stop", "skip", "hold")
# Bytes read at a time: the capacity of a pipe.
_PIECE = 65_536
# No number needs more characters; lines that are longer by number are truncated and rejected.
_LONGEST_LINE = 1000
_LARGEST = float(np.finfo(np.float32).max)


@runtime_checkable
class Answering(Protocol):
    """Interface of a network that answers the samples of a stream."""

    @property
    def fields(self) -> int | None:
        """F, numbers of a row, which may be missing; None for one number, which must be there."""
        ...

    def advance(self, samples: np.ndarray) -> np.ndarray:
        """Process the next samples, [n] or [n, F]; return the answers, [m] or [m, C]."""
        ...


def check_policy(text: str | None) -> str:
    """Return the policy of `--on-bad-line`; stop if it is not given.

    Raises:
      UserError: `text` is not a policy.
    """
    if text is not None and text not in POLICIES:
        raise UserError(f"--on-bad-line is {text!r}: it must be one of {', '.join(POLICIES)}.")
    return text or "stop"


def run(
    component: Answering,
    policy: str,
    source: int = 0,
    sink: int = 1,
    report: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> int:
    """Write answers to the file descriptor `sink` for the lines of `source`, until the lines end.

    Returns:
      The exit code: 0 at the end of the input or if the reader of `sink` has closed it, 2 if a bad line
      stopped the stream, 128 + its number after a signal.
    """
    lines = _Lines(policy, report, component.fields)
    try:
        for batch in read_batches(source, component.fields or 1):
            numbers = lines.parse(batch)
            if numbers:
                outputs = component.advance(np.array(numbers))
                _write(sink, "".join([f"{_said(y)}\n" for y in outputs.tolist()]).encode())
            if lines.stopped:
                return 2
    except BrokenPipeError:
        pass
    except KeyboardInterrupt as error:
        return 128 + getattr(error, "signum", signal.SIGINT)
    return 0


def read_batches(source: int, numbers: int = 1) -> Iterator[list[bytes]]:
    """Yield the lines that are available, without their ends; the last one may have none.

    A line that is too long for `numbers` of them is truncated one byte beyond the longest allowed.
    """
    rest, mark = b"", codecs.BOM_UTF8
    while piece := os.read(source, _PIECE):
        *lines, rest = (rest + piece).split(b"\n")
        if lines and mark:  # some programs put it before the first line
            lines[0], mark = lines[0].removeprefix(mark), b""
        rest = rest[: _LONGEST_LINE * numbers + 1]
        if lines:
            yield lines
    if rest:
        yield [rest.removeprefix(mark)]


def _said(answer: float | list[float]) -> str:
    """Return a number, or several with commas."""
    if isinstance(answer, list):
        return ",".join([f"{number:.9g}" for number in answer])
    return f"{answer:.9g}"


class _Lines:
    """A parser of lines into numbers, or into rows of them, with a policy for bad lines."""

    def __init__(self, policy: str, report: Callable[[str], None], fields: int | None) -> None:
        self.stopped = False
        self._policy, self._report, self._fields = policy, report, fields
        self._count = 0
        self._last: Any = 0.0 if fields is None else [math.nan] * fields

    def parse(self, lines: list[bytes]) -> list[Any]:
        """Return the numbers, or the rows, that these lines feed to the network."""
        numbers = _all_numbers(lines) if self._fields is None else None
        if numbers is None:
            return self._one_by_one(lines)
        self._count += len(lines)
        self._last = numbers[-1]
        return numbers

    def _one_by_one(self, lines: list[bytes]) -> list[Any]:
        numbers = []
        for line in lines:
            self._count += 1
            found: Any = _number(line) if self._fields is None else _row(line, self._fields)
            if isinstance(found, str):
                self._report(f"freqjax: line {self._count} is {found}.")
                if self._policy == "stop":
                    self.stopped = True
                    break
                if self._policy == "skip":
                    continue
                found = self._last
            self._last = found
            numbers.append(found)
        return numbers


def _all_numbers(lines: list[bytes]) -> list[float] | None:
    """Parse all lines as numbers; None if one is bad."""
    try:
        numbers = [float(line) for line in lines]
    except ValueError:
        return None
    good = max(map(len, lines)) <= _LONGEST_LINE and b"_" not in b" ".join(lines)
    # min and max may miss a nan; the sum does not.
    good = good and max(numbers) <= _LARGEST and min(numbers) >= -_LARGEST
    return numbers if good and not math.isnan(sum(numbers)) else None


def _number(line: bytes) -> float | str:
    """Parse a line as a number, or describe what it is instead."""
    if len(line) > _LONGEST_LINE:
        return f"longer than {_LONGEST_LINE} characters"
    if not line.strip():
        return "empty: it must hold a number"
    try:
        number = float(line)
    except ValueError:
        number = None
    if number is None or b"_" in line:  # Python takes 1_000; others do not
        return f"{line.strip().decode(errors='replace')!r}: it must be a number"
    if not abs(number) <= _LARGEST:
        return f"{line.strip().decode()!r}: it must be a finite number of single precision"
    return number


def _row(line: bytes, count: int) -> list[float] | str:
    """Parse a line as `count` numbers, NaN where missing, or describe what it is instead."""
    if len(line) > _LONGEST_LINE * count:
        return f"longer than {_LONGEST_LINE * count} characters"
    if not line.strip():
        return f"empty: it must hold {count} numbers, nan where missing"
    texts = line.split(b",") if b"," in line else line.split()
    if len(texts) != count:
        return f"of {len(texts)} numbers: it must be of {count}, with commas, nan where missing"
    found = []
    for text in texts:
        missing = text.strip().lower() in (b"", b"nan")
        value = math.nan if missing else _number(text)
        if isinstance(value, str):
            return value
        found.append(value)
    return found


def _write(sink: int, content: bytes) -> None:
    while content:
        content = content[os.write(sink, content) :]
