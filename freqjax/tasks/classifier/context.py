"""Context of a window: the windows of the same recording before it, or around it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from freqjax.tasks.classifier.dataset import Part

Kind = Literal["none", "past", "both"]


class Context(NamedTuple):
    """K windows for each of N, in order of time.

    Attributes:
      index: [N, K] int32, windows of the part; the window itself where there is none.
      mask: [N, K] bool, whether there is one.
      own: the place of the window itself among the K.
    """

    index: Int[np.ndarray, "N K"]
    mask: Bool[np.ndarray, "N K"]
    own: int


def context_of(part: Part, kind: Kind, count: int = 0) -> Context:
    """Return the context of each window of a part.

    Place j is the window whose order differs by j − `own`: one that was left out, that is in another part,
    or that is behind an end of the recording is masked, and none of another recording takes its place.

    Args:
      part: the windows.
      kind: "none" for the window alone, K = 1; "past" for those before it, K = count + 1, of which it is the
        last; "both" for those on both sides, K = 2 count + 1, of which it is the middle.
      count: windows on a side.
    """
    before = 0 if kind == "none" else count
    after = count if kind == "both" else 0
    steps = np.arange(-before, after + 1)
    # Windows by recording and order as one number; recordings lie further apart than any step.
    apart = int(part.order.max(initial=0)) + before + after + 1
    key = part.recording.astype(np.int64) * apart + part.order
    sorting = np.argsort(key)
    wanted = key[:, None] + steps
    place = np.minimum(np.searchsorted(key[sorting], wanted), max(len(key) - 1, 0))
    found = sorting[place]
    mask = key[found] == wanted
    own = np.arange(len(key))[:, None]
    return Context(np.where(mask, found, own).astype(np.int32), mask, before)
