"""Windows of chapters: T tokens each, from a chapter's start, disjoint, so that no token is in two.

Axes: C chapters, of any number of tokens each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

# Windows of fewer tokens are left out.
FEWEST = 5


class Windows(NamedTuple):
    """N windows of at most T tokens.

    Attributes:
      rows: [N, T] int32, the vocabulary's rows, without gaps; −1 behind the last.
      mask: [N, T] bool, whether a token is present.
      chapter: [N] int32, from which it is.
    """

    rows: Int[np.ndarray, "N T"]
    mask: Bool[np.ndarray, "N T"]
    chapter: Int[np.ndarray, " N"]


def cut(chapters: Sequence[Int[np.ndarray, " _"]], samples: int, fewest: int = FEWEST) -> Windows:
    """Cut chapters into windows.

    The last window of a chapter is kept if it has `fewest` tokens. Then tokens without a vector are dropped,
    and windows in which fewer than `fewest` are left.

    Args:
      chapters: C of them, the rows of its tokens; −1 for one without a vector.
      samples: T.
      fewest: at least 1; T, if it is more than that.
    """
    fewest = min(fewest, samples)
    rows, chapter = [], []
    for number, tokens in enumerate(chapters):
        for start in range(0, len(tokens), samples):
            window = tokens[start : start + samples]
            known = window[window >= 0]
            if len(window) >= fewest and len(known) >= fewest:
                rows.append(known)
                chapter.append(number)
    padded = np.full((len(rows), samples), -1, np.int32)
    for window, known in zip(padded, rows, strict=True):
        window[: len(known)] = known
    return Windows(padded, padded >= 0, np.array(chapter, np.int32))
