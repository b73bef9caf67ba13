"""The shipped data, the command that makes them, and pickles of which nothing runs."""

import pickle
from fractions import Fraction

import numpy as np
import pytest

from benchmarks import watch_data
from freqjax.tasks.classifier import pickles
from freqjax.tasks.classifier.watch import EXERCISES, FILE


def made(lengths):
    """Make recordings as the package has them."""
    random = np.random.default_rng(3)
    return {
        "X": [random.normal(size=(length, 6)) for length in lengths],
        "X_labels": ["ax", "ay", "az", "wx", "wy", "wz"],
        "y_labels": list(EXERCISES),
        "y": np.array([4, 0, 6]),
        "subject": np.array([2, 9, 1]),
        "side": np.array([0, 1, 0]),
    }


def test_windows_are_means_of_two_samples():
    found = made((200, 140, 133))
    got = watch_data.windows_of(found)
    wanted = []
    for number, array in enumerate(found["X"]):
        slow = [(array[2 * t] + array[2 * t + 1]) / 2 for t in range(len(array) // 2)]
        start = 0
        while start + 64 <= len(slow):
            wanted.append((number, np.array(slow[start : start + 64])))
            start += 32
    assert got["recording"].tolist() == [number for number, _ in wanted]
    assert got["label"].tolist() == [found["y"][number] for number, _ in wanted]
    assert got["group"].tolist() == [found["subject"][number] for number, _ in wanted]
    values = np.concatenate([got["accelerometer"], got["gyroscope"]], axis=2)
    assert values.dtype == np.float16
    np.testing.assert_allclose(values, [window for _, window in wanted], rtol=1e-3, atol=1e-6)


def test_the_shipped_data_are_those_of_the_source():
    with np.load(FILE, allow_pickle=False) as found:
        assert found["accelerometer"].shape == found["gyroscope"].shape == (3605, 64, 3)
        label, group, recording = found["label"], found["group"], found["recording"]
    assert np.unique(group).tolist() == list(range(1, 11))
    assert np.unique(recording).tolist() == list(range(140))
    assert np.unique(label).tolist() == list(range(len(EXERCISES)))
    # Each of 140 recordings has one person and one exercise: 2 sides of 7 by 10 persons.
    assert len(np.unique(np.stack([label, group, recording]), axis=1).T) == 140


def test_another_file_than_the_pinned_one_is_named_in_one_sentence(tmp_path, capsys):
    path = tmp_path / "data.whl"
    assert watch_data.main([str(path)]) == 2
    assert capsys.readouterr().err == f"error: {path}: there is no such file.\n"
    path.write_bytes(b"")
    assert watch_data.main([str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path} has the SHA-256 e3b0c44298fc")
    assert said.endswith(f": it must be {watch_data.WHEEL_SHA256}.\n")


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_are_loaded_from_pickles(protocol):
    value = {
        "numbers": np.arange(6.0).reshape(2, 3),
        "swapped": np.arange(4, dtype=">i2"),
        "text": np.array(["a", "bc"]),
        "objects": np.array([1, "a", None], object),
    }
    found = pickles.load(pickle.dumps([value, "é"], protocol))
    assert found[1] == "é"
    for name, array in value.items():
        np.testing.assert_array_equal(found[0][name], array)
        assert found[0][name].dtype == array.dtype.newbyteorder("=")
    # The types of NumPy are as they were.
    assert np.dtype("i2").byteorder == np.dtype("f8").byteorder == "="


class Harmful:
    """An object whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Harmful(print, "ran"), r"it asks for \w+\.print, which is not allowed"),
        (Harmful(eval, "1"), r"it asks for \w+\.eval, which is not allowed"),
        (Harmful(np.load, "x"), r"it asks for numpy\.load, which is not allowed"),
        (Fraction(1, 2), r"it asks for \S+, which is not allowed"),
    ],
)
def test_what_would_run_is_refused(value, said, capsys):
    for protocol in range(6):
        with pytest.raises(pickles.Refused, match=said):
            pickles.load(pickle.dumps([value], protocol))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "packed", [b"", b"\x80\x02", b"\x80\x02cnumpy\nndarray\n)R.", b"\x80\x02U"]
)
def test_damaged_pickles_are_refused(packed):
    with pytest.raises(pickles.Refused, match="it is damaged"):
        pickles.load(packed)
