"""Positions of the windows of a block, and the window that provides the output of each sample.

A block of T samples has windows of L samples that begin at 0, s, 2s, … as long as they end inside it, and
one more at T − L if samples remain after the last of these. Every sample is thus in a window, and no window
extends into another block. A window begins with a fresh state or a warm one: the state after the M samples
before it, or fewer if the block begins later.
Axes: T time, W windows of a block.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Int

from freqjax.config.sections import WindowsConfig
from freqjax.errors import UserError


def warm_up(windows: WindowsConfig) -> int:
    """Return M, the rows before a window that warm up its state."""
    return windows.warm_up if windows.start == "warm" else 0


def first_samples(samples: int, windows: WindowsConfig) -> Int[np.ndarray, " W"]:
    """Return the first sample of every window of a block of T = `samples`, ascending."""
    last = samples - windows.length
    regular = np.arange(0, last + 1, windows.stride)
    return regular if regular[-1] == last else np.append(regular, last)


def window_count(samples: int, windows: WindowsConfig) -> int:
    """Return the number of windows of a block of T = `samples`."""
    return math.ceil((samples - windows.length) / windows.stride) + 1


def owners(samples: int, windows: WindowsConfig) -> Int[np.ndarray, " T"]:
    """Return [T], the window of a block that provides the output of each sample.

    It is the first window that contains the sample, which has the most context before it; for `centre` the
    window whose middle, (L − 1)/2, is nearest to the sample, the first of two.
    """
    first, time = first_samples(samples, windows), np.arange(samples)
    earliest = np.searchsorted(first + windows.length, time, side="right")
    if windows.combine != "centre":
        return earliest
    # The middles of the windows are ascending: the nearest is one of two neighbours.
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
    """Return [T], the number of windows of a block that contain each sample."""
    first, time = first_samples(samples, windows), np.arange(samples)
    begun = np.searchsorted(first, time, side="right")
    return begun - np.searchsorted(first + windows.length, time, side="right")


def require_a_batch(windows: WindowsConfig, blocks: int, samples: int) -> None:
    """Check that an epoch of `blocks` blocks of T = `samples` fills a batch.

    Raises:
      UserError: it does not.
    """
    count = blocks * window_count(samples, windows)
    if windows.batch > count:
        raise UserError(
            f"windows.batch is {windows.batch}: it must be at most {count}, the windows of an epoch."
        )
