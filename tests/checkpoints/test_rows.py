"""Rows of metrics.jsonl: what is damaged is named and stays, and what is missing is told."""

import json

import pytest

from freqjax.checkpoints import rows


def row(epoch, **more):
    """A row of a run, with an object in it as real ones have."""
    return {
        "epoch": epoch,
        "step": 7 * epoch,
        "loss": 0.1 / epoch,
        "seconds": 1.5,
        "grad_norm_per_layer": {"cell/kernel": 0.25, "head/bias": 1e-7},
        "alerts": [],
        **more,
    }


def write(path, count, **more):
    for epoch in range(1, count + 1):
        rows.append(path, row(epoch, **more))


def change(path, line, old, new):
    """Put `new` in the place of `old` in a line, counted from 1."""
    lines = path.read_bytes().split(b"\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_bytes(b"\n".join(lines))


def without_sums(path):
    """Make rows as older versions wrote them."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**r, "crc32": None}) + "\n" for r in lines))
    path.write_text(path.read_text().replace(', "crc32": null', ""))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_rows_come_back_as_they_were(path):
    assert rows.read(path, pytest.fail) == []
    write(path, 3)
    assert rows.read(path, pytest.fail) == [row(1), row(2), row(3)]
    assert rows.cut(path, {None: 3}, pytest.fail) == [row(1), row(2), row(3)]


def test_every_flipped_bit_of_a_row_is_found(path):
    write(path, 3)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    last = whole.index(b"\n", first)
    for at in range(first, last):
        for bit in (0, 5):
            flipped = bytearray(whole)
            flipped[at] ^= 1 << bit
            path.write_bytes(flipped)
            said = []
            found = rows.read(path, said.append)
            # In a space or in the name of the checksum nothing is lost; anywhere else the row is not one.
            if row(2) not in [{k: r.get(k) for k in row(2)} for r in found]:
                assert said and f"{path} is damaged in line 2: " in said[0], flipped[first:last]
            assert found[0] == row(1) and found[-1] == row(3)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"{", b"z", "it is not JSON"),
        (b"{", b"\xff", "it is not JSON"),
        (b'{"epoch"', b"[" * 5000, "it is not JSON"),
        (b"0.05", b"0.04", "its checksum does not fit what it holds"),
        (b"cell/kernel", b"cell/kErnel", "its checksum does not fit what it holds"),
    ],
)
def test_a_damaged_line_is_named_and_stays(path, old, new, reason):
    write(path, 4)
    change(path, 2, old, new)
    before, said = path.read_bytes(), []
    assert rows.cut(path, {None: 4}, said.append) == [row(1), row(3), row(4)]
    assert path.read_bytes() == before
    assert said == [
        f"{path} is damaged in line 2: {reason}; it stays in the file and is passed over.",
        f"{path} has no row of epoch 2: the results do without.",
    ]


def test_rows_without_sums_are_read_and_compared(path):
    write(path, 3)
    without_sums(path)
    assert rows.read(path, pytest.fail) == [row(1), row(2), row(3)]
    change(path, 3, b"cell/kernel", b"cell/kErnel")
    said = []
    assert rows.read(path, said.append) == [row(1), row(2)]
    assert "line 3: it has no grad_norm_per_layer: cell/kernel, as the others have" in said[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("5", "it is not an object"),
        ("{}", "it has no epoch"),
        (json.dumps({**row(1), "epoch": "1"}), "its epoch is of the wrong kind"),
        (json.dumps({**row(1), "alerts": None}), "its alerts is of the wrong kind"),
        (json.dumps({**row(1), "replica": [1]}), "its replica is of the wrong kind"),
    ],
)
def test_a_line_that_is_no_row_is_named(path, line, reason):
    path.write_text(line + "\n")
    said = []
    assert rows.read(path, said.append) == []
    assert len(said) == 1 and f"line 1: {reason};" in said[0]


def test_an_unfinished_last_line_is_dropped_and_one_without_its_end_is_kept(path):
    write(path, 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert rows.cut(path, {None: 3}, pytest.fail) == [row(1), row(2), row(3)]
    assert path.read_bytes() == whole
    path.write_bytes(whole[:-9])
    assert rows.cut(path, {None: 2}, pytest.fail) == [row(1), row(2)]
    assert path.read_bytes() == b"".join(whole.splitlines(True)[:2])


def test_rows_that_a_cut_file_lacks_are_told(path):
    write(path, 5)
    path.write_bytes(path.read_bytes()[: -len(json.dumps(row(5))) - 60])
    said = []
    assert rows.cut(path, {None: 4}, said.append) == [row(1), row(2), row(3)]
    assert said == [f"{path} has no row of epoch 4: the results do without."]


def test_what_is_trained_again_is_dropped_with_its_damaged_lines(path):
    write(path, 6)
    for line in (3, 5):
        change(path, line, b"{", b"z")
    lines, said = path.read_bytes().splitlines(True), []
    # The save knows four epochs: line 5 held the fifth, which is trained again.
    assert rows.cut(path, {None: 4}, said.append) == [row(1), row(2), row(4)]
    assert path.read_bytes() == b"".join(lines[:4])
    assert [sentence.partition(": ")[0][len(str(path)) :] for sentence in said] == [
        " is damaged in line 3",
        " has no row of epoch 3",
    ]


def test_a_damaged_last_line_that_the_save_knows_stays(path):
    write(path, 4)
    change(path, 4, b"{", b"z")
    before = path.read_bytes()
    assert rows.cut(path, {None: 4}, lambda _: None) == [row(1), row(2), row(3)]
    assert path.read_bytes() == before


def test_rows_of_other_replicas_stay(path):
    for epoch in (1, 2, 3):
        for replica in (0, 1):
            rows.append(path, row(epoch, replica=replica))
    for epoch in (1, 2):
        rows.append(path, row(epoch, replica=2))
    change(path, 3, b"{", b"z")  # epoch 2 of replica 0
    said = []
    found = rows.cut(path, {0: 2, 1: 2}, said.append)
    assert [(r["replica"], r["epoch"]) for r in found] == [(0, 1), (1, 1), (1, 2), (2, 1), (2, 2)]
    assert path.read_bytes().count(b"\n") == 6
    assert said[1:] == [f"{path} has no row of epoch 2 of replica 0: the results do without."]


def test_rows_of_replicas_of_two_kinds_are_not_held_against_each_other(path):
    for epoch in (1, 2, 3):
        rows.append(path, row(epoch, replica=0, horizon=0.5))
    rows.append(path, row(1, replica=1))
    without_sums(path)
    assert len(rows.read(path, pytest.fail)) == 4


def test_many_damaged_lines_are_counted(path):
    write(path, 9)
    for line in range(1, 9):
        change(path, line, b"{", b"z")
    said = []
    assert rows.read(path, said.append) == [row(9)]
    assert (
        len(said) == 6
        and said[5] == f"{path} is damaged in 3 more lines, which are passed over as well."
    )
