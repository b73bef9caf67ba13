"""The poetic books of the King James Version and the vectors of their words, which ship with freqjax.

`python -m benchmarks.poems_data` makes the file; NOTICE.md has its sources and their licences.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from freqjax.tasks.autoencoder.text import Chapter
from freqjax.tasks.autoencoder.vocabulary import Vocabulary, make_vocabulary

FILE = Path(__file__).with_name("poems.npz")
# Of a token whose word is not listed, since it stands in no window of the published rows.
_UNLISTED = "?"


class Poems(NamedTuple):
    """The shipped text.

    Attributes:
      vocabulary: its words and their vectors, D = 300.
      chapters: in order, with titles such as Psa 23; a token that is not listed is "?".
      split: [C], of each chapter: 0 training, 1 validation, 2 test.
    """

    vocabulary: Vocabulary
    chapters: list[Chapter]
    split: Int[np.ndarray, " C"]


def read_poems() -> Poems:
    """Read the shipped text and vectors."""
    with np.load(FILE, allow_pickle=False) as data:
        words = tuple(data["words"].tolist())
        vocabulary = make_vocabulary(words, data["vectors"], data["row_of_word"])
        spelled = np.array([*words, _UNLISTED])[data["tokens"]]
        titles = data["chapter_name"].tolist()
        ends = np.cumsum(np.bincount(data["chapter"], minlength=len(titles)))[:-1]
        chapters = [
            Chapter(title, tuple(part.tolist()))
            for title, part in zip(titles, np.split(spelled, ends), strict=True)
        ]
        return Poems(vocabulary, chapters, data["chapter_split"].astype(np.int32))
