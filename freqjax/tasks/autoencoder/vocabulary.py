"""Vocabularies: words and their vectors. Several words may share a row, so that scores compare rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Num

# Vectors whose cosines are computed at a time.
_PIECE = 1024


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """W words with V vectors of D numbers.

    Attributes:
      words: W distinct words.
      vectors: [V, D] float32, of length 1 each.
      row_of_word: [W] int32, the row of each word's vector; −1 for none.
    """

    words: tuple[str, ...]
    vectors: Float[np.ndarray, "V D"]
    row_of_word: Int[np.ndarray, " W"]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return dict(zip(self.words, self.row_of_word.tolist(), strict=True))

    @cached_property
    def _words(self) -> list[tuple[str, ...]]:
        found: list[list[str]] = [[] for _ in self.vectors]
        for word, row in self._rows.items():
            if row >= 0:
                found[row].append(word)
        return [tuple(words) for words in found]

    def rows_of(self, tokens: Iterable[str]) -> Int[np.ndarray, " n"]:
        """Return the rows of n tokens, int32; −1 for one without a vector."""
        return np.array([self._rows.get(token, -1) for token in tokens], np.int32)

    def words_of(self, row: int) -> tuple[str, ...]:
        """Return the words of a row, in the order of `words`."""
        return self._words[row]

    def spell(self, rows: Int[np.ndarray, " n"]) -> str:
        """Spell rows as text, by the first word of each; one below 0 is left out."""
        return " ".join(self._words[row][0] for row in rows.tolist() if row >= 0)

    def by_use(self, tokens: Iterable[str]) -> Vocabulary:
        """Return the same rows, with the words that stand in a text most often first."""
        counts = Counter(tokens)
        order = sorted(range(len(self.words)), key=lambda i: -counts[self.words[i]])
        words = tuple(self.words[i] for i in order)
        return Vocabulary(words, self.vectors, self.row_of_word[order])

    def nearest(
        self, vectors: Float[np.ndarray, "n D"], count: int = 1
    ) -> tuple[Int[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
        """Find the rows nearest to vectors by cosine.

        Args:
          vectors: of any length; one of length 0 has a cosine of 0 to every row.
          count: rows for each vector, at most V.

        Returns:
          The k = min(`count`, V) nearest rows, int32, and their cosines, float32, the nearest first; of
          equally near rows the first comes first.
        """
        count = min(count, len(self.vectors))
        rows = np.empty((len(vectors), count), np.int32)
        cosines = np.empty((len(vectors), count), np.float32)
        for start in range(0, len(vectors), _PIECE):
            piece = slice(start, start + _PIECE)
            found = unit(vectors[piece]) @ self.vectors.T
            if count == 1:
                rows[piece] = np.argmax(found, axis=1, keepdims=True)
            else:
                rows[piece] = np.argsort(-found, axis=1, kind="stable")[:, :count]
            cosines[piece] = np.take_along_axis(found, rows[piece], axis=1)
        return rows, cosines


def unit(vectors: Num[np.ndarray, "... D"]) -> Float[np.ndarray, "... D"]:
    """Scale vectors to length 1, float32; one of length 0 stays 0."""
    vectors = np.asarray(vectors, np.float32)
    # Neither the largest nor the smallest float32 leaves its range when it is squared.
    largest = np.abs(vectors).max(axis=-1, keepdims=True, initial=0)
    vectors = vectors / np.where(largest > 0, largest, 1)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1).astype(np.float32)


def make_vocabulary(
    words: Sequence[str],
    vectors: Num[np.ndarray, "R D"],
    row_of_word: Int[np.ndarray, " W"] | None = None,
) -> Vocabulary:
    """Make a vocabulary of vectors of any length.

    Words whose vectors are equal share a row. A vector of length 0 is none, since it has no direction, and
    one of no word is left out.

    Args:
      words: W words; of one that is there twice the first counts.
      vectors: R of them.
      row_of_word: the index of each word's vector, −1 for none; without it R = W, one for each word.
    """
    given = np.arange(len(words)) if row_of_word is None else np.asarray(row_of_word)
    scaled = unit(vectors)
    has_direction = np.append(scaled.any(axis=1), False)
    place: dict[str, int] = {}
    for word, row in zip(words, given.tolist(), strict=True):
        place.setdefault(word, row if has_direction[row] else -1)
    numbers: dict[bytes, int] = {}
    new: dict[int, int] = {-1: -1}
    firsts = []
    for row in sorted(set(place.values()) - {-1}):
        new[row] = numbers.setdefault(scaled[row].tobytes(), len(firsts))
        if new[row] == len(firsts):
            firsts.append(row)
    rows = np.array([new[row] for row in place.values()], np.int32)
    return Vocabulary(tuple(place), scaled[firsts], rows)
