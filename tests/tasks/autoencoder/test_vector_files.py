"""Files of word vectors, written by hand, and files that are none."""

import bz2
import gzip
import io
import lzma
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from freqjax import UserError
from freqjax.tasks.autoencoder.vector_files import read_vectors

WORDS = ["the", "café", "at", "job"]
VECTORS = np.random.default_rng(5).normal(size=(4, 3)).astype(np.float32)


def text(separator=" ", end="\n"):
    """Write a word and its numbers a line."""
    lines = (
        separator.join([w, *(f"{x:.9g}" for x in v)]) for w, v in zip(WORDS, VECTORS, strict=True)
    )
    return "".join(line + end for line in lines).encode()


def binary(end=b"\n"):
    """Write words and float32 as word2vec does."""
    pairs = zip(WORDS, VECTORS, strict=True)
    return b"4 3\n" + b"".join(w.encode() + b" " + struct.pack("<3f", *v) + end for w, v in pairs)


def archive(**arrays):
    """Write an .npz."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


FILES = {
    "glove": text(),
    "tabs": text("\t", "\r\n"),
    "no last line feed": text().rstrip(b"\n"),
    "word2vec text": b"4 3\n" + text(end=" \n"),
    "word2vec text without a last line feed": b"4 3\n" + text().rstrip(b"\n"),
    "word2vec binary": binary(),
    "word2vec binary without line feeds": binary(b""),
    "npz": archive(words=np.array(WORDS), vectors=VECTORS),
    "npz of bytes": archive(words=np.array([w.encode() for w in WORDS]), vectors=VECTORS),
    "npz of rows": archive(
        words=np.array([*WORDS, "none"]),
        vectors=VECTORS[[3, 1, 2, 0, 0]].astype(np.float64),
        row_of_word=np.array([3, 1, 2, 0, -1], np.int8),
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("wanted", [None, {"job", "café", "else"}])
def test_every_format_gives_the_same_vectors(tmp_path, name, wanted):
    path = tmp_path / "vectors.anything"
    path.write_bytes(FILES[name])
    found = read_vectors(path, wanted)
    kept = [w for w in WORDS if wanted is None or w in wanted]
    assert [w for w in found.words if w != "none"] == kept
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    wanted_rows = unit[[WORDS.index(w) for w in kept]]
    np.testing.assert_allclose(found.vectors[found.rows_of(kept)], wanted_rows, atol=1e-6)


def test_words_of_glove_may_have_spaces_and_stand_twice(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_bytes(b"at 1 0\nat me 0 1\n. . 0 1\nat 0 1\n")
    found = read_vectors(path)
    assert found.words == ("at", "at me", ". .")
    assert found.row_of_word.tolist() == [0, 1, 1]
    assert read_vectors(path, ["at"]).vectors.tolist() == [[1, 0]]


BAD = {
    "nothing": (b"", "it must have a vector of a word of the text, and has none."),
    "prose": (b"In the beginning\n", "and its first line is 'In the beginning'."),
    "one word": (b"word\n", "and its first line is 'word'."),
    "a pickle": (b"\x80\x04\x95\n\x00", "it must be vectors of word2vec (text or binary), of GloVe"),
    "packed by gzip": (gzip.compress(text()), "it is packed by gzip: unpack it first"),
    "packed by bzip2": (bz2.compress(text()), "it is packed by bzip2: unpack it first"),
    "packed by xz": (lzma.compress(text()), "it is packed by xz: unpack it first"),
    "no words": (b"0 3\n", "its first line states 0 words of 3 numbers: there must be some."),
    "too many": (b"5 3\n" + text(), "its first line states 5 words, and it has 4."),
    "too few": (b"3 3\n" + text(), "its first line states 3 words, and it has 4."),
    "uneven": (b"a 1 2\nb 1\n", "line 2 has 1 numbers: it must have 2, as the first."),
    "no number": (b"a 1 2\nb 1 x\n", "line 2, of 'b', holds what is no number."),
    "not finite": (b"a 1 2\nb 1 nan\n", "the vector of 'b' must hold finite numbers alone."),
    "beyond float32": (b"a 1 2\nb 1 1e60\n", "the vector of 'b' must hold finite numbers alone."),
    "cut off": (binary()[:-20], "do not fit into the 49 bytes that follow."),
    "cut off within": (binary()[:-5], "word 4 is cut off"),
    "more": (binary() + b"x", "more follows the 4 words that its first line states."),
    "terabytes": (b"999999999999 300\na 1 2\n", "do not fit into the 6 bytes that follow."),
    "wide": (b"1 99999999999999\na 1 2\n", "do not fit into the 6 bytes that follow."),
    "binary not finite": (
        b"1 1\na " + struct.pack("<f", np.inf),
        "the vector of 'a' must hold finite numbers alone.",
    ),
    "npz without words": (archive(vectors=VECTORS), "it must hold the array words, and has vectors."),
    "npz of numbers": (archive(words=np.arange(4), vectors=VECTORS), "words is int64 (4,): it must"),
    "npz of objects": (
        archive(words=np.array(WORDS, object), vectors=VECTORS),
        "words: it holds Python objects, which are not loaded",
    ),
    "npz of a cube": (
        archive(words=np.array(WORDS), vectors=VECTORS[None]),
        "vectors is float32 (1, 4, 3): it must be [V, D].",
    ),
    "npz of fewer": (
        archive(words=np.array(WORDS), vectors=VECTORS[:3]),
        "vectors has 3 rows and words 4: they must be as many, or row_of_word must be there.",
    ),
    "npz of rows elsewhere": (
        archive(words=np.array(WORDS), vectors=VECTORS, row_of_word=np.array([0, 1, 2, 4])),
        "row_of_word goes from 0 to 4: it must be from −1 to 3.",
    ),
    "npz of fewer rows": (
        archive(words=np.array(WORDS), vectors=VECTORS, row_of_word=np.array([0, 1])),
        "row_of_word is int64 (2,): it must be whole numbers (4,).",
    ),
    "npz not finite": (
        archive(words=np.array(WORDS), vectors=VECTORS * [[1], [1], [np.nan], [1]]),
        "the vector of 'at' must hold finite numbers alone.",
    ),
    "npz cut off": (FILES["npz"][:-30], "it cannot be read as an .npz ("),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence(tmp_path, name):
    content, said = BAD[name]
    path = tmp_path / "vectors"
    path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        read_vectors(path)
    message = str(raised.value)
    assert message.startswith(f"task.vectors is {path}")
    assert said in message
    assert message.endswith(".")


def test_a_first_word_may_begin_as_a_packed_file_does(tmp_path):
    path = tmp_path / "v.txt"
    path.write_bytes(b"BZ 1 0\n7zip 0 1\n")
    assert read_vectors(path).words == ("BZ", "7zip")


def test_words_that_are_not_there_are_none(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="must have a vector of a word of the text"):
            read_vectors(tmp_path / name, ["nowhere"])


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(UserError, match=r"task.vectors is .*: there is no such file"):
        read_vectors(tmp_path / "none")
    with pytest.raises(UserError, match="it is a folder, and must be a file"):
        read_vectors(tmp_path)


@pytest.mark.parametrize("stated", [8_000_000_000_128, 400])
def test_an_array_is_not_allocated_because_a_header_claims_it(tmp_path, stated):
    head = io.BytesIO()
    npy.write_array_header_1_0(
        head, {"descr": "<f4", "fortran_order": False, "shape": (10**10, 200)}
    )
    words = io.BytesIO()
    npy.write_array(words, np.array(WORDS))
    path = tmp_path / "v.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("words.npy", words.getvalue())
        file.writestr("vectors.npy", head.getvalue().ljust(400, b"\0"))
        file.getinfo("vectors.npy").file_size = stated
    tracemalloc.start()
    with pytest.raises(
        UserError, match=r"vectors: its header promises 8000000000128 bytes, and it has"
    ):
        read_vectors(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6
