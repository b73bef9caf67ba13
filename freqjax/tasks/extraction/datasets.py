"""Datasets on disk: rows [S, C_1..C_F] → target; a file with one bad cell is refused.

Text (.csv, .tsv, .txt): a header `S,C1,…,CF,target`, optionally with `t` (seconds) in front, one row a
sample; without a header the columns in this order. NPZ: arrays `S` [R], `C` [R, F] and `target` [R], or one
array of these columns. NPY and WAV: see `freqjax.tasks.extraction.stems`. R counts the rows of all blocks.

Float32 values are written with nine significant digits, so that reading restores the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError
from freqjax.recordings import require_file, wav
from freqjax.recordings.archive import Archive, open_archive
from freqjax.recordings.names import has_unit, seconds_per_unit, unit_of_size
from freqjax.recordings.table import SUFFIXES as TEXT
from freqjax.recordings.table import Table
from freqjax.recordings.times import decimal_rounding
from freqjax.system import files
from freqjax.tasks.batch import Batch
from freqjax.tasks.extraction import stems
from freqjax.tasks.extraction.rows import (
    Components,
    Rows,
    require_count,
    require_rate,
    require_times,
    single,
)

_WRITTEN = (".npz", ".csv", ".npy", ".wav")
_CHUNK = 65_536
# A WAV states its rate in so many hertz at most.
_FASTEST = 2**32 - 1


@runtime_checkable
class HasRows(Protocol):
    """Task whose blocks can be written to a file of rows."""

    def dataset(self, blocks: Batch) -> Rows:
        """Return `blocks` as the rows of a file, block after block.

        Raises:
          UserError: a row of the task has more than one signal or target.
        """
        ...


def rows_of_blocks(blocks: Batch) -> Rows:
    """Return blocks of one signal, a selector and one target as rows, block after block."""
    selectors = np.asarray(blocks.inputs["selector"])
    signal, targets = (np.asarray(a).reshape(-1) for a in (blocks.inputs["signal"], blocks.targets))
    return Rows(signal, selectors.reshape(-1, selectors.shape[-1]), targets)


def write_rows(path: Path, rows: Rows, sampling_rate: float, samples: int) -> None:
    """Write `rows` to a new .npz, .csv, .npy or .wav; blocks of T = `samples` rows each start at t = 0 s.

    An .npy [R, 2 + F] and a .wav of 2 + F channels hold S, C1 to CF and the target, without times. The file
    appears when it is whole; where it cannot be written nothing is left.

    Raises:
      UserError: another suffix, a rate that a WAV cannot state, the file exists already, or it cannot be
        written.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITTEN:
        raise UserError(f"--out is {path}: it must end in .npz, .csv, .npy or .wav.")
    if suffix == ".wav" and not (sampling_rate == round(sampling_rate) <= _FASTEST):
        raise UserError(
            f"--out is {path}: it must end in .npz, .csv or .npy, since a WAV states a whole number of "
            f"samples a second, and task.sampling_rate is {sampling_rate:.9g}."
        )
    seconds = np.arange(len(rows.mixture)) % samples / sampling_rate
    columns = np.column_stack([rows.mixture, rows.selectors, rows.targets])
    try:
        if suffix == ".wav":
            wav.write_channels(path, columns, round(sampling_rate))
            return
        with files.creating(path) as file:
            if suffix == ".npz":
                np.savez_compressed(
                    file, t=seconds, S=rows.mixture, C=rows.selectors, target=rows.targets
                )
            elif suffix == ".npy":
                np.save(file, columns)
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


def read_rows(path: Path, config: Components, field: str) -> Rows:
    """Read a dataset of the F components of `config`.

    Args:
      path: a table, an archive, or a recording with a channel for each column.
      config: frequencies, sampling rate and duration.
      field: the config field of the path, for error messages.

    Raises:
      UserError: the file is missing, of another kind, lacks a column, has another rate or number of rows
        than the config, or has a cell that is not a finite number; row and column are named, rows counted
        from 1 below the header.
    """
    require_file(path, field)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        with open_archive(path, f"{field} is {path}") as archive:
            return _of_archive(archive, config, f"{field} {path}")
    if suffix in TEXT:
        return _of_table(Table(path, f"{field} is {path}"), config, f"{field} {path}")
    return stems.read_channels(path, config, field)


def _of_table(table: Table, config: Components, source: str) -> Rows:
    found = np.concatenate(list(table.numbers(_CHUNK)))
    if not table.has_header:
        names = [f"column {name}" for name in table.names]
        return stems.of_channels(found, names, config, source)
    columns = _canonical(dict(zip(table.names, found.T, strict=True)))
    rows = _assemble(columns, config, source)
    time = next((n for n in table.names if seconds_per_unit(n) is not None), None)
    if time is not None:
        rounding = table.rounding(table.names.index(time))
        _check_times(time, columns[time], rounding, config, source)
    return rows


def _of_archive(archive: Archive, config: Components, source: str) -> Rows:
    """Read what is needed of an archive, once the headers fit the config."""
    count = len(config.frequencies)
    stated = archive.rate()
    if stated is not None:
        require_rate(stated.sampling_rate, 0.0, config, source)
    named = _canonical({name: name for name in archive.names})
    if len(archive.names) == 1 and "S" not in named:
        return _of_array(archive, archive.names[0], config, source)
    if "C" in named and archive.head(named["C"]).channels != count:
        shape = archive.head(named["C"]).shape
        raise UserError(f"{source}: C has shape {shape}: it must be [rows, {count}].")
    selectors = ["C"] if "C" in named else [f"C{i + 1}" for i in range(count)]
    _require_names(named, ["S", *selectors, "target"], count, source)
    heads = {name: archive.head(named[name]) for name in ["S", *selectors, "target"]}
    for name, head in heads.items():
        stems.require_real(head.is_complex, f"{source}: {name}")
        if head.channels > 1 and name != "C":
            raise UserError(f"{source}: {name} has shape {head.shape}: it must be [rows].")
        if head.samples != heads["S"].samples:
            raise UserError(
                f"{source}: column {name} has {head.samples} rows, but S has {heads['S'].samples}."
            )
    require_count(heads["S"].samples, config, source)
    columns = {name: archive.whole(named[name]) for name in heads}
    if "C" in columns:
        columns |= {f"C{i + 1}": column for i, column in enumerate(columns.pop("C").T)}
    rows = _assemble({n: column.reshape(-1) for n, column in columns.items()}, config, source)
    time = archive.time()
    if time is not None and archive.head(time).samples == len(rows.mixture):
        times = archive.whole(time).reshape(-1)
        _check_times(time, times, decimal_rounding(times[:1000]), config, source)
    return rows


def _of_array(archive: Archive, name: str, config: Components, source: str) -> Rows:
    head = archive.head(name)
    stems.require_real(head.is_complex, source)
    names = [f"column {c + 1}" for c in range(head.channels)]
    stems.require_layout(head.channels, head.samples, config, source)
    return stems.of_channels(archive.whole(name), names, config, source)


def _check_times(
    name: str,
    times: Float[np.ndarray, " R"],
    rounding: float,
    config: Components,
    source: str,
) -> None:
    unit = seconds_per_unit(name) or 1.0
    if not has_unit(name):
        unit = unit_of_size(float(times[0]))
    require_times(times, rounding, config, source, f"column {name}", unit)


def _canonical(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns with S, C1, … and target spelt so, whatever case they are in."""
    found = dict(columns)
    for name in columns:
        plain = name.strip().lower()
        wanted = "target" if plain in ("target", "targets") else plain.upper()
        if wanted != name and wanted not in found:
            found[wanted] = columns[name]
    return found


def _require_names(
    columns: Mapping[str, object], wanted: list[str], components: int, source: str
) -> None:
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


def _assemble(columns: Mapping[str, np.ndarray], config: Components, source: str) -> Rows:
    count = len(config.frequencies)
    selectors = [f"C{i + 1}" for i in range(count)]
    _require_names(columns, ["S", *selectors, "target"], count, source)
    found = {n: single(columns[n], f"column {n}", source) for n in ["S", *selectors, "target"]}
    require_count(len(found["S"]), config, source)
    return Rows(found["S"], np.stack([found[n] for n in selectors], axis=1), found["target"])
