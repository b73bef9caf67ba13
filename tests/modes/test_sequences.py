"""Modes of a trained autoencoder, from files to files, and sequences that it was not trained on."""

import contextlib
import io
import json

import numpy as np
import pytest

from freqjax.main import main
from tests.tasks.autoencoder.made import (
    KNOWN,
    LINEAR,
    D,
    K,
    T,
    sequences,
    untrained,
    write_sequences,
    write_text,
)


def invoke(*words):
    """Run a command; return its exit code, and what it printed on standard output and standard error."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = main([str(word) for word in words])
    return code, out.getvalue(), error.getvalue()


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    return untrained(folder / "run", {"data": str(write_sequences(folder))}, **LINEAR)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    return untrained(folder / "run", write_text(folder), **LINEAR)


def test_sequences_are_encoded_and_decoded_in_files(own, tmp_path):
    given = sequences(5, 4, seed=3)
    lengths = [4, 4, 2, 1, 4]
    np.savez(tmp_path / "in.npz", sequences=given, lengths=lengths, group=[*"abbca"])
    code, said, error = invoke(
        "encode", "--checkpoint", own.folder,
        "--input", tmp_path / "in.npz", "--output", tmp_path / "codes.npz",
    )  # fmt: skip
    assert (code, error) == (0, "")
    assert "wrote 5 codes of 3 numbers, 24 bits each" in said
    found = np.load(tmp_path / "codes.npz")
    expected = own.encode([row[:length] for row, length in zip(given, lengths, strict=True)])
    np.testing.assert_allclose(found["codes"], expected, atol=1e-6)
    np.testing.assert_array_equal(found["indices"], np.rint((expected + 1) / 2 * 255))
    assert found["group"].tolist() == [*"abbca"]
    assert found["lengths"].tolist() == lengths
    code, said, error = invoke(
        "decode", "--checkpoint", own.folder,
        "--input", tmp_path / "codes.npz", "--output", tmp_path / "out.npz",
    )  # fmt: skip
    assert (code, error) == (0, "")
    decoded = np.load(tmp_path / "out.npz")
    assert decoded.files == ["sequences", "lengths"]
    there = np.arange(T)[None, :, None] < np.array(lengths)[:, None, None]
    wanted = np.where(there, own.decode(expected), 0)
    np.testing.assert_allclose(decoded["sequences"], wanted, atol=1e-6)
    # What is decoded can be encoded again.
    again = own.codes_of(own.read(tmp_path / "out.npz")[0])
    cut = [row[:length] for row, length in zip(wanted, lengths, strict=True)]
    np.testing.assert_allclose(again, own.encode(cut), atol=1e-6)


def test_a_text_is_encoded_and_decoded_to_words(words, tmp_path):
    (tmp_path / "a.txt").write_text("Sea, sky, stone; tree wind rain.\n\nrain wind tree stone sky")
    code, _, error = invoke(
        "encode", "--checkpoint", words.folder,
        "--input", tmp_path / "a.txt", "--output", tmp_path / "codes.npz",
    )  # fmt: skip
    assert (code, error) == (0, "")
    found = np.load(tmp_path / "codes.npz")
    texts = ["sea sky stone tree wind rain", "rain wind tree stone sky"]
    np.testing.assert_allclose(found["codes"], words.encode(texts), atol=1e-6)
    assert found["group"].tolist() == ["a 1", "a 2"]
    code, said, _ = invoke(
        "decode", "--checkpoint", words.folder,
        "--input", tmp_path / "codes.npz", "--output", tmp_path / "out.npz",
    )  # fmt: skip
    assert code == 0
    decoded = np.load(tmp_path / "out.npz")
    assert decoded["text"].tolist() == words.words(words.decode(found["codes"], [6, 5]))
    assert [len(text.split()) for text in decoded["text"].tolist()] == [6, 5]
    assert all(text in said for text in decoded["text"])


def test_lines_between_codes_are_written(own, tmp_path):
    given = sequences(3, seed=4)
    np.savez(tmp_path / "in.npz", sequences=given)
    code, _, error = invoke(
        "interpolate", "--checkpoint", own.folder, "--steps=4",
        "--input", tmp_path / "in.npz", "--output", tmp_path / "out.npz",
    )  # fmt: skip
    assert (code, error) == (0, "")
    found, codes = np.load(tmp_path / "out.npz"), own.encode(given)
    assert found["sequences"].shape == (8, T, D)
    assert found["pair"].tolist() == [0] * 4 + [1] * 4
    np.testing.assert_allclose(found["share"], np.tile([0, 1 / 3, 2 / 3, 1], 2), atol=1e-6)
    np.testing.assert_allclose(found["codes"][[0, 3, 4, 7]], codes[[0, 1, 1, 2]], atol=1e-6)
    np.testing.assert_allclose(found["codes"][5], codes[1] * 2 / 3 + codes[2] / 3, atol=1e-6)
    np.testing.assert_allclose(found["sequences"], own.decode(found["codes"]), atol=1e-6)


def test_the_nearest_training_sequences_are_told_and_written(own, words, tmp_path):
    train = own.dataset.train
    rows = [2, 7]
    np.savez(tmp_path / "in.npz", sequences=train.vectors[rows], mask=train.mask[rows])
    code, said, error = invoke(
        "nearest", "--checkpoint", own.folder, "--count=2",
        "--input", tmp_path / "in.npz", "--output", tmp_path / "out.npz",
    )  # fmt: skip
    assert (code, error) == (0, "")
    found = np.load(tmp_path / "out.npz")
    assert found["rows"].shape == (2, 2)
    assert found["distances"][:, 0].tolist() == [0, 0]
    assert found["group"][:, 0].tolist() == [
        own.dataset.group_names[train.group[row]] for row in found["rows"][:, 0]
    ]
    assert said.splitlines()[0] == "0:"
    (tmp_path / "a.txt").write_text("sea sky stone tree wind rain")
    code, said, _ = invoke("nearest", "--checkpoint", words.folder, "--input", tmp_path / "a.txt")
    assert code == 0
    assert len(said.splitlines()) == 4
    assert set(said.splitlines()[1].split(": ")[1].split()) <= set(KNOWN)


def test_sequences_are_drawn(own, tmp_path):
    draw = ("sample", "--checkpoint", own.folder, "--count", 4)
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        more = ("--output", tmp_path / f"{name}.npz", f"--config.task.test_seed={seed}")
        code, said, error = invoke(*draw, *more)
        assert (code, error) == (0, "")
        assert "drawn from a normal distribution fitted to" in said
    a, b, c = (np.load(tmp_path / f"{name}.npz") for name in "abc")
    np.testing.assert_array_equal(a["codes"], b["codes"])
    assert np.any(a["codes"] != c["codes"])
    np.testing.assert_allclose(a["sequences"], own.generate(4, 3), atol=1e-6)


def test_sequences_that_nobody_has_seen_are_evaluated(own, words, tmp_path):
    # Shorter than those of the network, in a file that is padded to more.
    given = sequences(7, T + 2, seed=5)
    lengths = np.array([4, 3, 2, 4, 4, 1, 4])
    np.savez(tmp_path / "new.npz", sequences=given, lengths=lengths)
    code, _, error = invoke(
        "evaluate", "--checkpoint", own.folder, "--no-figures",
        f"--config.task.test_path={tmp_path / 'new.npz'}", "--workdir", tmp_path / "out",
    )  # fmt: skip
    assert (code, error) == (0, "")
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    given, mask = given[:, :T], np.arange(T) < lengths[:, None]
    outputs = own.decode(own.encode(given, mask))[mask]
    dots = np.sum(outputs * given[mask], axis=1)
    cosines = dots / np.linalg.norm(outputs, axis=1) / np.linalg.norm(given[mask], axis=1)
    assert found["test"]["cosine"] == pytest.approx(cosines.mean(), abs=1e-4)
    (tmp_path / "new.txt").write_text("sea sky stone tree wind rain\n\nrain sea sea sky wind")
    code, _, error = invoke(
        "evaluate", "--checkpoint", words.folder, "--no-figures",
        f"--config.task.test_path={tmp_path / 'new.txt'}", "--workdir", tmp_path / "out2",
    )  # fmt: skip
    assert (code, error) == (0, "")
    found = json.loads((tmp_path / "out2" / "evaluation.json").read_text())
    assert -1 <= found["test"]["cosine"] <= 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["encode", "--output={out}"], "--input is missing: it must name an .npz of sequences"),
        (["encode", "--input={in}"], "--output is missing: it must name the .npz to write"),
        (["encode", "--input={in}", "--output=a.txt"], "--output is a.txt: it must end in .npz"),
        (["encode", "--input={in}", "--output={in}"], "it exists already, and is left as it is"),
        (["encode", "--input={in}", "--output=no/a.npz"], "there is no folder no"),
        (["encode", "--input=no.npz", "--output={out}"], "--input is no.npz: there is no such file"),
        (["encode", "--input=no.txt", "--output={out}"], "--input is no.txt: it must be an .npz"),
        (["encode", "--input={wide}", "--output={out}"], "are [6, 5]: they must have at most 6"),
        (["encode", "--input={long}", "--output={out}"], "are [7, 4]: they must have at most 6"),
        (["decode", "--input={in}", "--output={out}"], "it must hold the array codes"),
        (["decode", "--input={codes}", "--output={out}"], "codes is an array (2, 4)"),
        (["interpolate", "--input={one}", "--output={out}"], "must have at least 2 sequences"),
        (["interpolate", "--input={in}", "--output={out}", "--steps=1"], "--steps is '1': it must"),
        (["nearest", "--input={in}", "--count=many"], "--count is 'many': it must be a whole number"),
        (["sample", "--output={out}", "--count=0"], "--count is '0': it must be a whole number"),
        (["sample", "--output={out}", "--config.task.numbers=4"], "task.numbers is 4: the network"),
        (["sample", "--input={in}"], "--input is not a flag of --mode sample"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_a_sentence(own, tmp_path, words, message):
    np.savez(tmp_path / "in.npz", sequences=sequences(2))
    np.savez(tmp_path / "one.npz", sequences=sequences(1))
    np.savez(tmp_path / "long.npz", sequences=sequences(2, T + 1))
    np.savez(tmp_path / "wide.npz", sequences=np.ones((2, T, D + 1)))
    np.savez(tmp_path / "codes.npz", codes=np.zeros((2, K + 1)))
    names = {
        name: tmp_path / f"{name}.npz" for name in ("in", "one", "long", "wide", "codes", "out")
    }
    given = [word.format(**names) for word in words]
    code, said, error = invoke(*given, "--checkpoint", own.folder)
    assert (code, said) == (2, "")
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out.npz").exists()


def test_networks_of_other_tasks_are_refused(tmp_path):
    code, said, error = invoke("sample", "--checkpoint", "clock64", "--output", tmp_path / "a.npz")
    assert (code, said) == (2, "")
    assert "task.name is extraction: it must be autoencoder" in error
    assert invoke("sample", "--output", tmp_path / "a.npz")[0] == 2
