"""Rows of metrics.jsonl, each proven by a checksum of its own.

    {"epoch": 3, "step": 120, ..., "crc32": "5f0c7a12"}

`crc32` is that of the row without it. Rows of older versions have none: they are compared with each other. A
line that is damaged is named, stays where it is, and is no row; what the last write before a kill has left
unfinished is no line.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from freqjax.system import files
from freqjax.text import printable

Row = dict[str, Any]
Say = Callable[[str], None]

_SUM = "crc32"
# What every row has, of a run or of a sweep.
_NEEDED: Mapping[str, tuple[type, ...]] = {
    "epoch": (int,),
    "step": (int,),
    "loss": (int, float, type(None)),
    "seconds": (int, float),
    "alerts": (list,),
}
# So many damaged lines, or missing rows, are named.
_NAMED = 5


class Line(NamedTuple):
    """A line of the file.

    Attributes:
      number: its place in the file, from 1.
      raw: its bytes, without the line feed.
      row: what it holds, without the checksum; None where it is damaged.
      damage: what is wrong with it; None where nothing is.
      proven: whether a checksum says that nothing is.
    """

    number: int
    raw: bytes
    row: Row | None
    damage: str | None = None
    proven: bool = False


def append(path: Path, row: Row) -> None:
    """Add `row`, with its checksum, to the file `path` and hand it to the system."""
    summed = {**row, _SUM: _checksum(row)}
    with files.naming(path), path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(summed, allow_nan=False) + "\n")


def read(path: Path, say: Say) -> list[Row]:
    """Return the rows of the file `path` that are whole; none where it is missing.

    `say` is told of every line that is damaged.
    """
    lines = read_lines(path)
    say_damages(path, lines, say)
    return [line.row for line in lines if line.row is not None]


def read_lines(path: Path) -> list[Line]:
    """Return the lines of the file `path`, good or damaged; none where it is missing."""
    if not path.is_file():
        return []
    *finished, last = path.read_bytes().split(b"\n")
    lines = [line_of(n, raw) for n, raw in enumerate(finished, 1) if raw.strip()]
    unfinished = line_of(len(finished) + 1, last)
    if unfinished.row is not None:  # all but its line feed
        lines.append(unfinished)
    return _compare(lines)


def say_damages(path: Path, lines: Sequence[Line], say: Say) -> None:
    """Tell of the damaged ones among the `lines` of the file `path`."""
    damaged = [line for line in lines if line.damage is not None]
    for line in damaged[:_NAMED]:
        say(
            f"{printable(str(path))} is damaged in line {line.number}: {line.damage}; it stays in the file "
            "and is passed over."
        )
    if len(damaged) > _NAMED:
        more = len(damaged) - _NAMED
        say(
            f"{printable(str(path))} is damaged in {more} more lines, which are passed over as well."
        )


def cut(path: Path, epochs: Mapping[int | None, int], say: Say) -> list[Row]:
    """Drop the rows of what is to be trained again, and an unfinished line; return the others.

    Damaged lines stay, unless what they held is to be trained again.

    Args:
      path: the file; nothing happens where it is missing.
      epochs: how many epochs were done, by replica; None names the only one of a run. Rows of other
        replicas stay.
      say: is told of every line that is damaged, and of every row that should be there and is not.
    """
    lines = read_lines(path)
    # The place in the new file, which is what a reader will look at.
    kept = [line._replace(number=n) for n, line in enumerate(_kept(lines, epochs), 1)]
    content = b"".join(line.raw + b"\n" for line in kept)
    if path.is_file() and content != path.read_bytes():
        with files.replacing(path) as file:
            file.write(content)
    rows = [line.row for line in kept if line.row is not None]
    say_damages(path, kept, say)
    say_missing(path, rows, epochs, say)
    return rows


def say_missing(
    path: Path, rows: Sequence[Row], epochs: Mapping[int | None, int], say: Say
) -> None:
    """Tell which rows of the first `epochs` of each replica are not among the `rows` of `path`."""
    missing = _missing(rows, epochs)
    if missing:
        named = ", ".join(_named(*key) for key in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        say(f"{printable(str(path))} has no row of {named}{more}: the results do without.")


def _kept(lines: Sequence[Line], epochs: Mapping[int | None, int]) -> list[Line]:
    """Return the lines that stay, in order."""
    staying = [line.row is not None and _stays(line.row, epochs) for line in lines]
    last = max((n for n, stays in enumerate(staying) if stays), default=-1)
    rows = [line.row for line, stays in zip(lines, staying, strict=True) if stays and line.row]
    # Damaged lines after the last row that stays held rows that are missing, or what is trained again.
    allowed = len(_missing(rows, epochs)) - sum(line.row is None for line in lines[: last + 1])
    kept = []
    for n, line in enumerate(lines):
        if n > last and line.row is not None:
            break
        if staying[n] or (line.row is None and (n < last or allowed > 0)):
            kept.append(line)
            allowed -= n > last
    return kept


def _stays(row: Row, epochs: Mapping[int | None, int]) -> bool:
    done = epochs.get(row.get("replica"))
    return done is None or row["epoch"] <= done


def _missing(rows: Sequence[Row], epochs: Mapping[int | None, int]) -> list[tuple[int | None, int]]:
    """Return replica and epoch of each row that should be there and is not."""
    found = {(row.get("replica"), row["epoch"]) for row in rows}
    return [
        (replica, epoch)
        for replica, done in epochs.items()
        for epoch in range(1, done + 1)
        if (replica, epoch) not in found
    ]


def _named(replica: int | None, epoch: int) -> str:
    return f"epoch {epoch}" if replica is None else f"epoch {epoch} of replica {replica}"


def _checksum(row: Row) -> str:
    """Return the CRC-32 of the JSON of `row`, which is the same however the line was spaced."""
    return f"{zlib.crc32(json.dumps(row).encode()):08x}"


def line_of(number: int, raw: bytes) -> Line:
    """Return what a line of the file holds, or what is wrong with it."""
    try:
        row = files.parse_json(raw.decode("utf-8"))
    except ValueError:
        return Line(number, raw, None, "it is not JSON")
    if not isinstance(row, dict):
        return Line(number, raw, None, "it is not an object")
    proof = row.pop(_SUM, None)
    if proof is not None:
        if proof != _checksum(row):
            return Line(number, raw, None, "its checksum does not fit what it holds")
        return Line(number, raw, row, proven=True)
    if not isinstance(row.get("replica"), (int, type(None))):
        return Line(number, raw, None, "its replica is of the wrong kind")
    for name, kinds in _NEEDED.items():
        if name not in row:
            return Line(number, raw, None, f"it has no {name}")
        if not isinstance(row[name], kinds) or isinstance(row[name], bool):
            return Line(number, raw, None, f"its {name} is of the wrong kind")
    return Line(number, raw, row)


def _compare(lines: list[Line]) -> list[Line]:
    """Call the rows damaged that lack what most of a replica have: a key that changed, where no sum tells."""
    members = Counter(line.row.get("replica") for line in lines if line.row is not None)
    counts = Counter(
        (line.row.get("replica"), name)
        for line in lines
        if line.row is not None
        for name in _names(line.row)
    )

    def checked(line: Line) -> Line:
        if line.row is None or line.proven:
            return line
        own, replica = _names(line.row), line.row.get("replica")
        common = (n for (r, n), count in counts.items() if r == replica and 2 * count > members[r])
        lacking = next((name for name in common if name not in own), None)
        if lacking is None:
            return line
        reason = f"it has no {printable(lacking)}, as the others have"
        return line._replace(row=None, damage=reason)

    # Nothing to compare where all are proven, as they are in what this version writes.
    return lines if all(line.proven for line in lines) else [checked(line) for line in lines]


def _names(row: Row) -> set[str]:
    """Return the names of what a row holds; of what is an object, with those in it."""
    names = set()
    for name, value in row.items():
        names.add(name)
        if isinstance(value, dict):
            names |= {f"{name}: {inner}" for inner in value}
    return names
