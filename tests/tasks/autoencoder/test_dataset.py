"""The parts of a dataset, and what they share, by brute force."""

import json

import numpy as np
import pytest

import freqjax
from freqjax import AutoencoderConfig, UserError
from freqjax.tasks import make_task
from freqjax.tasks.autoencoder.dataset import (
    Dataset,
    Part,
    dataset_of,
    load_dataset,
    words_dataset,
)
from freqjax.tasks.autoencoder.leaks import check_split_leak
from freqjax.tasks.autoencoder.poems import read_poems
from freqjax.tasks.autoencoder.text import Chapter
from freqjax.tasks.autoencoder.vocabulary import make_vocabulary
from tests.tasks.autoencoder.made import LINEAR, T, config_of, write_text

THIRDS = (0.4, 0.3, 0.3)


@pytest.fixture(scope="module")
def shipped():
    return load_dataset()


def test_the_shipped_poems_are_loaded_by_their_name(shipped):
    poems = read_poems()
    assert [len(part.mask) for part in shipped.parts.values()] == [1474, 193, 182]
    assert shipped.label_names == ("Eccl", "Job", "Lam", "Prv", "Psa", "SSol")
    for number, part in enumerate(shipped.parts.values()):
        assert (poems.split[part.group] == number).all()
        lengths = np.linalg.norm(part.vectors, axis=2)
        np.testing.assert_allclose(lengths, part.mask, atol=1e-5)
        assert part.rows is not None
        found = shipped.vocabulary.vectors[part.rows[part.mask]]
        np.testing.assert_array_equal(part.vectors[part.mask], found)
        books = [shipped.group_names[group].split()[0] for group in part.group]
        assert books == [shipped.label_names[label] for label in part.label]
    # A row is spelled by its commonest word.
    assert shipped.vocabulary.spell(shipped.vocabulary.rows_of(["the", "lord"])) == "the lord"


def test_the_shipped_vectors_serve_a_text_of_the_user(tmp_path):
    poems = [
        {"title": f"p{i}", "text": "the lord is my xyzzy shepherd " * (i + 2)} for i in range(10)
    ]
    (tmp_path / "p.json").write_text(json.dumps(poems))
    found = load_dataset(str(tmp_path / "p.json"), samples=12, shares=THIRDS, seed=3)
    assert found.coverage == pytest.approx(5 / 6)
    assert found.label_names == ()
    groups = [set(part.group.tolist()) for part in found.parts.values()]
    assert [len(group) for group in groups] == [4, 3, 3]
    assert set.union(*groups) == set(range(10))
    assert found.train.mask.sum(axis=1).max() == 10
    assert found.train.vectors.shape[1:] == (12, 300)


def test_a_text_has_vectors_of_the_user(tmp_path):
    words = ["in", "the", "beginning", "was", "a", "word"]
    (tmp_path / "v.txt").write_text("".join(f"{w} {i} 1\n" for i, w in enumerate([*words, "else"])))
    (tmp_path / "t.txt").write_text("\n\n".join([" ".join(words)] * 4))
    found = load_dataset(str(tmp_path / "t.txt"), str(tmp_path / "v.txt"), samples=6, shares=THIRDS)
    assert found.vocabulary is not None
    assert found.vocabulary.words == tuple(words)
    wanted = np.array([[i, 1] for i in range(6)]) / np.hypot(np.arange(6), 1)[:, None]
    for part in found.parts.values():
        for vectors in part.vectors:
            np.testing.assert_allclose(vectors, wanted, rtol=1e-6)


def test_a_changed_file_of_a_folder_is_read_again(tmp_path):
    """The folder's own time does not change where a file in it does."""
    text = tmp_path / "texts"
    text.mkdir()
    for place in range(10):
        (text / f"{place}.txt").write_text("the lord is my shepherd")
    config = AutoencoderConfig(data=str(text), split=THIRDS)
    before, kept = text.stat().st_mtime_ns, dataset_of(config)
    assert dataset_of(config) is kept
    for place in range(10):
        (text / f"{place}.txt").write_text("the lord is my only shepherd")
    assert text.stat().st_mtime_ns == before
    assert (kept.train.mask.sum(axis=1) == 5).all()
    assert (dataset_of(config).train.mask.sum(axis=1) == 6).all()


def test_own_sequences_are_divided_by_their_groups(tmp_path):
    path, random = tmp_path / "own.npz", np.random.default_rng(8)
    group = random.integers(0, 9, 60)
    np.savez(path, sequences=random.normal(size=(60, 4, 2)), group=group)
    found = load_dataset(str(path), shares=THIRDS, seed=2)
    assert sum(len(part.mask) for part in found.parts.values()) == 60
    groups = [set(part.group.tolist()) for part in found.parts.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == len(np.unique(group))
    np.savez(path, sequences=np.arange(12).reshape(4, 3), split=[2, 0, 2, 0])
    found = load_dataset(str(path))
    assert found.test.vectors[:, 0, 0].tolist() == [0, 6]
    assert len(found.validation.mask) == 0


@pytest.mark.parametrize(
    ("split", "said"),
    [([0, 0, 0, 1], "part test must have a sequence"), ([1, 2, 2, 2], "part train must have")],
)
def test_an_empty_part_is_refused(tmp_path, split, said):
    np.savez(tmp_path / "own.npz", sequences=np.arange(12).reshape(4, 3), split=split)
    with pytest.raises(UserError, match=said):
        load_dataset(str(tmp_path / "own.npz"))


def test_a_text_too_short_for_a_window_and_vectors_without_use_are_refused(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps(["the lord is"] * 9))
    with pytest.raises(
        UserError, match="train must have a sequence, a window of 5 words with vectors,"
    ):
        load_dataset(str(tmp_path / "t.json"))
    np.savez(tmp_path / "own.npz", sequences=np.arange(12).reshape(4, 3))
    with pytest.raises(UserError, match=r"v.txt: it must be empty if task.data is an"):
        load_dataset(str(tmp_path / "own.npz"), "v.txt")


def of_lists(parts, samples, vocabulary=12):
    """Make a dataset of words from lists of rows; the second holds its vectors alone."""
    vectors = np.random.default_rng(9).normal(size=(vocabulary, 3)).astype(np.float32)
    made, bare = [], []
    for sequences in parts:
        rows = np.full((len(sequences), samples), -1, np.int32)
        for row, sequence in zip(rows, sequences, strict=True):
            row[: len(sequence)] = sequence
        mask = rows >= 0
        group = np.zeros(len(rows), np.int32)
        values = np.where(mask[..., None], vectors[np.maximum(rows, 0)], np.float32(0))
        made.append(Part(values, mask, group, group, rows))
        # What is missing stands at the start.
        bare.append(Part(values[:, ::-1], mask[:, ::-1], group, group))
    words = make_vocabulary([f"w{i}" for i in range(vocabulary)], vectors)
    flipped = [[list(reversed(s)) for s in part] for part in parts]
    return (
        (Dataset(made[0], made[1], made[2], ("g",), vocabulary=words), parts),
        (Dataset(bare[0], bare[1], bare[2], ("g",)), flipped),
    )


def slowly(parts, run, *, words):
    """Count what the definition says, by comparing every pair of runs; all texts share single words."""

    def pieces(sequence):
        runs = [tuple(sequence[i : i + run]) for i in range(len(sequence) - run + 1)]
        return {piece for piece in runs if run == 1 or len(set(piece)) > 1}

    def counts(sequence):
        return (len(sequence) == 1 and not words) or len(set(sequence)) > 1

    shared = same = 0
    for here in (1, 2):
        others = [s for part in parts[:here] for s in part]
        runs = set().union(*map(pieces, others))
        for sequence in parts[here]:
            equal = counts(sequence) and sequence in others
            same += equal
            shared += bool(equal or pieces(sequence) & runs)
    return shared, same


@pytest.mark.parametrize("run", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("seed", range(3))
def test_what_parts_share_is_what_brute_force_finds(run, seed):
    random = np.random.default_rng(seed)
    parts = [
        [random.integers(0, 5, random.integers(1, 9)).tolist() for _ in range(count)]
        for count in (30, 10, 12)
    ]
    parts[2] += [parts[0][0], [1] * 6, parts[0][1][:2]]
    parts[0] += [[1] * 6, [2]]
    for dataset, rows in of_lists(parts, 8):
        found = check_split_leak(dataset, run)
        words = dataset.vocabulary is not None
        assert (found.count, found.identical) == slowly(rows, run, words=words)
        assert found.of == 25


def test_an_example_is_given_in_words():
    parts = [[[0, 1, 2, 3, 4]], [], [[5, 6], [7, 1, 2, 3, 8]]]
    (dataset, _), (bare, _) = of_lists(parts, 6)
    found = check_split_leak(dataset, 3)
    assert found[:3] == (1, 2, 0)
    assert found.example == (
        "test sequence 1 (g) from sample 1 on repeats train sequence 0 (g) from sample 1 on: 'w1 w2 w3'"
    )
    assert check_split_leak(bare, 3).example.endswith(
        "repeats train sequence 0 (g) from sample 1 on"
    )
    assert check_split_leak(dataset, 4) == (0, 2, 0, "")


def test_windows_that_overlap_leak_and_disjoint_ones_of_chapters_do_not():
    random = np.random.default_rng(10)
    vocabulary = make_vocabulary([f"w{i}" for i in range(500)], random.normal(size=(500, 4)))
    words = random.permutation(500)
    chapters = [
        Chapter(str(i), tuple(f"w{n}" for n in words[start : start + 50]))
        for i, start in enumerate(range(0, 450, 40))
    ]
    split = np.arange(len(chapters)) % 3
    leaky = words_dataset(chapters, vocabulary, split, 50, source="x")
    assert check_split_leak(leaky).count == len(chapters) - np.bincount(split)[0]
    whole = [Chapter(c.title, c.tokens[:40]) for c in chapters]
    clean = words_dataset(whole, vocabulary, split, 20, source="x")
    assert check_split_leak(clean)[:3] == (0, 2 * sum(split > 0), 0)


def test_some_verses_of_the_shipped_poems_stand_in_two_chapters(shipped):
    found = check_split_leak(shipped)
    assert found[:3] == (30, 375, 0)


def test_a_run_says_that_words_have_no_vector(tmp_path):
    fields = write_text(tmp_path)
    said = []
    for name, more in (("all", ""), ("some", " unheard of")):
        poems = json.loads((tmp_path / "poems.json").read_text(encoding="utf-8"))
        data = tmp_path / f"{name}.json"
        data.write_text(json.dumps([poem + more for poem in poems]), encoding="utf-8")
        config = config_of(fields | {"data": str(data)}, **LINEAR)
        task = make_task(config.task)
        share = 1.0 if name == "all" else T / (T + 2)
        assert task.describe()["words_with_vectors"] == pytest.approx(share)
        assert bool(task.note) == (name == "some")
    config.train.epochs, config.train.diagnose, config.train.page = 0, False, False
    freqjax.train(config, tmp_path / "run", say=said.append)
    assert any(line.startswith("75% of the words of task.data have a vector: ") for line in said)
    assert "words of task.data 75.0% have a vector" in (tmp_path / "run" / "report.md").read_text(
        encoding="utf-8"
    )
    assert "words with vectors: 0.75" in (tmp_path / "run" / "CARD.md").read_text(encoding="utf-8")
