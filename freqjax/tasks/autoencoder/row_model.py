"""A model of sequences of rows: modified Kneser-Ney interpolation (Chen and Goodman 1999) in whole numbers.

The probability of a row after a context is that of its counts, each less a discount, plus what the discounts
leave times the probability after the context without its first row. At the shortest context that rest belongs
to the rows that training never shows: an escape, and then each of them alike. Every division is one of whole
numbers, so that encoder and decoder have the same weights on every machine.
Axes: V rows of the vocabulary, n samples of one sequence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from freqjax.tasks.autoencoder.arithmetic_coding import Share

# Of the weights of all rows after a context, apart from the 1 that every row has besides.
SCALE = 1 << 24
# Discounts are multiples of 1 / UNIT.
UNIT = 256


@dataclass(frozen=True, eq=False)
class Followers:
    """The rows that training shows after a context.

    Attributes:
      rows: [F] int64, distinct.
      counts: [F] int64, of each, less its discount, in 1 / UNIT.
      rest: the sum of the discounts, in 1 / UNIT, at least 1.
    """

    rows: Int[np.ndarray, " F"]
    counts: Int[np.ndarray, " F"]
    rest: int

    @property
    def total(self) -> int:
        """The sum of all counts and of the rest, in 1 / UNIT."""
        return int(self.counts.sum()) + self.rest


@dataclass(frozen=True, eq=False)
class RowModel:
    """Weights of the next row after those before it.

    Attributes:
      size: V.
      order: rows whose weights depend on one another: 3 for two before the next.
      base: [V] int64, weights without context, about SCALE in all.
      followers: by context, of 1 to `order` − 1 rows; V stands before the start of a sequence.
    """

    size: int
    order: int
    base: Int[np.ndarray, " V"]
    followers: Mapping[tuple[int, ...], Followers]

    @classmethod
    def fit(cls, sequences: Iterable[Int[np.ndarray, " _"]], size: int, order: int = 3) -> RowModel:
        """Count the rows of training sequences.

        Args:
          sequences: rows from 0 to V − 1, of any number each.
          size: V, at least 1.
          order: at least 1.
        """
        counts = _counts(sequences, size, order)
        followers: dict[tuple[int, ...], Followers] = {}
        base = np.zeros(size, np.int64)
        for length, grams in enumerate(counts):
            discounts = _discounts(grams.values())
            after: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
            for gram, count in sorted(grams.items()):
                after[gram[:-1]].append((gram[-1], count))
            found = {context: _followers(pairs, discounts) for context, pairs in after.items()}
            if length == 0:
                base = _base(found.get(()), size)
            else:
                followers |= found
        return cls(size, order, base, followers)

    def weights(self, before: tuple[int, ...]) -> Int[np.ndarray, " V"]:
        """Return the weights of all rows after those before, int64, each at least 1.

        Args:
          before: the rows of the sequence so far, from its start.
        """
        context = _padded(before, self.size, self.order)
        found = self.base
        for length in range(1, self.order):
            shown = self.followers.get(context[len(context) - length :])
            if shown is None:
                break
            found = found * shown.rest // shown.total
            found[shown.rows] += shown.counts * SCALE // shown.total
        return found + 1

    def share(self, before: tuple[int, ...], row: int) -> Share:
        """Return what a row has of the weights after those before."""
        weights = self.weights(before)
        below = int(weights[:row].sum())
        return Share(below, int(weights[row]), int(weights.sum()))

    def find(self, before: tuple[int, ...], target: int, total: int) -> tuple[int, Share]:
        """Return the row in whose share a target lies, and that share."""
        ends = np.cumsum(self.weights(before))
        row = int(np.searchsorted(ends, target, side="right"))
        below = int(ends[row - 1]) if row else 0
        return row, Share(below, int(ends[row]) - below, total)

    def total(self, before: tuple[int, ...]) -> int:
        """Return the sum of the weights after rows."""
        return int(self.weights(before).sum())


def _padded(before: tuple[int, ...], size: int, order: int) -> tuple[int, ...]:
    """Return the `order` − 1 rows of a context, V before the start."""
    kept = before[len(before) - min(order - 1, len(before)) :]
    return (size,) * (order - 1 - len(kept)) + kept


def _counts(
    sequences: Iterable[Int[np.ndarray, " _"]], size: int, order: int
) -> list[Counter[tuple[int, ...]]]:
    """Count the runs of 1, 2, … `order` rows; shorter ones by how many distinct rows stand before them."""
    longest: Counter[tuple[int, ...]] = Counter()
    for sequence in sequences:
        rows = (size,) * (order - 1) + tuple(sequence.tolist())
        longest.update(rows[i : i + order] for i in range(len(rows) - order + 1))
    counts = [longest]
    for _ in range(order - 1):
        counts.append(Counter(gram[1:] for gram in counts[-1]))
    return counts[::-1]


def _discounts(counts: Iterable[int]) -> tuple[int, int, int]:
    """Return the discounts of counts of 1, 2 and more, in 1 / UNIT, from 1 to UNIT − 1 for each of the count.

    They are those of modified Kneser-Ney, D_i = i − (i + 1) Y n_{i+1} / n_i with Y = n_1 / (n_1 + 2 n_2),
    where n_i is how many counts are i.
    """
    n = Counter(counts)
    found = []
    for i in (1, 2, 3):
        below, above = (n[1] + 2 * n[2]) * n[i], (i + 1) * n[1] * n[i + 1]
        raw = i * UNIT - UNIT * above // below if below else i * UNIT // 2
        found.append(min(max(raw, 1), i * UNIT - 1))
    return found[0], found[1], found[2]


def _followers(pairs: list[tuple[int, int]], discounts: tuple[int, int, int]) -> Followers:
    rows, counts = np.array(pairs, np.int64).T
    taken = np.array(discounts, np.int64)[np.minimum(counts, 3) - 1]
    return Followers(rows, counts * UNIT - taken, int(taken.sum()))


def _base(shown: Followers | None, size: int) -> Int[np.ndarray, " V"]:
    """Return weights without context: of the rows that are shown, and alike of all others."""
    base = np.zeros(size, np.int64)
    if shown is None:
        return base
    base[shown.rows] = shown.counts * SCALE // shown.total
    unseen = size - len(shown.rows)
    if unseen:
        hidden = np.ones(size, bool)
        hidden[shown.rows] = False
        base[hidden] = SCALE * shown.rest // (shown.total * unseen)
    return base
