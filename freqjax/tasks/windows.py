"""Windows of a block: where they lie, and which of them a sample's output is taken from.

A block of T samples has windows of L samples that begin at 0, s, 2s, … as long as they end inside it, and
one more at T − L where the last of these leaves samples over. So every sample lies in a window, and none
reaches into another block. A window begins with a fresh state or a warm one: that after the M samples
before it, or as many of them as its block has.
Axes: T time, W windows of a block.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Int

from freqjax.config.sections import WindowsConfig
from freqjax.errors import UserError


def warm_up(windows: WindowsConfig) -> int:
    """Return M, the rows in front of a window."""
    return windows.warm_up if windows.start == "warm" else 0


def first_samples(samples: int, windows: WindowsConfig) -> Int[np.ndarray, " W"]:
    """Return the first sample of every window of a block of T = `samples`, rising."""
    last = samples - windows.length
    regular = np.arange(0, last + 1, windows.stride)
    return regular if regular[-1] == last else np.append(regular, last)


def window_count(samples: int, windows: WindowsConfig) -> int:
    """Return the number of windows of a block of T = `samples`."""
    return math.ceil((samples - windows.length) / windows.stride) + 1


def owners(samples: int, windows: WindowsConfig) -> Int[np.ndarray, " T"]:
    """Return [T]: which window of a block each sample's output is taken from.

    Of the windows over a sample it is the one with the most context before it, the first; for `centre`
    the one where it stands nearest to the middle, (L − 1)/2, and of two the first.
    """
    first, time = first_samples(samples, windows), np.arange(samples)
    earliest = np.searchsorted(first + windows.length, time, side="right")
    if windows.combine != "centre":
        return earliest
    # The middles of the windows rise with their number: the nearest is one of two neighbours.
    twice_middle = 2 * first + windows.length - 1
    right = np.clip(np.searchsorted(twice_middle, 2 * time), 1, max(len(first) - 1, 1))
    right = np.minimum(right, len(first) - 1)
    left = np.maximum(right - 1, 0)
    nearer = np.where(
        np.abs(2 * time - twice_middle[left]) <= np.abs(2 * time - twice_middle[right]), left, right
    )
    latest = np.searchsorted(first, time, side="right") - 1
    return np.clip(nearer, earliest, latest)


def covering(samples: int, windows: WindowsConfig) -> Int[np.ndarray, " T"]:
    """Return [T]: how many windows of a block hold each sample."""
    first, time = first_samples(samples, windows), np.arange(samples)
    begun = np.searchsorted(first, time, side="right")
    return begun - np.searchsorted(first + windows.length, time, side="right")


def require_a_batch(windows: WindowsConfig, blocks: int, samples: int) -> None:
    """Check that an epoch of so many blocks of T = `samples` fills a batch.

    Raises:
      UserError: it does not.
    """
    count = blocks * window_count(samples, windows)
    if windows.batch > count:
        raise UserError(
            f"windows.batch is {windows.batch}: it must be at most {count}, the windows of an epoch."
        )
