"""Vocabularies: rows and words, and the nearest rows by brute force."""

import numpy as np
import pytest

from freqjax.tasks.autoencoder.vocabulary import make_vocabulary, unit

VECTORS = np.random.default_rng(3).normal(size=(40, 7)).astype(np.float32)


def test_words_share_a_row_and_may_have_none():
    found = make_vocabulary(list("abcd"), VECTORS[:3], np.array([2, 0, -1, 2]))
    assert found.rows_of("dxcba").tolist() == [1, -1, -1, 0, 1]
    assert found.words_of(1) == ("a", "d")
    assert found.spell(np.array([0, -1, 1, 1])) == "b a a"
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-6)
    assert found.vectors.shape == (2, 7)


def test_equal_vectors_are_one_row_and_a_vector_without_direction_is_none():
    vectors = np.array([[3, 4], [0, 0], [0.6, 0.8], [6, 8], [1, 0]])
    found = make_vocabulary(list("abcde"), vectors[[0, 1, 0, 0, 4]])
    assert found.row_of_word.tolist() == [0, -1, 0, 0, 1]
    np.testing.assert_allclose(found.vectors, [[0.6, 0.8], [1, 0]], rtol=1e-6)


def test_of_a_word_that_is_there_twice_the_first_counts():
    found = make_vocabulary(["a", "b", "a"], np.eye(3))
    assert found.words == ("a", "b")
    np.testing.assert_array_equal(found.vectors, np.eye(3)[:2])


def test_a_vocabulary_may_be_empty():
    found = make_vocabulary([], np.zeros((0, 5)))
    assert found.vectors.shape == (0, 5)
    assert found.rows_of(["a"]).tolist() == [-1]


@pytest.mark.parametrize("count", [1, 3, 100])
def test_the_nearest_rows_are_those_of_brute_force(count):
    vocabulary = make_vocabulary([str(i) for i in range(40)], VECTORS)
    asked = np.random.default_rng(4).normal(size=(2000, 7)).astype(np.float32) * 1e3
    rows, cosines = vocabulary.nearest(asked, count)
    assert rows.shape == (2000, min(count, 40))
    for i in range(0, 2000, 37):
        known = [
            float(v @ asked[i]) / np.linalg.norm(v) / np.linalg.norm(asked[i]) for v in VECTORS
        ]
        best = sorted(range(40), key=lambda row: -known[row])[:count]
        assert rows[i].tolist() == best
        np.testing.assert_allclose(cosines[i], np.array(known)[best], atol=1e-5)


@pytest.mark.parametrize("scale", [1e-38, 1e-20, 1.0, 1e20, 1e37])
def test_vectors_of_any_size_get_length_1(scale):
    found = unit(np.array([[3.0, -4.0], [0.0, 0.0]]) * scale)
    np.testing.assert_allclose(found, [[0.6, -0.8], [0, 0]], rtol=1e-5)
    assert found.dtype == np.float32
