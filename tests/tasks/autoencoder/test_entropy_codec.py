"""The constructed codec against probabilities in float64, on words that it never saw, and on damage."""

import math
from collections import Counter

import numpy as np
import pytest

from freqjax import UserError
from freqjax.tasks.autoencoder import entropy_codec
from freqjax.tasks.autoencoder.dataset import Part, load_dataset
from freqjax.tasks.autoencoder.entropy_codec import EntropyCodec
from freqjax.tasks.autoencoder.row_model import RowModel

SIZE = 12


def sequences_of(seed, count=40, longest=15):
    """Draw sequences of a Markov chain over the first 8 of SIZE rows."""
    random = np.random.default_rng(seed)
    rows = np.full((count, longest), -1, np.int32)
    for sequence in rows:
        row = 0
        for t in range(random.integers(1, longest + 1)):
            row = int(row + random.choice([1, 1, 1, 2, 5])) % 8
            sequence[t] = row
    return rows


TRAIN = sequences_of(0)


@pytest.fixture(scope="module")
def shipped():
    dataset = load_dataset()
    assert dataset.train.rows is not None and dataset.vocabulary is not None
    return dataset, EntropyCodec.fit(dataset.train.rows[::2], len(dataset.vocabulary.vectors), 2)


def kneser_ney(sequences, order, context, row):
    """Return the probability of a row by the recursion of Chen and Goodman, in float64."""
    runs = Counter()
    for sequence in sequences:
        known = [SIZE] * (order - 1) + [r for r in sequence.tolist() if r >= 0]
        runs.update(tuple(known[i : i + order]) for i in range(len(known) - order + 1))
    tables = [runs]
    for _ in range(order - 1):
        tables.append(Counter(gram[1:] for gram in tables[-1]))

    def probability(table, context, row):
        counts = tables[table]
        n = Counter(counts.values())
        y = n[1] / max(n[1] + 2 * n[2], 1)
        known = {i: n[i] and n[1] + 2 * n[2] for i in (1, 2, 3)}
        discount = {i: i - (i + 1) * y * n[i + 1] / n[i] if known[i] else i / 2 for i in known}
        # They are held within (0, i) and rounded to 1/256, which the tolerance allows for.
        discount = {i: min(max(d, 1 / 256), i - 1 / 256) for i, d in discount.items()}
        after = {gram[-1]: c for gram, c in counts.items() if gram[:-1] == context}
        if not after:
            return probability(table + 1, context[1:], row)
        total = sum(after.values())
        rest = sum(discount[min(c, 3)] for c in after.values()) / total
        own = after.get(row, 0)
        share = (own - discount[min(own, 3)]) / total if own else 0.0
        if context:
            return share + rest * probability(table + 1, context[1:], row)
        return share if own else rest / (SIZE - len(after))

    return probability(0, context, row)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_model_is_that_of_kneser_and_ney(order):
    model = RowModel.fit([s[s >= 0] for s in TRAIN], SIZE, order)
    for before in ((), (1,), (1, 2), (0, 5, 6), (9, 9), (1, 11), (11, 1)):
        weights = model.weights(before)
        assert weights.min() >= 1
        context = ((SIZE,) * (order - 1) + before)[len(before) :]
        wanted = [kneser_ney(TRAIN, order, context, row) for row in range(SIZE)]
        assert sum(wanted) == pytest.approx(1)
        np.testing.assert_allclose(weights / weights.sum(), wanted, atol=0.01)
        shares = [model.share(before, row) for row in range(SIZE)]
        assert sum(share.weight for share in shares) == shares[0].total == model.total(before)
        for row, share in enumerate(shares):
            for target in (share.below, share.below + share.weight - 1):
                assert model.find(before, target, share.total) == (row, share)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_sequences_come_back_in_the_length_of_their_probability(order):
    codec = EntropyCodec.fit(TRAIN, SIZE, order)
    random = np.random.default_rng(3)
    cases = [s[s >= 0] for s in sequences_of(1)]
    cases += [random.integers(0, SIZE, n).astype(np.int32) for n in (0, 1, 1, 2, 7, 200)]
    for rows in cases:
        code = codec.encode(rows)
        found = codec.decode(code.data, len(rows))
        np.testing.assert_array_equal(found, rows)
        known, ideal = tuple(rows.tolist()), 0.0
        for i, row in enumerate(known):
            weights = codec.model.weights(known[:i]).astype(float)
            ideal -= math.log2(weights[row] / weights.sum())
        assert code.bits <= ideal + 2.1
        assert len(code.data) == math.ceil(code.bits / 8)


def test_the_model_serves_without_training_rows():
    codec = EntropyCodec.fit(np.zeros((0, 5), np.int32), SIZE)
    rows = np.array([3, 11, 0], np.int32)
    np.testing.assert_array_equal(codec.decode(codec.encode(rows).data, 3), rows)
    assert 0 <= codec.encode(rows).bits - 3 * math.log2(SIZE) <= 2.1  # all rows are as probable


@pytest.mark.parametrize("bits", [10, 20, 40])
def test_what_does_not_fit_is_cut_off(bits):
    codec = EntropyCodec.fit(TRAIN, SIZE)
    random = np.random.default_rng(bits)
    for length in (1, 12, 30):
        rows = random.integers(0, SIZE, length).astype(np.int32)
        code = codec.encode(rows, bits)
        assert code.bits <= bits and len(code.data) <= math.ceil(bits / 8)
        found = codec.decode(code.data, length)
        np.testing.assert_array_equal(found, rows[: len(found)])
        if codec.encode(rows).bits <= bits:
            assert len(found) == length
        elif len(found) + 1 < length:
            longer = codec.encode(rows, codec.encode(rows).bits - 1)
            assert len(codec.decode(longer.data, length)) >= len(found)


def test_damaged_codes_decode_to_rows():
    codec = EntropyCodec.fit(TRAIN, SIZE)
    random = np.random.default_rng(5)
    for size in (0, 1, 3, 64, 300):
        rows = codec.decode(random.bytes(size), 50)
        assert len(rows) <= 50
        assert ((rows >= 0) & (rows < SIZE)).all()


def test_held_out_poems_come_back(shipped):
    dataset, codec = shipped
    part = Part(*(array[::40] for array in dataset.validation))
    found = codec.measure(part, dataset.train)
    assert found.share > 0.9
    assert found.exact_cosine == pytest.approx(1, abs=1e-6)
    assert found.cosine > 0.99
    assert found.bits_a_token < 8
    short = codec.measure(part, dataset.train, 128)
    assert short.share < 0.5 and short.cosine < found.cosine and short.bits == found.bits


def test_vectors_that_are_no_words_are_rejected(shipped):
    dataset, codec = shipped
    part = dataset.test._replace(rows=None)
    with pytest.raises(UserError, match=r"task\.data is vectors: it must be words"):
        codec.measure(part, dataset.train)


@pytest.mark.parametrize("row", [-1, SIZE])
def test_rows_are_of_the_vocabulary(row):
    rows = np.array([0, row], np.int32)
    with pytest.raises(UserError, match=f"rows has {row}: each must be from 0 to 11"):
        EntropyCodec.fit(TRAIN, SIZE).encode(rows)


def test_a_code_of_no_bits_is_rejected():
    rows = np.array([8] * 9, np.int32)
    with pytest.raises(UserError, match="bits is 1: it must be at least"):
        EntropyCodec.fit(TRAIN, SIZE).encode(rows, 1)
    assert entropy_codec.EntropyCodec.fit(TRAIN, SIZE).encode(rows, 20).bits <= 20
