"""Order of the replicas of a program on the devices, each of which has an equal part of them.

A replica that has stopped takes no time on a CPU, whose replicas are trained one after another, but as much
as before on an accelerator, where they are trained side by side (`freqjax.sweep.program`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence


def relieved(
    order: Sequence[int], active: Collection[int], devices: int, *, skips: bool
) -> list[int] | None:
    """Return an order in which the busiest device has less to do; None if there is none.

    Args:
      order: the replicas on the devices, of which the first has the first part; what is missing in the last
        parts is filled up.
      active: those that are still trained.
      devices: number of devices.
      skips: whether one that has stopped takes no time. Then all stay, and the active ones are spread over
        the devices; else only the active ones stay, and a program has to be compiled for their number.
    """
    left = [replica for replica in order if replica in active]
    if not left:
        return None
    if not skips:
        return left if _part(len(left), devices) < _part(len(order), devices) else None
    part = _part(len(order), devices)
    # The first of every device, then the second of every device, …
    positions = sorted(range(len(order)), key=lambda position: (position % part, position // part))
    stopped = [replica for replica in order if replica not in active]
    spread = dict(zip(positions, [*left, *stopped], strict=True))
    found = [spread[position] for position in range(len(order))]
    return found if _busiest(found, active, part) < _busiest(order, active, part) else None


def _part(count: int, devices: int) -> int:
    return math.ceil(count / devices)


def _busiest(order: Sequence[int], active: Collection[int], part: int) -> int:
    """Return how many replicas are still trained on the device that has most of them."""
    starts = range(0, len(order), part)
    return max(sum(replica in active for replica in order[s : s + part]) for s in starts)
