"""Tables as programs and countries write them: the same numbers whatever the dialect."""

import numpy as np
import pytest

from freqjax import UserError
from freqjax.recordings import open_recording, signal

VALUES = np.round(np.random.default_rng(5).uniform(-2, 2, 30), 3)
TIMES = np.arange(30) / 500


def text(separator=",", decimal=".", header="t{}S", end="\n", last="", before=""):
    rows = [
        f"{t:.3f}{separator}{v:.3f}{last}".replace(".", decimal)
        for t, v in zip(TIMES, VALUES, strict=True)
    ]
    lines = [before + header.format(separator) + last] if header else []
    return end.join([*lines, *rows]) + end


def read(tmp_path, content, name="a.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    recording = open_recording(path, "--input")
    return recording, np.concatenate(list(recording.chunks(7)))


@pytest.mark.parametrize(
    ("options", "name", "encoding"),
    [
        ({}, "a.csv", "utf-8"),
        ({"separator": ";"}, "a.csv", "utf-8"),
        ({"separator": ";", "decimal": ","}, "a.csv", "utf-8"),
        ({"separator": "\t"}, "a.tsv", "utf-8"),
        ({"separator": "\t", "decimal": ","}, "a.TXT", "utf-8"),
        ({"separator": "  "}, "a.txt", "utf-8"),
        ({"separator": "|"}, "a.csv", "utf-8"),
        ({"separator": ", "}, "a.CSV", "utf-8"),
        ({"last": ","}, "a.csv", "utf-8"),
        ({"last": ";", "separator": ";", "decimal": ","}, "a.csv", "utf-8"),
        ({"before": "# scope 7\n# 2024-01-01\n"}, "a.csv", "utf-8"),
        ({"before": "# "}, "a.csv", "utf-8"),
        ({"before": "Model,X,7\n\n"}, "a.csv", "utf-8"),
        ({"end": "\r\n"}, "a.csv", "utf-8"),
        ({"end": "\r"}, "a.csv", "utf-8"),
        ({}, "a.csv", "utf-8-sig"),
        ({"separator": ";", "decimal": ","}, "a.csv", "utf-16"),
        ({}, "a.csv", "utf-16-le"),
    ],
)
def test_dialects_give_the_same_numbers(tmp_path, options, name, encoding):
    recording, found = read(tmp_path, text(**options), name, encoding)
    assert recording.sampling_rate == 500
    assert recording.names == ("column S",)
    np.testing.assert_array_equal(found[:, 0], VALUES)


def test_units_may_stand_below_the_header(tmp_path):
    recording, found = read(tmp_path, text(header="Time{}Channel A\n(ms),(mV)\n"))
    assert recording.names == ("column Channel A (mV)",)
    assert recording.sampling_rate == 500_000
    np.testing.assert_array_equal(found[:, 0], VALUES)


def test_quoted_numbers(tmp_path):
    rows = "".join(
        f'"{t:.3f}","{v:.3f}"\n'.replace(".", ",") for t, v in zip(TIMES, VALUES, strict=True)
    )
    recording, found = read(tmp_path, '"t","S"\n' + rows)
    assert recording.sampling_rate == 500
    np.testing.assert_array_equal(found[:, 0], VALUES)


def test_without_a_header_the_first_column_that_rises_is_time(tmp_path):
    recording, found = read(tmp_path, text(header=""))
    assert recording.sampling_rate == 500 and recording.names == ("column 2",)
    np.testing.assert_array_equal(found[:, 0], VALUES)
    assert any("without a header it is taken as time in s" in note for note in recording.notes)


def test_the_index_of_a_data_frame_is_no_channel(tmp_path):
    content = ",S\n" + "".join(f"{i},{v}\n" for i, v in enumerate(VALUES))
    recording, found = read(tmp_path, content)
    assert recording.names == ("column S",) and recording.sampling_rate is None
    np.testing.assert_array_equal(found[:, 0], VALUES)


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        ("S\n1,5\n2,5\n", [[1.5], [2.5]]),
        ("1,5;2,5\n1,7;3,5\n", [[1.5, 2.5], [1.7, 3.5]]),
        ("1,5,2,5\n1,7,3,5\n", [[1, 5, 2, 5], [1, 7, 3, 5]]),
        ("1,5\n3\n", [[1.5], [3]]),
        ("1,5\n0.5,3\n", [[1, 5], [0.5, 3]]),
        ("a,b\n1,5\n2,5\n", [[1, 5], [2, 5]]),
    ],
)
def test_commas_are_what_header_and_rows_leave(tmp_path, content, numbers):
    np.testing.assert_array_equal(read(tmp_path, content)[1], numbers)


@pytest.mark.parametrize("late", ["2.25", "2,25"])
def test_the_whole_file_decides(tmp_path, late):
    """Whole numbers for thousands of rows leave the decimal sign open."""
    _, found = read(tmp_path, "a;b\n" + "1;2\n" * 5000 + f"1;{late}\n" + "3;4\n" * 20)
    assert found.shape == (5021, 2)
    assert found[5000, 1] == 2.25


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("1,5\n2,5\n", "can be read as 2 or 1 cells, since a comma may separate cells or be a decimal"),
        ("S\none\n2\n3\n", "row 1, column S is 'one': it must be a number"),
        ("t;S\n0,1;2\n0,2;x\n", "row 2, column S is 'x': it must be a number"),
        ("a,b\n1;2\n3;4\n", "row 1 has 1 cells where the header has 2; .* separated by commas"),
        ("a;b\n1.234,5;2\n", "row 1, column a is '1.234,5': it must be a number"),
        ("S\n1\n2_000\n", "row 2, column S is '2_000': it must be a number"),
        ("# fs = 250\nt,S\n0,1\n1,2\n2,3\n", "fs states 250 Hz and its times tell 1 Hz"),
        ("a \x1b[31m,b\nx,y\n", r"begins with 'a \\\\x1b\[31m,b'"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\r", "cannot be read as CSV text .* bytes that are zero"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_in_a_sentence(tmp_path, content, sentence):
    with pytest.raises(UserError, match=sentence):
        read(tmp_path, content)


def test_a_comment_states_the_rate(tmp_path):
    recording, _ = read(tmp_path, "# fs = 250 Hz\nS\n1\n2\n")
    assert recording.sampling_rate == 250
    assert recording.notes[0].endswith("fs states 250 Hz")


def test_a_column_that_rises_and_is_not_used_is_named(tmp_path):
    content = "x,S\n" + "".join(f"{t:.3f},{v}\n" for t, v in zip(TIMES, VALUES, strict=True))
    recording, _ = read(tmp_path, content)
    assert recording.sampling_rate is None
    (note,) = recording.notes
    assert "column x rises evenly, by 0.002 a row, and is not used" in note


@pytest.mark.parametrize(("separator", "decimal"), [(";", ","), ("\t", "."), (",", ".")])
def test_the_output_is_written_as_the_input_is(tmp_path, separator, decimal):
    content = text(separator, decimal).replace("0", "0")
    recording, _ = read(tmp_path, content)
    with recording.writer(tmp_path / "b.csv") as writer:
        for chunk in signal(recording, 0, 7, "--input"):
            writer.write(chunk)
    lines = (tmp_path / "b.csv").read_text().splitlines()
    assert lines[0] == f"t{separator}S"
    assert lines[2] == f"0.002{separator}{VALUES[1]:.9g}".replace(".", decimal)
    np.testing.assert_array_equal(
        read(tmp_path, (tmp_path / "b.csv").read_bytes())[1][:, 0], VALUES
    )


def test_times_that_start_over_do_so_in_the_output(tmp_path):
    times = np.tile(3 + np.arange(10) / 500, 3)
    content = "t,S\n" + "".join(f"{t:.3f},{v}\n" for t, v in zip(times, VALUES, strict=True))
    recording, _ = read(tmp_path, content)
    with recording.writer(tmp_path / "b.csv") as writer:
        for chunk in signal(recording, 0, 7, "--input"):
            writer.write(chunk)
    written = np.loadtxt(tmp_path / "b.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(written[:, 0], times, rtol=1e-12)
    again, _ = read(tmp_path, (tmp_path / "b.csv").read_bytes())
    assert again.sampling_rate == pytest.approx(500, rel=1e-9)


def test_late_times_keep_their_digits(tmp_path):
    content = "timestamp,S\n" + "".join(
        f"{1_700_000_000_000 + 2 * i},{v}\n" for i, v in enumerate(VALUES)
    )
    recording, _ = read(tmp_path, content)
    assert recording.sampling_rate == 500
    with recording.writer(tmp_path / "b.csv") as writer:
        writer.write(VALUES)
    again, _ = read(tmp_path, (tmp_path / "b.csv").read_bytes())
    assert again.sampling_rate == pytest.approx(500, rel=1e-6)
    assert (tmp_path / "b.csv").read_text().splitlines()[2].startswith("1700000000.002,")
