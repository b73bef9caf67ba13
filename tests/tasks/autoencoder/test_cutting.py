"""Windows that are cut anew: contiguous words of one chapter, each word once."""

import jax
import numpy as np
import pytest

from freqjax.tasks.autoencoder.cutting import Text
from freqjax.tasks.autoencoder.dataset import words_dataset
from freqjax.tasks.autoencoder.text import Chapter
from freqjax.tasks.autoencoder.vocabulary import make_vocabulary

SAMPLES = 7


@pytest.fixture(scope="module")
def cut():
    """A text of three chapters, each word of which occurs once."""
    words = [f"w{i}" for i in range(100)]
    vocabulary = make_vocabulary(words, np.random.default_rng(0).normal(size=(100, 5)))
    lengths = (23, 40, 30, 7)
    chapters, first = [], 0
    for number, length in enumerate(lengths):
        chapters.append(Chapter(f"c{number}", tuple(words[first : first + length])))
        first += length
    split = np.array([0, 0, 0, 2], np.int32)
    dataset = words_dataset(chapters, vocabulary, split, SAMPLES, source="a text")
    assert dataset.vocabulary is not None
    return Text.of(dataset.train, dataset.vocabulary.vectors), dataset


def rows_of(vectors, dataset):
    return dataset.vocabulary.nearest(np.asarray(vectors))[0][:, 0]


def test_chapters_are_joined_again(cut):
    text, dataset = cut
    words = [dataset.vocabulary.words_of(int(row))[0] for row in text.words]
    assert words == [f"w{i}" for i in range(93)] or len(words) < 93
    kept = {int(w[1:]) for w in words}
    # A chapter's last window of fewer than five words is left out.
    assert kept == {*range(21), *range(23, 63), *range(63, 91)} | {21, 22} & kept | {61, 62} & kept


@pytest.mark.parametrize("seed", range(5))
def test_windows_are_contiguous_and_hold_each_word_once(cut, seed):
    text, dataset = cut
    vectors, mask = (np.asarray(a) for a in text.draw(jax.random.key(seed), SAMPLES))
    assert vectors.shape[1:] == (SAMPLES, 5)
    assert not vectors[~mask].any()
    seen = []
    for window, there in zip(vectors, mask, strict=True):
        count = there.sum()
        assert there[:count].all()  # padding is at the end
        assert count == 0 or count >= 5
        rows = rows_of(window[there], dataset)
        names = [int(dataset.vocabulary.words_of(int(row))[0][1:]) for row in rows]
        assert names == list(range(names[0], names[0] + len(names))) if names else True
        seen += names
    assert len(seen) == len(set(seen))
    assert len(seen) > 0.75 * len(text.words)


def test_offsets_differ_between_draws(cut):
    text, _ = cut
    draws = [np.asarray(text.draw(jax.random.key(seed), SAMPLES)[0]) for seed in range(3)]
    assert not np.array_equal(draws[0], draws[1])
    np.testing.assert_array_equal(draws[0], np.asarray(text.draw(jax.random.key(0), SAMPLES)[0]))
