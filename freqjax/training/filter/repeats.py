"""The last sample of a block at which its targets stand as at its start.

The state of a clock at the end of a block is an initial carry for the next one only where a block holds whole
cycles; the state at the last repeat is one for blocks of any length. Axes: T rows.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def last_repeat(targets: Float[np.ndarray, " T"]) -> int:
    """Return the number of rows before the last sample at which the targets repeat their first.

    It is at that value, to the nearest sample, and goes the same way, up or down. The sample after the last
    row may be it, by the straight line through the last two, so that whole cycles yield T. Without a repeat,
    as where the first target is a turning point, it is T as well.
    """
    if len(targets) < 2:
        return len(targets)
    found = np.asarray(targets, np.float64)
    found = np.append(found, found[-1] + np.arange(1, 3) * (found[-1] - found[-2]))
    found = found * np.sign(found[1] - found[0])
    middles = (found[1:] + found[:-1]) / 2
    repeats = np.flatnonzero((middles[:-1] <= found[0]) & (found[0] < middles[1:])) + 1
    return int(repeats[-1]) if repeats.size else len(targets)
