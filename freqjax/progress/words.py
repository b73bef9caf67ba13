"""Words for phases: "probes 3 of 14 (capacity) · updates 300 of 4,000, about 8 s left at recent speed"."""

from __future__ import annotations

import math
from collections.abc import Sequence

from freqjax.progress.pace import BASIS
from freqjax.progress.phases import Phase
from freqjax.text import duration

# More parts than these are told as a share.
_COUNTED = 9_999
# Seconds after which it is said how long a phase has taken.
_LONG = 3.0


def line(phases: Sequence[Phase], now: float) -> str:
    """Return what is going on at the time `now`, s: the phases within the outermost one, in order.

    The outermost is that of the whole command, and is named only while there is no other. A phase within one
    of the same name is left out.
    """
    told: list[Phase] = []
    for phase in phases[1:] or phases:
        if told and told[-1].name == phase.name:
            told.pop()
        told.append(phase)
    lefts = [phase.left(now) for phase in told]
    words = [_phase(phase) for phase in told]
    for place, left in enumerate(lefts):
        if left is not None:
            basis = BASIS if told[place].known_left is None else "at this pace"
            words[place] += f", about {duration(left)} left {basis}"
    if told and lefts[-1] is None and now - told[-1].began >= _LONG:
        words[-1] += f", {duration(now - told[-1].began)} so far"
    return " · ".join(words)


def share(phases: Sequence[Phase]) -> float | None:
    """Return the share, 0 to 1, of the innermost counted phase that is done; None if none is counted."""
    for phase in reversed(phases):
        if phase.of:
            return min(max(phase.done / phase.of, 0.0), 1.0)
    return None


def _phase(phase: Phase) -> str:
    words = phase.name
    if phase.of is None:
        if phase.done:
            words += f" {math.floor(phase.done):,}" + (f" {phase.unit}" if phase.unit else "")
    elif phase.of > _COUNTED:
        words += f" {min(phase.done / phase.of, 1.0):.0%}"
    else:
        counted = f"{math.floor(phase.done):,} of {math.floor(phase.of):,}"
        words += f" {counted}" + (f" {phase.unit}" if phase.unit else "")
    return f"{words} ({phase.item})" if phase.item else words
