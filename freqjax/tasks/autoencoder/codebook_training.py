"""Training of codebooks of phrases: sequences are divided by the phrases, and the phrases follow the parts.

The loss is 1 − the cosine of each vector, plus λ for a bit, as in entropy-constrained vector quantisation
(Chou, Lookabaugh and Gray 1989). A pass divides all sequences at the least loss; then each vector of a phrase
becomes the mean direction of what it stands for, where the gradient of the loss is 0, and the length of a
phrase in the code −log2 of its share. λ follows the bits that are wanted.

Words have more sequences than there are: a model of their order draws further ones, which keeps phrases from
following single passages.
Axes: as in codewords.py; M distinct vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Float, Int

from freqjax.tasks.autoencoder.baselines import mean_cosine
from freqjax.tasks.autoencoder.codewords import UNIT, Codebook, Phrases, closed
from freqjax.tasks.autoencoder.dataset import Part
from freqjax.tasks.autoencoder.row_model import RowModel
from freqjax.tasks.autoencoder.vocabulary import unit

# Of P phrases, how many have 1, 2, … vectors.
SHARES = (0.16, 0.2, 0.3, 0.17, 0.1, 0.07)
# Costs in 1 / UNIT bits: the cheapest phrase and the dearest.
_CHEAPEST, _DEAREST = 2 * UNIT, 15 * UNIT
_PIECE = 32


class Sequences(NamedTuple):
    """N sequences of M distinct vectors.

    Attributes:
      points: [M + 1, D], the vectors, of length 1, and 0 at the end.
      index: [N, T], of each sample; M where none is present, behind the last.
      counts: [N], how many are present.
    """

    points: Float[np.ndarray, "M1 D"]
    index: Int[np.ndarray, "N T"]
    counts: Int[np.ndarray, " N"]


def train_codewords(
    train: Part,
    *,
    numbers: int = 16,
    bits: int = 8,
    size: int = 640,
    drawn: float = 1.0,
    passes: int = 10,
    prior: float = 0.3,
    seed: int,
) -> Codebook:
    """Train a codebook of phrases.

    Args:
      train: sequences to train on.
      numbers: K.
      bits: of a number.
      size: P, about.
      drawn: further sequences that a model of the words draws, for each that there is; 0 for none.
      passes: how many, the first half of them over a quarter of the sequences each, the others over all.
      prior: what the mean vector counts in each vector of a phrase, in samples.
      seed: of the first phrases and of the sequences that are drawn.
    """
    random = np.random.default_rng(seed)
    sequences = _sequences(train)
    if drawn > 0 and train.rows is not None:
        sequences = _with_drawn(sequences, round(drawn * len(train.mask)), random)
    mean = sequences.points[sequences.index[sequences.index < len(sequences.points) - 1]].mean(0)
    book = _first(sequences, size, mean, random, numbers, bits)
    rate = 0.05 * 128 / (numbers * bits)
    for number in range(passes):
        part = sequences
        if number < passes // 2:
            kept = random.permutation(len(sequences.counts))[: -(-len(sequences.counts) // 4)]
            part = sequences._replace(index=sequences.index[kept], counts=sequences.counts[kept])
        found = _divide(book, part, rate)
        used = np.bincount(found.sequence, book.costs[found.index] / UNIT, len(part.counts))
        book = _updated(book, part, found, prior * mean)
        full = part.counts >= 0.9 * part.counts.max()
        rate *= used[full].mean() / max(numbers * bits - 2, 1)
    return book


def measure_codewords(book: Codebook, part: Part) -> float:
    """Return the mean cosine of a part that is encoded and decoded."""
    codes = book.encode(part.vectors, part.mask)
    return mean_cosine(book.decode(codes, part.mask), part.vectors, part.mask)


def _sequences(part: Part) -> Sequences:
    vectors, counts = closed(part.vectors, part.mask)
    present = np.arange(vectors.shape[1]) < counts[:, None]
    flat = vectors[present]
    if part.rows is None:
        points, numbers = flat, np.arange(len(flat))
    else:
        _, first, numbers = np.unique(part.rows[part.mask], return_index=True, return_inverse=True)
        points = flat[first]
    index = np.full(present.shape, len(points))
    index[present] = numbers
    zero = np.zeros((1, vectors.shape[2]), np.float32)
    return Sequences(np.concatenate([points, zero]), index, counts)


def _with_drawn(sequences: Sequences, count: int, random: np.random.Generator) -> Sequences:
    """Add sequences of all T samples, drawn from the model of the rows that are there."""
    size, samples = len(sequences.points) - 1, sequences.index.shape[1]
    model = RowModel.fit([row[row < size] for row in sequences.index], size)
    ends: dict[tuple[int, ...], np.ndarray] = {}
    drawn = np.zeros((count, samples), np.int64)
    for row in drawn:
        for t in range(samples):
            before = tuple(row[max(t - 2, 0) : t].tolist())
            if before not in ends:
                ends[before] = np.cumsum(model.weights(before))
            target = random.integers(ends[before][-1])
            row[t] = np.searchsorted(ends[before], target, side="right")
    return Sequences(
        sequences.points,
        np.concatenate([sequences.index, drawn]),
        np.concatenate([sequences.counts, np.full(count, samples)]),
    )


def _first(
    sequences: Sequences,
    size: int,
    mean: np.ndarray,
    random: np.random.Generator,
    numbers: int,
    bits: int,
) -> Codebook:
    """Return passages of the sequences, half way to the mean, as phrases of equal cost."""
    phrases = []
    longest = int(sequences.counts.max())
    for length, share in enumerate(SHARES[:longest], 1):
        able = np.flatnonzero(sequences.counts >= length)
        chosen = random.choice(able, max(round(share * size), 1))
        start = (random.random(len(chosen)) * (sequences.counts[chosen] - length + 1)).astype(int)
        places = start[:, None] + np.arange(length)
        vectors = sequences.points[sequences.index[chosen[:, None], places]]
        phrases.append(unit(vectors + mean))
    total = sum(map(len, phrases))
    costs = np.full(total, int(np.ceil(np.log2(total) * UNIT)))
    return Codebook(tuple(phrases), costs, numbers, bits)


def _divide(book: Codebook, sequences: Sequences, rate: float) -> Phrases:
    """Divide sequences into phrases at the highest score less `rate` for each bit."""
    found = []
    for start in range(0, len(sequences.index), _PIECE):
        counts = sequences.counts[start : start + _PIECE]
        index = sequences.index[start : start + _PIECE]
        scores, best = _best(book, sequences.points, index, rate)
        piece = _cheapest(scores, best, counts)
        found.append(piece._replace(sequence=piece.sequence + start))
    return Phrases(*map(np.concatenate, zip(*found, strict=True)))


def _best(
    book: Codebook, points: np.ndarray, index: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the score [T, L, N] and the index [T, L, N] of the best phrase of each length at each place."""
    samples = index.shape[1]
    scores, best = [], []
    for length, phrases in enumerate(book.phrases, 1):
        first, last = book.offsets[length - 1 : length + 1]
        prices = (-rate / UNIT * book.costs[first:last]).astype(np.float32)
        total = np.broadcast_to(prices, (*index.shape, len(phrases))).copy()
        for j in range(length):
            table = points @ phrases[:, j].T
            total[:, : samples - j] += table[index[:, j:]]
        chosen = total.argmax(axis=2)
        scores.append(np.take_along_axis(total, chosen[..., None], axis=2)[..., 0].T)
        best.append(chosen.T + first)
    return np.stack(scores, axis=1), np.stack(best, axis=1)


def _cheapest(scores: np.ndarray, best: np.ndarray, counts: np.ndarray) -> Phrases:
    """Find the division of the highest score by a dynamic program over samples."""
    samples, longest, count = scores.shape
    value = np.zeros((samples + 1, count), np.float32)
    length = np.zeros((samples + 1, count), np.int64)
    for t in range(1, samples + 1):
        ways = [value[t - n] + scores[t - n, n - 1] for n in range(1, min(longest, t) + 1)]
        length[t] = np.argmax(ways, axis=0) + 1
        value[t] = np.max(ways, axis=0)
    found = []
    for n, t in enumerate(counts.tolist()):
        own = []
        while t > 0:
            run = int(length[t, n])
            t -= run
            own.append((n, t, run, int(best[t, run - 1, n])))
        found += own[::-1]
    return Phrases(*np.array(found, np.int64).reshape(-1, 4).T)


def _updated(book: Codebook, sequences: Sequences, found: Phrases, prior: np.ndarray) -> Codebook:
    """Return each phrase as the mean direction of its parts, at the cost of its share of them."""
    phrases = []
    for length, old in enumerate(book.phrases, 1):
        own = found.length == length
        index = found.index[own] - book.offsets[length - 1]
        new = np.empty_like(old)
        for j in range(length):
            which = sequences.index[found.sequence[own], found.start[own] + j]
            uses = scipy.sparse.coo_matrix(
                (np.ones(len(index), np.float32), (index, which)),
                shape=(len(old), len(sequences.points)),
            )
            new[:, j] = uses.tocsr() @ sequences.points + prior
        unused = np.bincount(index, minlength=len(old)) == 0
        phrases.append(np.where(unused[:, None, None], old, unit(new)))
    uses = np.bincount(found.index, minlength=len(book.costs))
    return Codebook(tuple(phrases), costs_of(uses), book.numbers, book.bits)


def costs_of(uses: Int[np.ndarray, " P"]) -> Int[np.ndarray, " P"]:
    """Return the lengths of phrases in the code, in 1 / UNIT bits, for how often each is used.

    They are −log2 of the shares, rounded, and longer where Σ 2^−length would exceed 1.
    """
    share = (uses + 0.5) / (uses + 0.5).sum()
    ideal = -np.log2(share) * UNIT
    costs = np.clip(np.rint(ideal), _CHEAPEST, _DEAREST).astype(np.int64)
    while np.exp2(-costs / UNIT).sum() > 1:
        costs[np.argmax(ideal - costs)] += 1
    return costs
