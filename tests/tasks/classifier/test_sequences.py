"""Sequences of several modalities in files and folders, and arrays that are not as they must be."""

import pickle
import zipfile

import numpy as np
import pytest

from freqjax import UserError
from freqjax.tasks.classifier import sequences
from freqjax.tasks.classifier.sequences import read_sequences

RANDOM = np.random.default_rng(5)
POSE = RANDOM.normal(size=(4, 6, 3))
GAZE = RANDOM.normal(size=(4, 6, 2)).astype(np.float32)
LABEL = np.array([0, 1, 0, 2])
MASK = np.ones((4, 6), int)


def read(tmp_path, **arrays):
    """Write a stacked file and read it."""
    np.savez(tmp_path / "own.npz", **arrays)
    (rows,) = read_sequences(tmp_path / "own.npz")
    return rows


def folder(tmp_path, **files):
    """Write a folder of recordings and read it."""
    (tmp_path / "own").mkdir()
    for name, arrays in files.items():
        np.savez(tmp_path / "own" / f"{name}.npz", **arrays)
    return read_sequences(tmp_path / "own")


def test_every_floating_array_of_three_axes_is_a_modality(tmp_path):
    rows = read(
        tmp_path,
        pose=POSE,
        gaze=GAZE,
        none=np.zeros((4, 6, 0)),
        rate=25.0,
        label=LABEL,
        note="text",
    )
    assert list(rows.inputs) == list(rows.masks) == ["gaze", "pose"]
    np.testing.assert_array_equal(rows.inputs["pose"], POSE.astype(np.float32))
    np.testing.assert_array_equal(rows.inputs["gaze"], GAZE)
    assert all(mask.all() for mask in rows.masks.values())
    assert rows.unread == ("rate", "note")
    assert (rows.group, rows.recording, rows.split) == (None, None, None)


def test_what_is_missing_is_told_by_nan_lengths_and_masks(tmp_path):
    missing = RANDOM.random((4, 6, 3)) < 0.1
    lengths = np.array([6, 2, 4, 5], np.uint8)
    own = RANDOM.random((4, 6)) < 0.7
    within = np.array([[t < length for t in range(6)] for length in lengths])
    pose = np.where(missing, np.nan, POSE)
    # What is not present may be anything.
    gaze = np.where(own[..., None], GAZE, np.inf)
    for common in ({"lengths": lengths}, {"mask": within}, {"mask": within.astype(float)}):
        rows = read(tmp_path, pose=pose, gaze=gaze, gaze_mask=own, label=LABEL, **common)
        for n in range(4):
            for t in range(6):
                present = within[n, t] and not missing[n, t].any()
                assert rows.masks["pose"][n, t] == present
                wanted = POSE[n, t].astype(np.float32) if present else np.zeros(3)
                np.testing.assert_array_equal(rows.inputs["pose"][n, t], wanted)
                present = within[n, t] and own[n, t]
                assert rows.masks["gaze"][n, t] == present
                wanted = GAZE[n, t] if present else np.zeros(2)
                np.testing.assert_array_equal(rows.inputs["gaze"][n, t], wanted)


@pytest.mark.parametrize("kind", ["U", "S"])
def test_names_may_be_text(tmp_path, kind):
    rows = read(
        tmp_path,
        pose=POSE,
        label=np.array(["walk", "run", "", "run"], kind),
        group=np.array(["eve", "adam", "eve", "seth"], kind),
        recording=np.array(list("abca"), kind),
        split=np.array(["train", "test", "train", "validation"], kind),
    )
    assert rows.label.tolist() == ["walk", "run", "", "run"]
    assert rows.group is not None and rows.group.tolist() == ["eve", "adam", "eve", "seth"]
    assert rows.recording is not None and rows.recording.tolist() == list("abca")
    assert rows.split is not None and rows.split.tolist() == [0, 2, 0, 1]


def test_numbers_without_a_sign_are_not_turned_negative(tmp_path):
    large = np.array([2**64 - 1, 1, 2**63, 1], np.uint64)
    rows = read(tmp_path, pose=POSE, label=large, group=LABEL.astype(np.uint8))
    assert rows.label.tolist() == [str(number) for number in large.tolist()]
    assert rows.group is not None and rows.group.tolist() == LABEL.tolist()
    assert rows.group.dtype == np.int64


def test_more_numbers_than_are_held_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sequences, "MOST_NUMBERS", 71)
    with pytest.raises(UserError, match="its modalities have 72 numbers: there must be at most 71"):
        read(tmp_path, pose=POSE, label=LABEL)


def test_a_folder_has_a_recording_in_each_file(tmp_path):
    found = folder(
        tmp_path,
        b={"pose": POSE[0], "label": LABEL[[0, 0, 1, 1, 1, 2]], "group": "eve", "split": "test"},
        a={
            "pose": POSE[1, :4],
            "gaze": GAZE[1, :4],
            "label": LABEL[:4],
            "group": "adam",
            "split": 0,
        },
        c={
            "pose": np.zeros((2, 0)),
            "gaze": GAZE[2, :2],
            "label": [1, 1],
            "group": "seth",
            "split": 1,
        },
    )
    wanted = {"recording": list("abc"), "group": ["adam", "eve", "seth"], "split": [0, 2, 1]}
    for name, values in wanted.items():
        assert np.concatenate([getattr(rows, name) for rows in found]).tolist() == values
    assert [rows.label.shape for rows in found] == [(1, 4), (1, 6), (1, 2)]
    for rows, samples in zip(found, (4, 6, 2), strict=True):
        shapes = {name: array.shape for name, array in rows.inputs.items()}
        assert shapes == {"gaze": (1, samples, 2), "pose": (1, samples, 3)}
    assert [bool(rows.masks["gaze"].all()) for rows in found] == [True, False, True]
    assert not found[1].masks["gaze"].any() and not found[1].inputs["gaze"].any()
    assert not found[2].masks["pose"].any() and not found[2].inputs["pose"].any()


BAD = [
    ({"pose": POSE}, "it must hold the array label, and has pose."),
    ({"label": LABEL}, "it must hold a modality, an array of floating numbers [N, T, F] with a channel"),
    ({"label": LABEL, "pose": POSE[0]}, "and has label int64 (4,), pose float64 (6, 3)."),
    ({"label": LABEL, "pose": POSE[..., :0]}, "it must hold a modality"),
    ({"label": LABEL, "pose": POSE.astype(int)}, "pose is int64 (4, 6, 3): an array [N, T, F] is a modality"),
    ({"label": LABEL, "pose": POSE * 1j}, "pose is complex128 (4, 6, 3): an array"),
    ({"label": LABEL, "pose": POSE[:, :0]}, "pose is float64 (4, 0, 3): it must have a sample at least."),
    ({"pose": POSE, "gaze": GAZE[:, :5], "label": LABEL}, "pose is (4, 6, 3) and gaze is (4, 5, 2): modal"),
    ({"pose": POSE, "gaze": GAZE[:3], "label": LABEL}, "must be of the same [N, T]."),
    ({"pose": POSE * np.array([1, 1, 1e300]), "label": LABEL}, "pose[0, 0, 2] is "),
    ({"pose": np.where(POSE > 2, np.inf, np.inf), "label": LABEL}, "pose[0, 0, 0] is inf: it must be a fin"),
    ({"pose": POSE, "label": LABEL[:3]}, "label is int64 (3,): it must be whole numbers or text (4,)."),
    ({"pose": POSE, "label": LABEL / 2}, "label is float64 (4,): it must be whole numbers or text (4,)."),
    ({"pose": POSE, "label": MASK[:, :5]}, "label is int64 (4, 5): it must be whole numbers or text (4, 6)."),
    ({"pose": POSE, "label": LABEL, "group": LABEL[:2]}, "group is int64 (2,): it must be whole numbers"),
    ({"pose": POSE, "label": LABEL, "recording": LABEL / 2}, "recording is float64 (4,): it must be"),
    ({"pose": POSE, "label": LABEL, "split": LABEL + 1}, "split is int64 (4,) from 1 to 3: it must be 0"),
    ({"pose": POSE, "label": LABEL, "mask": MASK * 2}, "mask is int64 (4, 6) from 2 to 2: it must be true"),
    ({"pose": POSE, "label": LABEL, "mask": POSE}, "mask is float64 (4, 6, 3) from "),
    ({"pose": POSE, "label": LABEL, "lengths": LABEL}, "lengths is int64 (4,) from 0 to 2: it must be whole"),
    ({"pose": POSE, "label": LABEL, "lengths": LABEL + 1, "mask": MASK}, "it has mask and lengths, and must"),
    ({"pose": POSE, "label": LABEL, "pose_mask": MASK[:3]}, "pose_mask is int64 (3, 6) from 1 to 1: it must"),
    ({"pose": POSE, "label": LABEL, "hand_mask": MASK}, "hand_mask is the mask of a modality hand: there"),
    ({"pose": POSE, "label": LABEL, "x": np.array([{}])}, "x: it holds Python objects, which are not loaded"),
]  # fmt: skip


@pytest.mark.parametrize(("arrays", "said"), BAD)
def test_a_bad_array_is_one_sentence(tmp_path, arrays, said):
    with pytest.raises(UserError) as raised:
        read(tmp_path, **arrays)
    message = str(raised.value)
    assert message.startswith(f"task.data is {tmp_path / 'own.npz'}")
    assert said in message
    assert message.endswith(".")


GOOD = {"pose": POSE[0], "label": 1, "group": 1}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({**GOOD, "pose": POSE[0, :, :2]}, "pose has 3 channels in a.npz and 2 in b.npz: it must have"),
        ({"pose": POSE[0], "label": 1}, "group is a whole number in a.npz and missing in b.npz: it must be"),
        ({**GOOD, "label": "walk"}, "label is a whole number in a.npz and text in b.npz: it must be"),
        ({**GOOD, "pose": POSE}, "b.npz: it must hold a modality, an array of floating numbers [T, F]"),
        ({**GOOD, "label": [1, 2]}, "b.npz: label is int64 (2,): it must be whole numbers or text (6,)."),
        ({**GOOD, "split": [0, 1]}, "b.npz: split is int64 (2,) from 0 to 1: it must be 0, 1 or 2, or"),
        ({**GOOD, "lengths": 7}, "b.npz: lengths is int64 () from 7 to 7: it must be whole numbers"),
    ],
)  # fmt: skip
def test_files_of_a_folder_must_not_contradict_each_other(tmp_path, other, said):
    with pytest.raises(UserError) as raised:
        folder(tmp_path, a=GOOD, b=other)
    assert said in str(raised.value)


def test_damaged_and_missing_files_are_named(tmp_path):
    path = tmp_path / "own.npz"
    with pytest.raises(UserError, match="there is no such file"):
        read_sequences(path)
    with pytest.raises(UserError, match=r"the folder must hold an .npz for each recording"):
        read_sequences(tmp_path)
    path.write_bytes(b"text")
    with pytest.raises(UserError, match=r"cannot be read as an .npz \(File is not a zip file\)"):
        read_sequences(path)
    path.write_bytes(pickle.dumps({"pose": [1.0]}))
    with pytest.raises(UserError, match=r"cannot be read as an .npz"):
        read_sequences(path)
    np.savez(path, pose=POSE, label=LABEL)
    whole = path.read_bytes()
    for end in (0, 30, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:end])
        with pytest.raises(UserError, match=r"cannot be read as an .npz"):
            read_sequences(path)


def test_arrays_larger_than_memory_are_refused_by_their_headers(tmp_path):
    path = tmp_path / "own.npz"
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000, 3), }"
    array = b"\x93NUMPY\x01\x00" + (len(head) + 1).to_bytes(2, "little") + head + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pose.npy", array)
    with pytest.raises(UserError, match="pose: its header promises 240000000"):
        read_sequences(path)
