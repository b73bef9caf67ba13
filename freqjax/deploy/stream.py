"""Live: numbers come in, one a line, and an answer goes out for each as soon as it came.

Lines that wait are taken together, as many as have come; nothing waits for more. Standard output holds
numbers only. A line that is no finite number is reported with its number on standard error, and then

    stop   ends the stream with exit code 2, after the answers to all lines before it;
    skip   goes on as if the line had not been there: no answer, and no time passes for the network;
    hold   hears the last good number again (0 before the first): every line has an answer, and a
           network that keeps time goes on keeping it.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator

import numpy as np

from freqjax.deploy.listener import Listener
from freqjax.errors import UserError

POLICIES = ("stop", "skip", "hold")
# Bytes asked of standard input at a time: what a pipe holds.
_PIECE = 65_536
# No number needs more characters, and no more of a line is kept.
_LONGEST_LINE = 1000
_LARGEST = float(np.finfo(np.float32).max)


def check_policy(text: str | None) -> str:
    """`--on-bad-line`, stop where it is not given.

    Raises:
      UserError: another word.
    """
    if text is not None and text not in POLICIES:
        raise UserError(f"--on-bad-line is {text!r}: it must be one of {', '.join(POLICIES)}.")
    return text or "stop"


def run(
    listener: Listener,
    policy: str,
    source: int = 0,
    sink: int = 1,
    report: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> int:
    """Answer the lines of the file descriptor `source` on `sink` until they end.

    Returns:
      The exit code: 0 at the end of the lines or where nobody reads the answers any more, 2 where a bad
      line stopped it, 130 after Ctrl-C.
    """
    lines = _Lines(policy, report)
    try:
        for batch in read_batches(source):
            numbers = lines.parse(batch)
            if numbers:
                answers = listener.hear(np.array(numbers))
                _write(sink, "".join([f"{y:.9g}\n" for y in answers.tolist()]).encode())
            if lines.stopped:
                return 2
    except BrokenPipeError:
        pass
    except KeyboardInterrupt:
        return 130
    return 0


def read_batches(source: int) -> Iterator[list[bytes]]:
    """The lines that have come, without their ends; the last one may lack its own.

    Of a line that is too long, one byte too many is kept.
    """
    rest = b""
    while piece := os.read(source, _PIECE):
        *lines, rest = (rest + piece).split(b"\n")
        rest = rest[: _LONGEST_LINE + 1]
        if lines:
            yield lines
    if rest:
        yield [rest]


class _Lines:
    """Lines become numbers, under a policy for the bad ones."""

    def __init__(self, policy: str, report: Callable[[str], None]) -> None:
        self.stopped = False
        self._policy, self._report = policy, report
        self._count, self._last = 0, 0.0

    def parse(self, lines: list[bytes]) -> list[float]:
        """The numbers that the network is to hear for these lines."""
        numbers = _all_numbers(lines)
        if numbers is None:
            return self._one_by_one(lines)
        self._count += len(lines)
        self._last = numbers[-1]
        return numbers

    def _one_by_one(self, lines: list[bytes]) -> list[float]:
        numbers = []
        for line in lines:
            self._count += 1
            found = _number(line)
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
    """All lines as numbers, or None where one is bad."""
    try:
        numbers = [float(line) for line in lines]
    except ValueError:
        return None
    good = max(map(len, lines)) <= _LONGEST_LINE and b"_" not in b" ".join(lines)
    # Of nan, min and max may be any; a sum shows it.
    good = good and max(numbers) <= _LARGEST and min(numbers) >= -_LARGEST
    return numbers if good and not math.isnan(sum(numbers)) else None


def _number(line: bytes) -> float | str:
    """A line as a number, or what it is instead, in words."""
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


def _write(sink: int, content: bytes) -> None:
    while content:
        content = content[os.write(sink, content) :]
