"""Phrases: every number of a code names a phrase, and the phrases of a code follow each other.

    decoder       the vectors of phrase c_1, then those of c_2, … to the end of the sequence
    encoder       the phrases of the highest score, K at most, by an exact dynamic program

A phrase has a length of its own, so that a code says where one ends and the next begins. That is no smooth
code: if a number changes by one level another phrase stands in its place, perhaps of another length.
Axes: T samples, B sequences, D dimensions, K numbers of a code, P phrases, L samples of the longest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from freqjax.networks.arrays import AnyArray, Size
from freqjax.tasks.autoencoder.network.decoders import NOTHING, Beside, Sizes

_EPSILON = 1e-12
_NEVER = -1e9
# Standard deviation of vectors if there are no rows to begin with.
_SPREAD = 0.1


def lengths_of(samples: int, numbers: int, phrases: int) -> Int[np.ndarray, " P"]:
    """Return the lengths of phrases in rising order: about a Poisson distribution of mean T / K.

    Args:
      samples: T.
      numbers: K; its longest phrases alone reach over a sequence.
      phrases: P.
    """
    mean = samples / numbers
    longest = min(samples, max(1, math.ceil(2 * mean))) if mean > 1 else 1
    lengths = np.arange(1, longest + 1)
    weights = np.exp(lengths * np.log(mean) - [math.lgamma(n + 1) for n in lengths])
    ends = np.round(np.cumsum(weights) / weights.sum() * phrases).astype(int)
    return np.searchsorted(ends, np.arange(phrases), side="right") + 1


class Drawn:
    """Phrases of training rows, of given lengths; compared by identity."""

    def __init__(self, vectors: Float[np.ndarray, "P L D"]) -> None:
        """Store them, 0 behind the last vector of each."""
        self.vectors = vectors

    @classmethod
    def of(
        cls,
        vectors: Float[np.ndarray, "N T D"],
        mask: Bool[np.ndarray, "N T"],
        lengths: Int[np.ndarray, " P"],
    ) -> Drawn:
        """Draw a passage of the training rows for each phrase; from shorter sequences the rest is 0."""
        random = np.random.default_rng(0)
        found = np.zeros((len(lengths), lengths.max(), vectors.shape[2]), np.float32)
        counts = mask.sum(axis=1)
        for phrase, length in zip(found, lengths.tolist(), strict=True):
            long_enough = np.flatnonzero(counts >= min(length, counts.max()))
            sequence = random.choice(long_enough)
            start = random.integers(0, max(counts[sequence] - length, 0) + 1)
            passage = np.where(mask[sequence, :, None], vectors[sequence], 0)[
                start : start + length
            ]
            phrase[: len(passage)] = passage
        return cls(found)


@dataclass(frozen=True, eq=False)
class PhraseDecoder(Sizes):
    """Decoder of a code whose numbers name phrases.

    Attributes:
      phrases: P.
      drawn: initial phrases; None for random ones.
      squared: whether the best phrases are those of the least squared error, and not of the highest cosine.
    """

    phrases: int
    drawn: Drawn | None = None
    squared: bool = False
    feeds_back: bool = False
    leaks: bool = False

    @property
    def lengths(self) -> Int[np.ndarray, " P"]:
        """The samples of each phrase."""
        return lengths_of(self.samples, self.numbers, self.phrases)

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters: vectors [P, L, D], of which those behind a phrase's length are not read."""
        if self.drawn is not None:
            return {"phrases": jnp.array(self.drawn.vectors)}
        shape = (self.phrases, int(self.lengths.max()), self.dimensions)
        return {"phrases": jax.random.normal(key, shape) * _SPREAD}

    def __call__(
        self, params: Any, codes: Float[AnyArray, "B K"], samples: Size, beside: Beside = NOTHING
    ) -> Float[Array, "T B D"]:
        """Return T = `samples` outputs of each code; 0 where its phrases are too short."""
        del beside
        scaled = (jnp.clip(codes, -1, 1) + 1) / 2 * (self.phrases - 1)
        index = jnp.rint(scaled).astype(jnp.int32)
        ends = jnp.cumsum(jnp.asarray(self.lengths)[index], axis=1)
        time = jnp.arange(samples)
        number = jnp.sum(ends[:, None] <= time[None, :, None], axis=2)
        covered = number < self.numbers
        number = jnp.minimum(number, self.numbers - 1)
        begins = jnp.where(number > 0, jnp.take_along_axis(ends, number - 1, axis=1), 0)
        place = jnp.clip(time[None] - begins, 0, int(self.lengths.max()) - 1)
        chosen = jnp.take_along_axis(index, number, axis=1)
        outputs = params["phrases"][chosen, place]
        return jnp.swapaxes(jnp.where(covered[..., None], outputs, 0), 0, 1)

    def nearest(
        self, params: Any, xs: Float[AnyArray, "T B D"], present: Bool[AnyArray, "T B"]
    ) -> Float[Array, "B K"]:
        """Return the numbers of the best phrases; 0 for numbers that are not needed.

        A sequence that needs more than K of the longest phrases is coded as far as these reach.
        """
        scores, phrases = self._best(params["phrases"], xs, present)
        chosen = _parse(scores, present, self.numbers)
        starts = jnp.clip(chosen.start, 0, xs.shape[0] - 1)
        sequence = jnp.arange(xs.shape[1])[:, None]
        index = phrases[jnp.maximum(chosen.length - 1, 0), starts, sequence]
        codes = index / max(self.phrases - 1, 1) * 2.0 - 1.0
        return jnp.where(chosen.length > 0, codes, 0.0)

    def _best(
        self, phrases: Float[AnyArray, "P L D"], xs: Any, present: Any
    ) -> tuple[Float[Array, "L T B"], Int[Array, "L T B"]]:
        """Return the score of the best phrase of each length at each sample, and which it is."""
        samples, longest = xs.shape[0], phrases.shape[1]
        padded = jnp.pad(jnp.where(present[..., None], xs, 0), ((0, longest), (0, 0), (0, 0)))
        there = jnp.pad(present, ((0, longest), (0, 0)))
        scores, chosen = [], []
        for length in range(1, longest + 1):
            members = np.flatnonzero(self.lengths == length)
            total: Any = jnp.full((samples, xs.shape[1], max(len(members), 1)), _NEVER)
            if len(members):
                own = phrases[members[0] : members[-1] + 1]
                total = sum(
                    self._scores(own[:, j], padded[j : j + samples], there[j : j + samples])
                    for j in range(length)
                )
            scores.append(jnp.max(total, axis=-1))
            first = members[0] if len(members) else 0
            chosen.append(jnp.argmax(total, axis=-1) + first)
        return jnp.stack(scores), jnp.stack(chosen)

    def _scores(self, vectors: Any, targets: Any, there: Any) -> Float[Array, "T B P"]:
        """Return how near vectors are to targets, 0 where none is present."""
        squares = jnp.sum(jnp.square(vectors), axis=-1)
        if self.squared:
            found = 2 * (targets @ vectors.T) - squares[None, None]
        else:
            sizes = jnp.sqrt(jnp.maximum(squares, _EPSILON))
            found = targets @ (vectors / sizes[:, None]).T
        return jnp.where(there[..., None], found, 0)


class Parsed(NamedTuple):
    """Phrases of B sequences, in order.

    Attributes:
      start: [B, K], the first sample of each; below 0 if there is none.
      length: [B, K], its samples; 0 if there is none.
    """

    start: Int[Array, "B K"]
    length: Int[Array, "B K"]


def _parse(scores: Float[Array, "L T B"], present: Bool[AnyArray, "T B"], numbers: int) -> Parsed:
    """Divide sequences into the K = `numbers` phrases of the highest total score, or fewer.

    value[t, k] is the highest score of what follows sample t with k phrases left; padding costs none.
    """
    longest, samples, count = scores.shape
    unused = jnp.zeros((longest, numbers + 1, count))

    def back(after: Any, row: Any) -> Any:
        # after [L, K + 1, B]: the values at the samples that follow, the next one first.
        score, there = row
        with_phrase = after[:, :-1] + score[:, None]
        best, length = jnp.max(with_phrase, axis=0), jnp.argmax(with_phrase, axis=0) + 1
        nothing = jnp.where(there, _NEVER, 0.0)[None]
        value = jnp.concatenate([nothing, best])
        length = jnp.concatenate([jnp.zeros_like(length[:1]), length])
        value = jnp.where(there[None], value, after[0])
        length = jnp.where(there[None], length, 0)
        return jnp.concatenate([value[None], after[:-1]]), length

    rows = (jnp.moveaxis(scores, 1, 0), jnp.asarray(present))
    _, lengths = jax.lax.scan(back, unused, rows, reverse=True)  # [T, K + 1, B]
    sequence = jnp.arange(count)

    def forth(at: Any, left: Any) -> Any:
        place = jnp.minimum(at, samples - 1)
        length = jnp.where(at < samples, lengths[place, left, sequence], 0)
        return at + length, (jnp.where(length > 0, at, -1), length)

    start = jnp.zeros(count, jnp.int32)
    _, (starts, found) = jax.lax.scan(forth, start, jnp.arange(numbers, 0, -1))
    return Parsed(starts.T, found.T)
