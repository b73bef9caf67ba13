"""The shipped text and vectors, and the command that makes them."""

import msgpack
import numpy as np
import pytest

from benchmarks import poems_data, poems_text, poems_vectors
from freqjax import UserError
from freqjax.tasks.autoencoder.poems import FILE, read_poems
from freqjax.tasks.autoencoder.text import Chapter


def packed(value):
    """Pack a value by another program."""
    found = msgpack.packb(value)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("word", "hashed"),
    [("coffee", 3197928453018144401), ("apple", 8566208034543834098)],
)
def test_words_have_the_hashes_of_the_models_documentation(word, hashed):
    assert poems_vectors.word_hash(word) == hashed


def test_words_of_every_length_have_other_hashes():
    text = "abcdefghijklmnopqé"
    found = {poems_vectors.word_hash(text[:end]) for end in range(len(text) + 1)}
    assert len(found) == len(text) + 1
    assert max(found) < 2**64


@pytest.mark.parametrize("count", [0, 3, 15, 16, 70_000])
def test_maps_of_messagepack_are_read(count):
    random = np.random.default_rng(count)
    bits = random.integers(1, 64, 2 * count)
    numbers = [int(n) for n in random.integers(0, 2**63, 2 * count) >> (63 - bits)]
    wanted = dict(zip(numbers[::2], numbers[1::2], strict=True)) | {2**64 - 1: 0}
    assert poems_vectors.integer_map(packed(wanted)) == wanted


@pytest.mark.parametrize("value", [[1, 2], {1: "a"}, {"a": 1}, {-1: 2}])
def test_other_content_of_messagepack_is_refused(value):
    with pytest.raises(ValueError, match="begins no"):
        poems_vectors.integer_map(packed(value))


def test_bytes_behind_a_map_are_refused():
    with pytest.raises(ValueError, match="the map ends at byte 3 of 4"):
        poems_vectors.integer_map(packed({1: 2}) + b"\0")


def test_another_file_than_the_pinned_one_is_named_in_one_sentence(tmp_path, capsys):
    path = tmp_path / "model.whl"
    assert poems_data.main([str(path)]) == 2
    assert capsys.readouterr().err == f"error: {path}: there is no such file.\n"
    path.write_bytes(b"")
    assert poems_data.main([str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path} has the SHA-256 e3b0c44298fc")
    assert said.endswith(f": it must be {poems_vectors.WHEEL_SHA256}.\n")


def test_chapters_are_collected_from_verses():
    text = "Ge1:1 In the beginning\nJob1:1 There was a man,\nJob1:2 Job's Friend.\nJob2:1 O"
    assert poems_text.chapters_of(text) == [
        Chapter("Job 1", ("there", "was", "a", "man", "job's", "friend")),
        Chapter("Job 2", ("o",)),
    ]
    with pytest.raises(UserError, match="'Job 1' is no verse: it must be as in"):
        poems_text.chapters_of("Job 1")


def test_words_that_stand_in_no_window_are_not_listed():
    chapters = [Chapter("a", ("x", "y", "x", "rest")), Chapter("b", ("z", "y", "w", "v", "u"))]
    found = poems_text.indexed(chapters, samples=3, fewest=2)
    assert found["words"].tolist() == ["u", "v", "w", "x", "y", "z"]
    assert found["tokens"].tolist() == [3, 4, 3, -1, 5, 4, 2, 1, 0]
    assert found["chapter"].tolist() == [0] * 4 + [1] * 5


def test_only_the_rows_that_are_needed_are_kept():
    vectors = np.arange(8, dtype=np.float32).reshape(4, 2)
    rows = {poems_vectors.word_hash(word): row for word, row in {"a": 3, "b": 1, "d": 3}.items()}
    found = poems_data.with_vectors({"words": np.array(list("abcd"))}, rows, vectors)
    assert found["row_of_word"].tolist() == [1, 0, -1, 1]
    np.testing.assert_array_equal(found["vectors"], vectors[[1, 3]])


def test_the_same_data_make_the_same_file(tmp_path):
    with np.load(FILE) as data:
        arrays = dict(data)
    for name in ("first", "second"):
        poems_data.write(tmp_path / name, arrays)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    with np.load(tmp_path / "first") as again:
        assert set(again) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(again[name], array)


def test_the_shipped_text_is_the_published_one():
    poems = read_poems()
    tokens = [token for chapter in poems.chapters for token in chapter.tokens]
    assert (len(poems.chapters), len(tokens), len(poems.vocabulary.words)) == (248, 87_496, 4433)
    assert np.bincount(poems.split).tolist() == [199, 25, 24]
    np.testing.assert_array_equal(poems.split, poems_text.split_chapters(248))
    covered = (poems.vocabulary.rows_of(tokens) >= 0).mean()
    assert round(covered, 3) == 0.983
    shepherd = next(chapter for chapter in poems.chapters if chapter.title == "Psa 23")
    assert " ".join(shepherd.tokens[:9]) == "the lord is my shepherd i shall not want"


def test_the_shipped_vectors_are_those_of_the_file_at_length_1():
    vocabulary = read_poems().vocabulary
    with np.load(FILE) as data:
        words, rows = data["words"].tolist(), data["row_of_word"]
        vectors = data["vectors"].astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for word, row in zip(words, rows, strict=True):
        (found,) = vocabulary.rows_of([word])
        assert (found < 0) == (row < 0)
        if row >= 0:
            np.testing.assert_allclose(vocabulary.vectors[found], vectors[row], atol=1e-6)
    # The model gives many words the vector of another, under rows of their own.
    assert len(vectors) == 1928
    assert len(vocabulary.vectors) == len(np.unique(vectors, axis=0)) == 1184
