"""Datasets on disk: the same rows back, and bad files refused by row and column."""

import errno
import os

import numpy as np
import pytest

from freqjax import TaskConfig, UserError
from freqjax.tasks import make_task
from freqjax.tasks.extraction import datasets

SMALL = {"frequencies": (1.0, 3.0), "sampling_rate": 20.0, "duration": 1.0}


@pytest.fixture
def written(tmp_path):
    def write(suffix="csv", **fields):
        task = make_task(TaskConfig(**{**SMALL, **fields}))
        path = tmp_path / f"rows.{suffix}"
        datasets.write_rows(path, task.dataset(task.split("train")), 20.0, 20)
        return path

    return write


def read(path, **fields):
    return make_task(TaskConfig(train_path=str(path), **{**SMALL, **fields})).rows("train")


@pytest.mark.parametrize("suffix", ["csv", "npz"])
@pytest.mark.parametrize("fields", [{}, {"start": "random", "starts": 3}])
def test_rows_come_back_bitwise(written, suffix, fields):
    synthesised = make_task(TaskConfig(**{**SMALL, **fields})).rows("train")
    blocks = read(written(suffix, **fields), **fields)
    for ours, theirs in zip(blocks, synthesised, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_csv_is_what_a_person_expects(written):
    lines = written().read_text().splitlines()
    assert lines[0] == "t,S,C1,C2,target"
    assert len(lines) == 41
    assert lines[2].startswith("0.05,")
    assert float(lines[21].split(",")[0]) == 0


def test_columns_may_come_in_any_order_and_without_time(written):
    path = written()
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join(row[k] for k in (4, 3, 2, 1)) for row in rows))
    np.testing.assert_array_equal(
        read(path).inputs, make_task(TaskConfig(**SMALL)).rows("train").inputs
    )


def test_a_byte_order_mark_and_blank_lines_at_the_end_are_let_pass(written):
    path = written()
    lines = path.read_text().splitlines()
    path.write_text("\ufeff" + "\n".join(line.partition(",")[2] for line in lines) + "\n\n\n")
    np.testing.assert_array_equal(
        read(path).inputs, make_task(TaskConfig(**SMALL)).rows("train").inputs
    )


def test_damage_anywhere_in_an_npz_is_one_sentence(written):
    path, random = written("npz"), np.random.default_rng(0)
    whole, refused = path.read_bytes(), 0
    for _ in range(60):
        content = bytearray(whole)
        for place in random.integers(0, len(content), 3):
            content[place] ^= 1 << int(random.integers(8))
        path.write_bytes(content)
        try:
            read(path)
        except UserError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_rows_that_cannot_be_written_whole_leave_nothing(written, tmp_path, monkeypatch, suffix):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match=rf"rows\.{suffix}: .* \(the disk is full\)\."):
            written(suffix)
    assert not list(tmp_path.iterdir())
    assert written(suffix).is_file()  # with room, the same name serves
    with pytest.raises(UserError, match="it exists already, and is left as it is"):
        written(suffix)


def edit(row, column, text):
    def change(lines):
        cells = lines[row].split(",")
        cells[column] = text
        return [*lines[:row], ",".join(cells), *lines[row + 1 :]]

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (edit(0, 1, "X"), "column S is missing"),
        (edit(0, 3, "C3"), "column C2 is missing"),
        (edit(7, 1, "nan"), "row 7, column S is nan: it must be a finite number"),
        (edit(0, 1, "C1"), "column C1 stands in the header more than once"),
        (edit(9, 1, "1e300"), "row 9, column S is 1e.300"),
        (edit(9, 4, "inf"), "row 9, column target is inf"),
        (edit(3, 2, "one"), "row 3, column C1 is 'one': it must be a number"),
        (edit(5, 3, ""), "row 5, column C2 is '': it must be a number"),
        (edit(5, 3, "1"), r"row 5, columns C1 to C2 are not one-hot \(1, 1\)"),
        (lambda lines: lines[:-1], "has 39 rows: it must have 40 rows"),
        (lambda lines: lines[:1], "must hold a header and at least one row"),
        (lambda lines: [*lines[:4], lines[4] + ",5", *lines[5:]], "row 4 has 6 cells where the header has 5"),
        (lambda lines: [lines[0], *lines[21:], *lines[1:20], lines[30]], "change inside block 2"),
    ],
)  # fmt: skip
def test_bad_csv_files_are_refused_by_row_and_column(written, change, sentence):
    path = written()
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(UserError, match=sentence):
        read(path)


def test_one_selector_too_many_is_refused(written):
    with pytest.raises(UserError, match="column C2 exceeds the 1 frequencies"):
        read(written(), frequencies=(1.0,))


def test_a_wrong_rate_is_refused(tmp_path):
    task = make_task(TaskConfig(frequencies=(2.0, 4.0), sampling_rate=50.0, duration=2.0))
    path = tmp_path / "rows.npz"
    datasets.write_rows(path, task.dataset(task.split("train")), 50.0, 100)
    wrong = TaskConfig(
        frequencies=(2.0, 4.0), sampling_rate=25.0, duration=4.0, train_path=str(path)
    )
    with pytest.raises(UserError, match=r"block 1 peaks at 1 Hz where the selector says 2 Hz"):
        make_task(wrong).rows("train")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"S": np.zeros(40)}, "column C1 is missing"),
        ({"S": np.array([None] * 40, object)}, "cannot be read as an .npz of plain arrays"),
        ({"S": np.array(["a"] * 40)}, "column S holds <U1, not numbers"),
        ({"S": np.zeros(40), "C": np.zeros(40), "target": np.zeros(40)}, "C has shape"),
        ({"S": np.zeros(40), "C": np.zeros((40, 2)), "target": np.zeros(39)}, "target has 39 rows"),
        (
            {"S": np.full(40, np.nan), "C": np.zeros((40, 2)), "target": np.zeros(40)},
            "row 1, column S",
        ),
    ],
)
def test_bad_npz_files_are_refused(tmp_path, arrays, sentence):
    path = tmp_path / "rows.npz"
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=sentence):
        read(path)


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_files_that_are_something_else_are_refused(tmp_path, suffix):
    path = tmp_path / f"rows.{suffix}"
    path.write_bytes(b"\x93\xff\x00 not a dataset")
    with pytest.raises(UserError, match=r"task\.train_path is"):
        read(path)


def test_a_missing_file_and_an_unknown_suffix_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"task\.train_path is .*: there is no such file"):
        read(tmp_path / "none.npz")
    (tmp_path / "rows.txt").write_text("")
    with pytest.raises(UserError, match=r"it must end in \.npz, \.csv, \.npy or \.wav"):
        read(tmp_path / "rows.txt")


def test_nothing_is_overwritten(written):
    path = written()
    before = path.read_bytes()
    with pytest.raises(UserError, match="it exists already"):
        written()
    assert path.read_bytes() == before
