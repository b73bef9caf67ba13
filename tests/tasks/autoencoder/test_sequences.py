"""Sequences of own vectors in an .npz, and arrays that are not as they must be."""

import numpy as np
import pytest

from freqjax import UserError
from freqjax.tasks.autoencoder.sequences import read_sequences

RANDOM = np.random.default_rng(6)
VECTORS = RANDOM.normal(size=(4, 5, 3))


def read(tmp_path, **arrays):
    """Write arrays and read them."""
    np.savez(tmp_path / "own.npz", **arrays)
    return read_sequences(tmp_path / "own.npz")


def test_without_more_everything_is_present_and_a_group_of_its_own(tmp_path):
    found = read(tmp_path, sequences=VECTORS, other=np.array(["unread"], object))
    np.testing.assert_array_equal(found.vectors, VECTORS.astype(np.float32))
    assert found.mask.all()
    assert found.group.tolist() == [0, 1, 2, 3]
    assert (found.group_names, found.label_names, found.split) == (tuple("0123"), (), None)


def test_lengths_and_a_mask_say_what_is_present(tmp_path):
    lengths = np.array([5, 1, 2, 4], np.uint8)
    mask = np.array([[t < length for t in range(5)] for length in lengths])
    unknown = np.where(mask[..., None], VECTORS, np.nan)
    for more in ({"lengths": lengths}, {"mask": mask}, {"mask": mask.astype(float)}):
        found = read(tmp_path, sequences=unknown, **more)
        np.testing.assert_array_equal(found.mask, mask)
        for n in range(4):
            wanted = VECTORS[n, : lengths[n]].astype(np.float32)
            np.testing.assert_array_equal(found.vectors[n, : lengths[n]], wanted)
            assert not found.vectors[n, lengths[n] :].any()


def test_one_number_a_sample_needs_no_axis(tmp_path):
    found = read(tmp_path, sequences=np.arange(6).reshape(2, 3))
    assert found.vectors.tolist() == [[[0], [1], [2]], [[3], [4], [5]]]


@pytest.mark.parametrize("kind", ["U", "S"])
def test_groups_labels_and_parts_may_be_text(tmp_path, kind):
    found = read(
        tmp_path,
        sequences=VECTORS,
        group=np.array(["eve", "adam", "eve", "seth"], kind),
        labels=np.array(["walk", "run", "run", "run"], kind),
        split=np.array(["train", "test", "train", "validation"], kind),
    )
    assert [found.group_names[i] for i in found.group] == ["eve", "adam", "eve", "seth"]
    assert [found.label_names[i] for i in found.label] == ["walk", "run", "run", "run"]
    assert found.split is not None
    assert found.split.tolist() == [0, 2, 0, 1]


def test_groups_and_labels_may_be_numbers(tmp_path):
    found = read(
        tmp_path, sequences=VECTORS, group=[7, -3, 7, 10], labels=[True, False, True, True]
    )  # fmt: skip
    assert found.group_names == ("-3", "7", "10")
    assert found.group.tolist() == [1, 0, 1, 2]
    assert found.label_names == ("False", "True")


MASK = np.ones((4, 5), int)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "it must hold the array sequences, and has no arrays."),
        ({"vectors": VECTORS}, "it must hold the array sequences, and has vectors."),
        ({"sequences": VECTORS[0, 0]}, "sequences is float64 (3,): it must be numbers [N, T, D] or [N, T]."),
        ({"sequences": VECTORS[:0]}, "sequences is float64 (0, 5, 3): it must be numbers"),
        ({"sequences": VECTORS * 1j}, "sequences is complex128 (4, 5, 3): it must be numbers"),
        ({"sequences": np.full((2, 2), "a")}, "sequences is <U1 (2, 2): it must be numbers"),
        ({"sequences": VECTORS.astype(object)}, "sequences: it holds Python objects, which are not loaded"),
        ({"sequences": np.where(np.arange(3) == 2, np.nan, VECTORS)}, "sequences[0, 0, 2] is nan: it must"),
        ({"sequences": VECTORS * np.array([1, 1, 1e300])}, "sequences[0, 0, 2] is "),
        ({"sequences": np.array([[1, 2], [3, -np.inf]])}, "sequences[1, 1] is -inf: it must be a finite"),
        ({"lengths": [5, 1, 2, 6]}, "lengths is int64 (4,) from 1 to 6: it must be whole numbers (4,)"),
        ({"lengths": [5, 0, 2, 4]}, "lengths is int64 (4,) from 0 to 5: it must be whole numbers"),
        ({"lengths": [5.0, 1.0, 2.0, 4.0]}, "lengths is float64 (4,) from 1.0 to 5.0: it must be"),
        ({"lengths": [5, 1]}, "lengths is int64 (2,) from 1 to 5: it must be"),
        ({"lengths": [5, 1, 2, 4], "mask": MASK}, "it has mask and lengths, and must have one of them"),
        ({"mask": MASK * 2}, "mask is int64 (4, 5) from 2 to 2: it must be true and false, or 1"),
        ({"mask": MASK[:, :3]}, "mask is int64 (4, 3) from 1 to 1: it must be"),
        ({"mask": MASK * np.array([[1], [1], [0], [1]])}, "mask[2] flags nothing: it must flag one"),
        ({"group": [1.0, 2.0, 3.0, 4.0]}, "group is float64 (4,): it must be whole numbers or text (4,)."),
        ({"group": [1, 2]}, "group is int64 (2,): it must be whole numbers or text (4,)."),
        ({"labels": [[1], [2], [3], [4]]}, "labels is int64 (4, 1): it must be"),
        ({"split": [0, 1, 2, 3]}, "split is int64 (4,) from 0 to 3: it must be 0, 1 or 2, or train,"),
        ({"split": ["train", "dev", "test", "test"]}, "split is <U5 (4,): it must be 0, 1 or 2"),
        ({"split": [0.0, 1.0, 2.0, 2.0]}, "split is float64 (4,) from 0.0 to 2.0: it must be"),
        ({"split": [0, 1]}, "split is int64 (2,) from 0 to 1: it must be"),
        ({"split": [0, 1, 2, 0], "group": list("abca")}, ""),
        ({"split": [0, 1, 2, 2], "group": list("abca")}, "group a is in train and test: it must be in one"),
    ],
)  # fmt: skip
def test_a_bad_array_is_one_sentence(tmp_path, arrays, said):
    if arrays and not {"sequences", "vectors"} & set(arrays):
        arrays = {"sequences": VECTORS, **arrays}
    if not said:
        read(tmp_path, **arrays)
        return
    with pytest.raises(UserError) as raised:
        read(tmp_path, **arrays)
    message = str(raised.value)
    assert message.startswith(f"task.data is {tmp_path / 'own.npz'}")
    assert said in message
    assert message.endswith(".")


def test_what_is_no_archive_is_named(tmp_path):
    path = tmp_path / "own.npz"
    with pytest.raises(UserError, match="there is no such file"):
        read_sequences(path)
    path.write_bytes(b"text")
    with pytest.raises(UserError, match=r"it cannot be read as an .npz \(File is not a zip file\)"):
        read_sequences(path)
