"""Datasets on disk: rows [S, C_1..C_F] → target as .npz or .csv; a file with one bad cell is refused.

CSV: a header `S,C1,…,CF,target`, optionally with `t` (seconds) in front, one row a sample.
NPZ: arrays `S` [R], `C` [R, F] and `target` [R]. R counts the rows of all blocks.

Float32 values are written with nine significant digits, so that reading restores the same bits.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from freqjax.errors import UserError
from freqjax.recordings.arrays import BROKEN
from freqjax.system import files


class Rows(NamedTuple):
    """Rows of a dataset; R rows, F components.

    Attributes:
      mixture: [R] float32, S.
      selectors: [R, F] float32, C.
      targets: [R] float32.
    """

    mixture: np.ndarray
    selectors: np.ndarray
    targets: np.ndarray


def write_rows(path: Path, rows: Rows, sampling_rate: float, samples: int) -> None:
    """Write `rows` to a new .npz or .csv file; blocks of T = `samples` rows each start at t = 0 s.

    The file appears when it is whole; where it cannot be written nothing is left.

    Raises:
      UserError: another suffix, the file exists already, or it cannot be written.
    """
    if path.suffix not in (".npz", ".csv"):
        raise UserError(f"--out is {path}: it must end in .npz or .csv.")
    seconds = np.arange(len(rows.mixture)) % samples / sampling_rate
    try:
        with files.creating(path) as file:
            if path.suffix == ".npz":
                np.savez_compressed(
                    file, t=seconds, S=rows.mixture, C=rows.selectors, target=rows.targets
                )
            else:
                _write_csv(file, seconds, rows)
    except FileExistsError:
        raise UserError(f"--out is {path}: it exists already, and is left as it is.") from None
    except OSError as error:
        raise UserError(f"--out is {path}: it cannot be written ({files.reason(error)}).") from None


def _write_csv(file, seconds: np.ndarray, rows: Rows) -> None:
    count = rows.selectors.shape[1]
    names = ["t", "S", *(f"C{i + 1}" for i in range(count)), "target"]
    table = np.column_stack([seconds, rows.mixture, rows.selectors, rows.targets])
    formats = ["%.9g", "%.9g", *["%g"] * count, "%.9g"]
    np.savetxt(file, table, fmt=formats, delimiter=",", header=",".join(names), comments="")


def read_rows(path: Path, components: int, field: str) -> Rows:
    """Read a dataset with F = `components` selector columns.

    Args:
      path: an .npz or .csv file.
      components: number of components of the task.
      field: the config field of the path, for error messages.

    Raises:
      UserError: the file is missing, of another kind, lacks a column, or has a cell that is not a
        finite number; row and column are named, rows counted from 1 below the header.
    """
    if not path.is_file():
        raise UserError(f"{field} is {path}: there is no such file.")
    if path.suffix == ".npz":
        columns = _read_npz(path, field)
    elif path.suffix == ".csv":
        columns = _read_csv(path, field)
    else:
        raise UserError(f"{field} is {path}: it must end in .npz, .csv, .npy or .wav.")
    return _assemble(columns, components, f"{field} {path}")


def _read_npz(path: Path, field: str) -> dict[str, np.ndarray]:
    try:
        # Opened here, since numpy does not close a file that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except BROKEN as error:
        raise UserError(
            f"{field} is {path}: it cannot be read as an .npz of plain arrays ({error})."
        ) from None
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise UserError(f"{field} {path}: column {name} holds {array.dtype}, not numbers.")
    columns = {name: array for name, array in arrays.items() if name != "C" and array.ndim == 1}
    if "C" in arrays:
        if arrays["C"].ndim != 2:
            raise UserError(
                f"{field} {path}: C has shape {arrays['C'].shape}: it must be [rows, F]."
            )
        columns |= {f"C{i + 1}": column for i, column in enumerate(arrays["C"].T)}
    return columns


def _read_csv(path: Path, field: str) -> dict[str, np.ndarray]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise UserError(f"{field} is {path}: it cannot be read as CSV text ({error}).") from None
    while lines and not lines[-1]:
        lines.pop()  # blank lines at the end
    if len(lines) < 2:
        raise UserError(f"{field} is {path}: it must hold a header and at least one row.")
    header = [name.strip() for name in lines[0]]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{field} {path}: column {twice} stands in the header more than once.")
    for number, line in enumerate(lines[1:], 1):
        if len(line) != len(header):
            raise UserError(
                f"{field} {path}: row {number} has {len(line)} cells where the header has "
                f"{len(header)}."
            )
    try:
        table = np.array(lines[1:], dtype=np.float64)
    except ValueError:
        row, column, cell = _first_bad_cell(lines[1:], header)
        raise UserError(
            f"{field} {path}: row {row}, column {column} is {cell!r}: it must be a number."
        ) from None
    return dict(zip(header, table.T, strict=True))


def _first_bad_cell(lines: list[list[str]], header: list[str]) -> tuple[int, str, str]:
    for row, line in enumerate(lines, 1):
        for column, cell in zip(header, line, strict=True):
            try:
                float(cell)
            except ValueError:
                return row, column, cell
    raise AssertionError("numpy rejected a table in which every cell is a number")


def _assemble(columns: dict[str, np.ndarray], components: int, source: str) -> Rows:
    selectors = [f"C{i + 1}" for i in range(components)]
    wanted = ["S", *selectors, "target"]
    for name in wanted:
        if name not in columns:
            raise UserError(
                f"{source}: column {name} is missing; a task of {components} frequencies needs "
                f"S, C1 to C{components} and target; a signal without targets can only be used with "
                "--mode extract."
            )
    if f"C{components + 1}" in columns:
        raise UserError(
            f"{source}: column C{components + 1} exceeds the {components} frequencies of "
            "task.frequencies."
        )
    count = len(columns["S"])
    for name in wanted:
        if len(columns[name]) != count:
            raise UserError(
                f"{source}: column {name} has {len(columns[name])} rows, but S has {count}."
            )
        with np.errstate(over="ignore"):
            single = columns[name].astype(np.float32)
        bad = np.flatnonzero(~np.isfinite(single))
        if bad.size:
            raise UserError(
                f"{source}: row {bad[0] + 1}, column {name} is {columns[name][bad[0]]}: "
                "it must be a finite number of single precision."
            )
    return Rows(
        mixture=columns["S"].astype(np.float32),
        selectors=np.stack([columns[name] for name in selectors], axis=1).astype(np.float32),
        targets=columns["target"].astype(np.float32),
    )
