"""Datasets on disk: the same rows back, and bad files refused by row and column."""

import errno
import os
import tracemalloc

import numpy as np
import pytest

from freqjax import TaskConfig, UserError
from freqjax.tasks import make_task
from freqjax.tasks.extraction import datasets
from tests.twins import split_of

SMALL = {"frequencies": (1.0, 3.0), "sampling_rate": 20.0, "duration": 1.0}


@pytest.fixture
def written(tmp_path):
    def write(suffix="csv", **fields):
        task = make_task(TaskConfig(**{**SMALL, **fields}))
        path = tmp_path / f"rows.{suffix}"
        datasets.write_rows(path, task.dataset(split_of(task, "train")), 20.0, 20)
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
        (edit(0, 1, "C1"), "column C1 is in the header more than once"),
        (edit(9, 1, "1e300"), "row 9, column S is 1e.300"),
        (edit(9, 4, "inf"), "row 9, column target is inf"),
        (edit(3, 2, "one"), "row 3, column C1 is 'one': it must be a number"),
        (edit(5, 3, ""), "row 5, column C2 is '': it must be a number"),
        (edit(5, 3, "1"), r"row 5, columns C1 to C2 are not one-hot \(1, 1\)"),
        (lambda lines: lines[:-1], "has 39 rows: it must have 40 rows"),
        (lambda lines: lines[:1], "must hold a header of names and at least one row"),
        (lambda lines: [*lines[:4], lines[4] + ",5", *lines[5:]], "row 4 has 6 cells where the header has 5"),
        (
            lambda lines: [lines[0], *lines[21:], *lines[1:20], lines[30]],
            "row 40, column t is 0.45, after 0.9",
        ),
        (
            lambda lines: [
                line.partition(",")[2] for line in [lines[0], *lines[21:], *lines[1:20], lines[30]]
            ],
            "row 40, columns C1 to C2 change inside block 2",
        ),
        (lambda lines: [*lines[:9], "0.43" + lines[9][3:], *lines[10:]], "row 9, column t is .*must"),
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
    datasets.write_rows(path, task.dataset(split_of(task, "train")), 50.0, 100)
    wrong = TaskConfig(
        frequencies=(2.0, 4.0), sampling_rate=25.0, duration=4.0, train_path=str(path)
    )
    with pytest.raises(UserError, match=r"has 50 samples a second: it must have 25, the value of"):
        make_task(wrong).rows("train")
    with np.load(path) as whole:
        arrays = {name: whole[name] for name in ("S", "C", "target")}
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=r"block 1 peaks at 1 Hz where the selector says 2 Hz"):
        make_task(wrong).rows("train")
    np.savez(path, **arrays, fs=49.0)
    with pytest.raises(UserError, match=r"has 49 samples a second: it must have 25"):
        make_task(wrong).rows("train")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"S": np.zeros(40)}, "column C1 is missing"),
        (
            {"S": np.array([None] * 40, object), "C": np.zeros((40, 2)), "target": np.zeros(40)},
            "holds object, not numbers: pickled",
        ),
        (
            {"S": np.array(["a"] * 40), "C": np.zeros((40, 2)), "target": np.zeros(40)},
            "array S: it holds <U1, not numbers",
        ),
        (
            {"S": np.zeros(40), "C": np.zeros(40), "target": np.zeros(40)},
            r"C has shape \(40,\): it must",
        ),
        ({"S": np.zeros((40, 2)), "C": np.zeros((40, 2)), "target": np.zeros(40)}, "S has shape"),
        (
            {"S": np.zeros(60), "C": np.zeros((60, 2)), "target": np.zeros(60)},
            "has 60 rows: it must",
        ),
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


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_complex_numbers_are_no_rows(tmp_path, suffix):
    path = tmp_path / f"rows.{suffix}"
    (np.save if suffix == "npy" else np.savez)(path, np.ones(20, complex))
    with pytest.raises(UserError, match="holds complex numbers: rows must be real"):
        read(path, frequencies=(1.0,))


def test_a_missing_file_and_an_unknown_suffix_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"task\.train_path is .*: there is no such file"):
        read(tmp_path / "none.npz")
    (tmp_path / "rows.xls").write_text("")
    with pytest.raises(UserError, match=r"rows\.xls: it must end in \.npz, \.npy, \.csv, "):
        read(tmp_path / "rows.xls")
    (tmp_path / "rows.csv").mkdir()
    with pytest.raises(UserError, match=r"rows\.csv: it is a folder, and must be a file"):
        read(tmp_path / "rows.csv")


def test_nothing_is_overwritten(written):
    path = written()
    before = path.read_bytes()
    with pytest.raises(UserError, match="it exists already"):
        written()
    assert path.read_bytes() == before


# Files as people save them.


@pytest.fixture(scope="module")
def synthesised():
    """Rows of the small task, [R, 2 + F], and its blocks."""
    task = make_task(TaskConfig(**SMALL))
    rows = task.dataset(split_of(task, "train"))
    return np.column_stack([rows.mixture, rows.selectors, rows.targets]), task.rows("train")


def assert_same(path, blocks):
    for ours, theirs in zip(read(path), blocks, strict=True):
        np.testing.assert_array_equal(ours, theirs)


_SECONDS = np.arange(40) % 20 / 20


@pytest.mark.parametrize(
    "arrays",
    [
        lambda t: {"S": t[:, 0], "C": t[:, 1:3], "target": t[:, 3:]},
        lambda t: {"S": t[None, :, 0], "C": t[:, 1:3].T, "target": t[:, 3]},
        lambda t: {"S": t[:, :1], "C1": t[:, 1], "C2": t[:, 2], "target": t[:, 3]},
        lambda t: {"s": t[:, 0], "c": t[:, 1:3].astype(bool), "Target": t[:, 3]},
        lambda t: {"S": t[:, 0], "C": t[:, 1:3], "target": t[:, 3], "fs": 20, "about": np.array("me")},
        lambda t: {"S": t[:, 0], "C": t[:, 1:3], "target": t[:, 3], "time_ms": 1000 * _SECONDS},
        lambda t: {"S": t[:, 0], "C": t[:, 1:3], "target": t[:, 3], "t": np.arange(40) / 20},
        lambda t: {"anything": t},
        lambda t: {"arr_0": np.column_stack([_SECONDS, t])},
    ],
)  # fmt: skip
def test_archives_of_rows(tmp_path, synthesised, arrays):
    np.savez(tmp_path / "rows.npz", **arrays(synthesised[0]))
    assert_same(tmp_path / "rows.npz", synthesised[1])


@pytest.mark.parametrize(
    ("name", "separator", "header"),
    [
        ("rows.CSV", ",", "S,C1,C2,target"),
        ("rows.tsv", "\t", "S\tC1\tC2\ttarget"),
        ("rows.txt", " ", "# S C1 C2 target"),
        ("rows.csv", ";", "s;c1;c2;Target"),
        ("rows.csv", ",", None),
        ("rows.csv", " ", None),
    ],
)
@pytest.mark.parametrize("timed", [False, True])
def test_tables_of_rows(tmp_path, synthesised, name, separator, header, timed):
    table = np.column_stack([_SECONDS, synthesised[0]]) if timed else synthesised[0]
    if header is not None and timed:
        sign, rest = ("# ", header[2:]) if header.startswith("#") else ("", header)
        header = f"{sign}time{separator}{rest}"
    np.savetxt(tmp_path / name, table, "%.9g", separator, header=header or "", comments="")
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(text if header else text.lstrip("\n"))
    assert_same(tmp_path / name, synthesised[1])


def test_decimal_commas_in_rows(tmp_path, synthesised):
    np.savetxt(
        tmp_path / "a.csv", synthesised[0], "%.9g", ";", header="S;C1;C2;target", comments=""
    )
    path = tmp_path / "rows.csv"
    path.write_text((tmp_path / "a.csv").read_text().replace(".", ","))
    assert_same(path, synthesised[1])


@pytest.mark.parametrize("timed", [False, True])
def test_an_array_of_rows(tmp_path, synthesised, timed):
    table = np.column_stack([_SECONDS, synthesised[0]]) if timed else synthesised[0]
    np.save(tmp_path / "rows.npy", table)
    assert_same(tmp_path / "rows.npy", synthesised[1])


@pytest.mark.parametrize("suffix", ["npy", "wav", "NPZ", "CSV"])
def test_what_is_written_in_any_format_is_read(written, synthesised, suffix):
    assert_same(written(suffix), synthesised[1])


def test_a_wav_states_whole_rates_alone(tmp_path, synthesised):
    rows = datasets.Rows(synthesised[0][:, 0], synthesised[0][:, 1:3], synthesised[0][:, 3])
    with pytest.raises(
        UserError, match=r"a\.wav: it must end in .* a WAV states a whole number .* is 20\.5"
    ):
        datasets.write_rows(tmp_path / "a.wav", rows, 20.5, 20)
    assert not list(tmp_path.iterdir())


def test_arrays_that_are_not_needed_are_not_unpacked(tmp_path, synthesised):
    table = synthesised[0]
    path = tmp_path / "rows.npz"
    np.savez_compressed(
        path, S=table[:, 0], C=table[:, 1:3], target=table[:, 3], junk=np.zeros(4_000_000)
    )
    tracemalloc.start()
    assert_same(path, synthesised[1])
    assert tracemalloc.get_traced_memory()[1] < 8e6
    tracemalloc.stop()


def test_more_rows_than_the_config_says_are_not_unpacked(tmp_path):
    path = tmp_path / "rows.npz"
    zeros = np.zeros(2_000_000)
    np.savez_compressed(path, S=zeros, C=np.zeros((len(zeros), 2), np.uint8), target=zeros)
    tracemalloc.start()
    with pytest.raises(UserError, match="has 2000000 rows: it must have 40 rows"):
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()
