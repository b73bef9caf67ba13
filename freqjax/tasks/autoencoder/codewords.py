"""Codes of indices: a sequence as phrases of a codebook, as many and as likely as its bits allow.

A phrase is a run of 1 to L vectors of length 1. The code of a sequence is the series of phrases of the
highest mean cosine whose ideal lengths sum to no more than the code has; arithmetic coding packs their
indices into K numbers of a few bits each. A code of indices is no smooth code: if a number of it changes by
1, another sequence follows.
Axes: N sequences, T samples, D dimensions, K numbers of a code, L samples of the longest phrase, P phrases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from freqjax.errors import UserError
from freqjax.tasks.autoencoder.arithmetic_coding import Decoder, Encoder, Share
from freqjax.tasks.autoencoder.vocabulary import unit

# Lengths of phrases in the code are multiples of 1 / UNIT bits.
UNIT = 2
_TOTAL_BITS = 30
_IMPOSSIBLE = np.float32(-1e9)
# Sequences whose scores are held at a time.
_PIECE = 64


class Phrases(NamedTuple):
    """The phrases of sequences, in order: S of them in all.

    Attributes:
      sequence: [S], of which each is.
      start: [S], its first sample.
      length: [S], its samples, 1 to L.
      index: [S], its place in the codebook, among all P.
    """

    sequence: Int[np.ndarray, " S"]
    start: Int[np.ndarray, " S"]
    length: Int[np.ndarray, " S"]
    index: Int[np.ndarray, " S"]


class _Group(NamedTuple):
    """Phrases of equal length and cost, and the best of them at each place of N sequences."""

    length: int
    cost: int
    scores: np.ndarray  # [T, N]
    phrases: np.ndarray  # [T, N]


@dataclass(frozen=True, eq=False)
class Codebook:
    """P phrases with their lengths in the code.

    Attributes:
      phrases: by length from 1 to L: [P_l, l, D] float32, vectors of length 1.
      costs: [P] int64, the length of each phrase in the code, in 1 / UNIT bits.
      numbers: K.
      bits: of a number of the code.
    """

    phrases: tuple[Float[np.ndarray, "_ _ D"], ...]
    costs: Int[np.ndarray, " P"]
    numbers: int = 16
    bits: int = 8

    def resized(self, numbers: int) -> Codebook:
        """Return the same phrases for codes of another number of numbers."""
        return replace(self, numbers=numbers)

    @cached_property
    def offsets(self) -> Int[np.ndarray, " L1"]:
        """The index of the first phrase of each length, and P at the end."""
        return np.cumsum([0, *map(len, self.phrases)])

    @cached_property
    def lengths(self) -> Int[np.ndarray, " P"]:
        """The samples of each phrase."""
        return np.repeat(np.arange(len(self.phrases)) + 1, np.diff(self.offsets))

    @cached_property
    def _ends(self) -> Int[np.ndarray, " P"]:
        """The sums of the weights 2^-cost of all phrases up to each."""
        half = np.array([1 << _TOTAL_BITS, 759250124], np.int64)  # 2^30 and 2^29.5
        return np.cumsum(half[self.costs % UNIT] >> (self.costs // UNIT))

    def _share(self, index: int) -> Share:
        below = int(self._ends[index - 1]) if index else 0
        return Share(below, int(self._ends[index]) - below, int(self._ends[-1]))

    def encode(
        self, vectors: Float[np.ndarray, "N T D"], mask: Bool[np.ndarray, "N T"]
    ) -> Int[np.ndarray, "N K"]:
        """Return the codes of sequences, int64, each number from 0 to 2^bits − 1.

        Vectors that are present are coded as if they followed each other; the decoder knows the gaps.

        Raises:
          UserError: a sequence is too long for its bits even if all its phrases are the cheapest.
        """
        found = self.parse(vectors, mask)
        codes = np.zeros((len(mask), self.numbers), np.int64)
        for n, code in enumerate(codes):
            encoder = Encoder()
            for index in found.index[found.sequence == n].tolist():
                encoder.put(self._share(index))
            data, bits = encoder.finish()
            value = int.from_bytes(data, "big") >> (8 * len(data) - bits)
            value <<= self.numbers * self.bits - bits
            for k in range(self.numbers):
                code[k] = value >> (self.bits * (self.numbers - 1 - k)) & (2**self.bits - 1)
        return codes

    def decode(
        self, codes: Int[np.ndarray, "N K"], mask: Bool[np.ndarray, "N T"]
    ) -> Float[np.ndarray, "N T D"]:
        """Return the sequences of codes, 0 where the mask says that none is present; any code has one.

        Args:
          codes: whole numbers from 0 to 2^bits − 1.
          mask: which samples are present.
        """
        outputs = np.zeros((*mask.shape, self.phrases[0].shape[2]), np.float32)
        for n, (code, present) in enumerate(zip(codes.tolist(), mask, strict=True)):
            places = np.flatnonzero(present)
            decoder = Decoder(self._bytes(code))
            start = 0
            while start < len(places):
                target = decoder.target(int(self._ends[-1]))
                index = int(np.searchsorted(self._ends, target, side="right"))
                decoder.take(self._share(index))
                run = places[start : start + int(self.lengths[index])]
                outputs[n, run] = self.phrase(index)[: len(run)]
                start += int(self.lengths[index])
        return outputs

    def phrase(self, index: int) -> Float[np.ndarray, "l D"]:
        """Return the vectors of a phrase."""
        length = int(self.lengths[index])
        return self.phrases[length - 1][index - self.offsets[length - 1]]

    def _bytes(self, code: list[int]) -> bytes:
        value = 0
        for number in code:
            value = value << self.bits | number
        size = -(-self.numbers * self.bits // 8)
        return (value << (8 * size - self.numbers * self.bits)).to_bytes(size, "big")

    def parse(self, vectors: Float[np.ndarray, "N T D"], mask: Bool[np.ndarray, "N T"]) -> Phrases:
        """Divide sequences into the phrases of the highest mean cosine that fit into the code.

        A dynamic program over the samples and the bits spent so far; it misses no series of phrases.

        Raises:
          UserError: as `encode`.
        """
        pieces = []
        for first in range(0, len(mask), 4 * _PIECE):
            piece = slice(first, first + 4 * _PIECE)
            dense, counts = closed(vectors[piece], mask[piece])
            found = _within(self._groups(dense), counts, self._budget)
            pieces.append(found._replace(sequence=found.sequence + first))
        return Phrases(*map(np.concatenate, zip(*pieces, strict=True)))

    @property
    def _budget(self) -> int:
        # The end of a code takes up to one bit more than its phrases.
        return (self.numbers * self.bits - 1) * UNIT

    def _groups(self, vectors: np.ndarray) -> list[_Group]:
        groups = []
        # Phrases of more than T samples fit nowhere.
        for length, phrases in enumerate(self.phrases[: vectors.shape[1]], 1):
            first = int(self.offsets[length - 1])
            scores = np.zeros((*vectors.shape[:2], len(phrases)), np.float32)
            for j in range(length):
                scores[:, : vectors.shape[1] - j] += vectors[:, j:] @ phrases[:, j].T
            costs = self.costs[first : first + len(phrases)]
            for cost in np.unique(costs).tolist():
                members = np.flatnonzero(costs == cost)
                best = scores[:, :, members].argmax(axis=2)
                chosen = np.take_along_axis(scores, members[best][..., None], axis=2)[..., 0]
                groups.append(_Group(length, cost, chosen.T.copy(), first + members[best].T))
        return groups


def closed(vectors: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences [N, T, D] of unit vectors without gaps, 0 behind the last, and their counts [N]."""
    order = np.argsort(~mask, axis=1, kind="stable")
    present = np.where(mask[..., None], unit(vectors), np.float32(0))
    return np.take_along_axis(present, order[..., None], axis=1), mask.sum(axis=1)


def _within(groups: Sequence[_Group], counts: np.ndarray, budget: int) -> Phrases:
    """Find the best phrases whose costs sum to `budget` at most.

    best[t][u] is the highest score of t samples for a cost of exactly u.
    """
    samples, count = groups[0].scores.shape
    best = np.full((samples + 1, budget + 1, count), _IMPOSSIBLE)
    best[0, 0] = 0
    last = np.full(best.shape, -1, np.int16)
    for t in range(1, samples + 1):
        for g, group in enumerate(groups):
            start = t - group.length
            if start < 0 or group.cost > budget:
                continue
            score = best[start, : budget + 1 - group.cost] + group.scores[start]
            better = score > best[t, group.cost :]
            np.copyto(best[t, group.cost :], score, where=better)
            last[t, group.cost :][better] = g
    found = []
    for n, t in enumerate(counts.tolist()):
        spent = int(best[t, :, n].argmax())
        if best[t, spent, n] < _IMPOSSIBLE / 2:
            raise UserError(
                f"numbers × bits is {budget // UNIT + 1}: it must be more for a sequence of {t} samples."
            )
        own = []
        while t > 0:
            group = groups[last[t, spent, n]]
            t, spent = t - group.length, spent - group.cost
            own.append((n, t, group.length, int(group.phrases[t, n])))
        found += own[::-1]
    return Phrases(*np.array(found, np.int64).reshape(-1, 4).T)
