"""Windows and splits by brute force."""

import numpy as np
import pytest

from freqjax import UserError
from freqjax.tasks import splits
from freqjax.tasks.autoencoder import windows
from freqjax.tasks.autoencoder.poems import read_poems


def slowly(chapters, samples, fewest):
    """Cut as the rule is worded, token by token."""
    found = []
    for number, tokens in enumerate(chapters):
        begun = []
        for place, token in enumerate(tokens):
            if place % samples == 0:
                begun.append([])
            begun[-1].append(int(token))
        begun = [window for window in begun if len(window) >= fewest]
        begun = [[token for token in window if token != -1] for window in begun]
        found += [(number, window) for window in begun if len(window) >= fewest]
    return found


@pytest.mark.parametrize(("samples", "fewest"), [(10, 5), (7, 3), (6, 6), (1, 1)])
def test_windows_are_cut_as_the_rule_says(samples, fewest):
    random = np.random.default_rng(samples)
    chapters = [random.integers(-1, 4, n).astype(np.int32) for n in random.integers(0, 40, 60)]
    found = windows.cut(chapters, samples, fewest)
    assert found.rows.shape == found.mask.shape == (len(found.chapter), samples)
    kept = [row[mask].tolist() for row, mask in zip(found.rows, found.mask, strict=True)]
    wanted = slowly(chapters, samples, fewest)
    assert list(zip(found.chapter.tolist(), kept, strict=True)) == wanted
    assert (found.rows[~found.mask] == -1).all()
    assert (np.diff(found.mask.astype(int), axis=1) <= 0).all()


def test_windows_shorter_than_the_fewest_tokens_are_whole():
    found = windows.cut([np.arange(7, dtype=np.int32)], 3)
    assert found.rows.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_nothing_gives_no_windows():
    assert windows.cut([], 4).rows.shape == (0, 4)


def test_the_shipped_text_has_the_published_windows():
    poems = read_poems()
    everything = [np.zeros(len(chapter.tokens), np.int32) for chapter in poems.chapters]
    before = windows.cut(everything, 50)
    assert np.bincount(poems.split[before.chapter]).tolist() == [1475, 193, 182]
    # Of one, "one sinner destroyeth much good", a word has no vector, and four are too few.
    found = windows.cut([poems.vocabulary.rows_of(c.tokens) for c in poems.chapters], 50)
    assert np.bincount(poems.split[found.chapter]).tolist() == [1474, 193, 182]


@pytest.mark.parametrize(
    "shares", [(0.8, 0.1, 0.1), (0.5, 0.5, 0.0), (1 / 3, 1 / 3, 1 / 3), (0.0, 0.0, 1.0), (0.98, 0.01, 0.01)]
)  # fmt: skip
def test_parts_have_their_shares_of_the_groups(shares):
    parts = [share > 0 for share in shares]
    for groups in range(sum(parts), 60):
        split = splits.split_groups(groups, shares, seed=groups)
        counts = np.bincount(split, minlength=3)
        assert counts.sum() == groups
        assert ((counts > 0) == parts).all()
        assert (np.abs(counts - np.array(shares) * groups) <= 2).all()


def test_a_split_is_drawn_by_its_seed():
    first, again, other = (splits.split_groups(50, (0.8, 0.1, 0.1), seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_too_few_groups_are_refused():
    with pytest.raises(
        UserError, match=r"^task.split is 0.8, 0.1, 0.1: its 3 parts must have a group"
    ):
        splits.split_groups(2, (0.8, 0.1, 0.1), 0)


def test_a_group_in_two_parts_is_named():
    group, split = np.array([0, 1, 1, 2]), np.array([0, 1, 1, 2])
    splits.require_whole_groups(group, split, ("a", "b", "c"), "task.data is x")
    with pytest.raises(
        UserError, match=r"task.data is x: group b is in train and test: it must be in one"
    ):
        splits.require_whole_groups(
            group, np.array([0, 2, 0, 2]), ("a", "b", "c"), "task.data is x"
        )
