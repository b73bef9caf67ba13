"""Codes of indices against all divisions of short sequences, and what training makes of a codebook."""

import itertools

import numpy as np
import pytest

from freqjax import UserError
from freqjax.tasks.autoencoder import baselines
from freqjax.tasks.autoencoder.codebook_training import (
    costs_of,
    measure_codewords,
    train_codewords,
)
from freqjax.tasks.autoencoder.codewords import UNIT, Codebook
from freqjax.tasks.autoencoder.dataset import Part
from freqjax.tasks.autoencoder.vocabulary import unit


def book_of(seed, counts=(3, 4, 2), dimensions=3, numbers=3, bits=5):
    """Draw a codebook whose phrases have costs of uneven use."""
    random = np.random.default_rng(seed)
    phrases = tuple(
        unit(random.normal(size=(count, length, dimensions)))
        for length, count in enumerate(counts, 1)
    )
    return Codebook(phrases, costs_of(random.integers(0, 30, sum(counts))), numbers, bits)


def part_of(seed, count=30, samples=12, words=True):
    """Draw sequences of a Markov chain over 20 vectors in 5 dimensions."""
    vectors = unit(np.random.default_rng(77).normal(size=(20, 5)) + 0.5)
    random = np.random.default_rng(seed)
    rows = np.full((count, samples), -1, np.int32)
    for row in rows:
        word = int(random.integers(20))
        for t in range(random.integers(samples // 2, samples + 1)):
            row[t] = word
            word = (3 * word + int(random.choice([1, 1, 1, 1, 4]))) % 20
    mask = rows >= 0
    found = np.where(mask[..., None], vectors[rows], np.float32(0))
    group = np.zeros(count, np.int32)
    return Part(found, mask, group, group, rows if words else None)


def divisions(book, length):
    """Yield all series of phrases that fill a sequence and fit into the code."""
    for count in range(1, length + 1):
        for series in itertools.product(range(len(book.costs)), repeat=count):
            fits = book.costs[list(series)].sum() / UNIT <= book.numbers * book.bits - 1
            if fits and book.lengths[list(series)].sum() == length:
                yield series


@pytest.mark.parametrize("numbers", [2, 3, 4])
def test_no_other_series_of_phrases_that_fits_is_better(numbers):
    book = book_of(numbers, numbers=numbers)
    random = np.random.default_rng(1)
    vectors = unit(random.normal(size=(4, 4, 3)))
    mask = np.arange(4) < np.array([[4], [2], [1], [3]])
    found = book.parse(vectors, mask)
    for n, length in enumerate(mask.sum(axis=1)):
        scores = [
            (np.concatenate([book.phrase(i) for i in series]) * vectors[n, :length]).sum()
            for series in divisions(book, length)
        ]
        own = found.index[found.sequence == n].tolist()
        score = (np.concatenate([book.phrase(i) for i in own]) * vectors[n, :length]).sum()
        assert score == pytest.approx(max(scores), abs=1e-5)
        assert book.costs[own].sum() / UNIT <= book.numbers * book.bits - 1


@pytest.mark.parametrize("samples", [1, 2])
def test_phrases_longer_than_the_sequences_are_not_chosen(samples):
    """What stands behind a sequence as padding changes nothing."""
    book = book_of(0, (3, 4, 2, 2, 2))
    vectors = unit(np.random.default_rng(1).normal(size=(4, samples, 3)))
    mask = np.ones((4, samples), bool)
    padded = np.pad(vectors, ((0, 0), (0, 6), (0, 0))), np.pad(mask, ((0, 0), (0, 6)))
    found = book.parse(vectors, mask)
    assert found.length.max() <= samples
    for short, long in zip(found, book.parse(*padded), strict=True):
        np.testing.assert_array_equal(short, long)


@pytest.mark.parametrize("seed", range(4))
def test_a_code_decodes_to_its_phrases(seed):
    book = book_of(seed, (6, 9, 3, 2), numbers=7, bits=6)
    random = np.random.default_rng(seed)
    mask = random.random((20, 14)) < 0.7
    mask[0], mask[1] = True, False
    vectors = np.where(mask[..., None], random.normal(size=(20, 14, 3)), 0).astype(np.float32)
    codes = book.encode(vectors, mask)
    assert codes.shape == (20, 7) and codes.min() >= 0 and codes.max() < 2**6
    outputs = book.decode(codes, mask)
    found = book.parse(vectors, mask)
    for n in range(20):
        own = found.index[found.sequence == n].tolist()
        wanted = np.concatenate([np.zeros((0, 3)), *(book.phrase(i) for i in own)])
        np.testing.assert_array_equal(outputs[n, mask[n]], wanted)
        assert not outputs[n, ~mask[n]].any()


def test_more_numbers_are_never_worse():
    part = part_of(1)
    book = book_of(2, (20, 20, 20), 5)
    found = [measure_codewords(book.resized(numbers), part) for numbers in (6, 8, 10, 14)]
    assert found == sorted(found)


def test_any_code_decodes():
    book = book_of(3, numbers=4, bits=8)
    codes = np.random.default_rng(0).integers(0, 256, (30, 4))
    codes[0], codes[1] = 0, 255
    outputs = book.decode(codes, np.ones((30, 40), bool))
    np.testing.assert_allclose(np.linalg.norm(outputs, axis=2), 1, atol=1e-5)


def test_a_sequence_that_cannot_fit_is_rejected():
    book = book_of(4, numbers=1, bits=4)
    part = part_of(0, 2)
    with pytest.raises(UserError, match=r"numbers × bits is 4: it must be more for a sequence of"):
        book.encode(part.vectors[..., :3], part.mask)


@pytest.mark.parametrize("count", [1, 2, 30, 500])
def test_costs_are_those_of_a_code(count):
    uses = (1000 * np.random.default_rng(count).random(count) ** 4).astype(int)
    costs = costs_of(uses)
    assert np.exp2(-costs / UNIT).sum() <= 1
    share = (uses + 0.5) / (uses + 0.5).sum()
    mean = (share * costs).sum() / UNIT
    entropy = -(share * np.log2(share)).sum()
    assert mean <= max(entropy, 2) + 0.5


@pytest.mark.parametrize("words", [True, False])
def test_training_brings_phrases_near_to_the_sequences(words):
    train, held_out = part_of(5, 80, words=words), part_of(6, words=words)
    settings = {"numbers": 4, "bits": 6, "size": 60, "seed": 3}
    first = train_codewords(train, passes=0, **settings)
    last = train_codewords(train, passes=8, **settings)
    constant = baselines.best_constant(train.vectors, train.mask)
    mean = baselines.mean_cosine(
        np.broadcast_to(constant, held_out.vectors.shape), held_out.vectors, held_out.mask
    )
    assert measure_codewords(last, held_out) > measure_codewords(first, held_out) + 0.03
    assert measure_codewords(last, held_out) > mean + 0.15
    again = train_codewords(train, passes=8, **settings)
    for one, other in zip(last.phrases, again.phrases, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(np.linalg.norm(one, axis=2), 1, atol=1e-5)
    np.testing.assert_array_equal(last.costs, again.costs)
