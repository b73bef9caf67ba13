"""Dialects of tables in text: encoding, separator of cells, decimal sign, first row.

Cells are separated by commas, semicolons, tabs, bars or blanks, and the decimal sign is a point or, where
something else separates, a comma. What fits the rows and the header is taken; where two ways do and give
other numbers, the whole file decides, or it is refused.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from freqjax.errors import UserError
from freqjax.recordings import dates
from freqjax.text import printable

# Separator and decimal sign; the first that fits is taken where others give the same numbers.
_WAYS = ((",", "."), (";", "."), ("\t", "."), ("|", "."), (" ", "."),
         (";", ","), ("\t", ","), ("|", ","), (" ", ","), (",", ","))  # fmt: skip
_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
# A line that holds numbers, whatever separates them.
_NUMBERS = re.compile(r"""[\s\d+\-.,;|"'eE]*\d[\s\d+\-.,;|"'eE]*""")
_NOT_FINITE = re.compile(r"\b(?:nan|inf|infinity)\b", re.IGNORECASE)
_COMMENT = re.compile(r"\s*(?:#|%|//)")
# A line below the header that says the units: (s),(mV).
_UNIT = re.compile(r"[\[({]\s*[^\W\d_]{0,12}[%°µ]?\s*[\])}]|s|ms|us|µs|V|mV|A|mA|Hz|")
# Lines that may stand before the first row.
_LONGEST_PREAMBLE = 200
_LONGEST_LINE = 1 << 20
# Rows that are looked at; more are only where these leave it open.
_LOOKED_AT = 1000
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Dialect(NamedTuple):
    """Dialect of the table in a file.

    Attributes:
      encoding: of the text.
      separator: between cells; a blank for any number of blanks.
      decimal: the decimal sign, a point or a comma.
      header: the names of the columns, or None where there is no header.
      comments: comment lines before the rows.
      passed: other lines before the header, which are passed over.
      skipped: all lines before the first row.
      dates: the column of dates, which are read as seconds since 1970; None if there is none.
    """

    encoding: str
    separator: str
    decimal: str
    header: tuple[str, ...] | None = None
    comments: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    skipped: int = 0
    dates: int | None = None

    @property
    def separator_word(self) -> str:
        """Name the separator, in the plural."""
        return _WORDS[self.separator]

    @property
    def words(self) -> str:
        """Say what is not as in most files; empty for commas and points."""
        parts = [] if self.separator == "," else [f"separated by {self.separator_word}"]
        return ", ".join(parts + (["decimal commas"] if self.decimal == "," else []))

    def cells(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Yield the cells of lines, with decimal points; an empty line has none."""
        if self.separator == " ":
            rows = (line.replace('"', " ").split() for line in lines)
        else:
            rows = csv.reader(lines, delimiter=self.separator, skipinitialspace=True)
        if self.decimal == ",":
            return ([cell.replace(",", ".") for cell in row] for row in rows)
        return iter(rows)

    def names(self, line: str) -> tuple[str, ...]:
        """Return the names in a header line; an empty last one is left out."""
        bare = _COMMENT.sub("", line, count=1)
        found = next(self._replace(decimal=".").cells([bare]), [])
        cells = [cell.strip().strip("\"'").strip() for cell in found]
        return tuple(cells[:-1] if len(cells) > 1 and not cells[-1] else cells)


def find_dialect(path: Path, source: str) -> Dialect:
    """Find how the table in `path` is written.

    Args:
      path: the file.
      source: of the file, for messages.

    Raises:
      UserError: it is no text, holds no row of numbers, or can be read in two ways.
    """
    encoding = _encoding(path, source)
    beginning = list(itertools.islice(lines_of(path, encoding), _LOOKED_AT))
    lines = lines_of(path, encoding, dated=any(map(dates.has_date, beginning)))
    before, first = _preamble(lines, source)
    rows = [first, *itertools.islice((line for line in lines if _holds(line)), _LOOKED_AT)]
    try:
        ways = [Dialect(encoding, *way) for way in _WAYS if way != (",", ",") or '"' in first]
        fits = [(_fit(way, before, rows), way) for way in ways]
        most = max(fit for fit, _ in fits)
        best = [_with_header(way, before, rows) for fit, way in fits if fit == most]
        # Where no row fits, the rows will say why.
        clear = len(best) == 1 or most[1] <= 0
        found = best[0] if clear else _decide(best, rows, lines, source)
        return found._replace(dates=_place_of_dates(found, beginning[found.skipped :]))
    except csv.Error as error:
        raise UserError(f"{source}: it cannot be read as CSV text ({error}).") from None


def lines_of(path: Path, encoding: str, *, dated: bool = False) -> Iterator[str]:
    """Yield the lines of a text without their ends; bytes that are not of the encoding become U+FFFD.

    If `dated`, dates become seconds since 1970, but for those in comments.
    """
    with path.open(encoding=encoding, errors="replace") as file:
        while line := file.readline(_LONGEST_LINE):
            bare = line.rstrip("\n")
            yield dates.as_seconds(bare) if dated and not is_comment(bare) else bare


def _place_of_dates(dialect: Dialect, lines: Iterable[str]) -> int | None:
    """Return the first column of dates, as the first row has them, or None."""
    mark, row = "date", next(filter(_holds, lines), "")
    cells = next(dialect.cells([dates.as_seconds(row, mark)]), [])
    return cells.index(mark) if mark in cells else None


def is_comment(line: str) -> bool:
    """Tell whether a line begins as comments do."""
    return _COMMENT.match(line) is not None


def is_number(cell: str) -> bool:
    """Tell whether a cell is a number; Python's 1_000 is not one elsewhere."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def without_last(row: Sequence[str], width: int) -> Sequence[str]:
    """Return a row without an empty cell beyond the last of `width`, where a separator ends the line."""
    return row[:-1] if len(row) == width + 1 and not row[-1].strip() else row


def _holds(line: str) -> bool:
    return bool(line.strip()) and not is_comment(line)


def _encoding(path: Path, source: str) -> str:
    with path.open("rb") as file:
        start = file.read(4096)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if b"\0" not in start:
        return "utf-8"
    # ASCII in two bytes each has a zero in every other one.
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if zeros and zeros.count(0) == len(zeros):
            return encoding
    raise UserError(f"{source}: it cannot be read as CSV text (it holds bytes that are zero).")


def _preamble(lines: Iterator[str], source: str) -> tuple[list[str], str]:
    """Return the lines before the first one that holds numbers, and that one."""
    before: list[str] = []
    for line in itertools.islice(lines, _LONGEST_PREAMBLE):
        plain = _NOT_FINITE.sub("0", line)
        if not is_comment(line) and _NUMBERS.fullmatch(plain):
            return before, line
        before.append(line)
    if any("\ufffd" in line for line in before):
        raise UserError(f"{source}: it cannot be read as CSV text (it is not UTF-8).")
    shown = next((line for line in before if line.strip()), None)
    begins = "it is empty" if shown is None else f"its text begins with {printable(shown[:60])!r}"
    raise UserError(
        f"{source}: it must hold a header of names and at least one row of numbers; {begins}."
    )


def _fit(way: Dialect, before: Sequence[str], rows: Sequence[str]) -> tuple[bool, int]:
    """Return whether the header is as long as the first row, and how many rows are numbers of its length."""
    found = _with_header(way, before, rows)
    header = found.header
    if header is not None and not _could_name(way, header, len(header)):
        return False, -1
    named = header is None or len(header) == _row_width(way, rows)
    return named, _count_good(way, rows, _width(found, rows))


def _count_good(way: Dialect, rows: Sequence[str], width: int) -> int:
    """Count the rows of `width` numbers; where commas are decimal signs, points are none."""
    if way.decimal == "," and any("." in row for row in rows):
        return 0
    cells = (without_last(row, width) for row in way.cells(rows))
    return sum(len(row) == width and all(map(is_number, row)) for row in cells)


def _row_width(way: Dialect, rows: Sequence[str]) -> int:
    first = next(way.cells(rows[:1]), [])
    return len(first) - (len(first) > 1 and not first[-1].strip())


def _width(way: Dialect, rows: Sequence[str]) -> int:
    return _row_width(way, rows) if way.header is None else len(way.header)


def _with_header(way: Dialect, before: Sequence[str], rows: Sequence[str]) -> Dialect:
    """Add the header: the first line with as many names as rows have cells, or else the last line.

    Where there are only comments, the last one may be the header, as NumPy writes it.
    """
    width = _row_width(way, rows)
    others = [(at, line) for at, line in enumerate(before) if _holds(line)]
    comments = [line for line in before if is_comment(line)]
    if not others:
        last = way.names(comments[-1]) if comments else ()
        named = len(last) == width and not all(map(is_number, last)) and all(last)
        header = last if named else None
        kept = tuple(comments[:-1] if named else comments)
        return way._replace(header=header, comments=kept, skipped=len(before))
    fitting = [(at, line) for at, line in others if _could_name(way, way.names(line), width)]
    at, line = fitting[0] if fitting else others[-1]
    header, end = way.names(line), at + 1
    while end < len(before) and not _holds(before[end]):
        end += 1  # blank lines and comments between the header and the first row
    units = way.names(before[end]) if end < len(before) else ()
    if len(units) == len(header) and all(_UNIT.fullmatch(unit) for unit in units) and any(units):
        header = tuple(f"{n} {u}" if u else n for n, u in zip(header, units, strict=True))
        end = next((k for k in range(end + 1, len(before)) if _holds(before[k])), len(before))
    passed = tuple(line for place, line in others if place < at)
    return way._replace(header=header, comments=tuple(comments), passed=passed, skipped=end)


def _could_name(way: Dialect, names: Sequence[str], width: int) -> bool:
    # One name with a comma in it is rather two.
    return len(names) == width and not (width == 1 and way.separator != "," and "," in names[0])


def _decide(ways: list[Dialect], rows: Sequence[str], lines: Iterator[str], source: str) -> Dialect:
    """Return the way that fits the whole file, where several fit the rows looked at."""
    looked_at: Sequence[str] = rows
    while len(ways) > 1:
        numbers = [[_values(way, line) for line in looked_at] for way in ways]
        differ = any(found != numbers[0] for found in numbers)
        open_yet = len({way.decimal for way in ways}) > 1
        if not differ and not open_yet:
            return ways[0]
        # Rows of whole numbers leave it open, however many they are.
        telling = (
            line for line in lines if (differ or "," in line or "." in line) and _holds(line)
        )
        looked_at = list(itertools.islice(telling, _LOOKED_AT))
        if not looked_at:
            break
        fits = [_count_good(way, looked_at, _width(way, rows)) for way in ways]
        ways = [way for way, fit in zip(ways, fits, strict=True) if fit == max(fits)]
    if len(ways) == 1 or all(_values(w, r) == _values(ways[0], r) for w in ways for r in rows):
        return ways[0]
    counts = " or ".join(str(_width(way, rows)) for way in ways[:2])
    raise UserError(
        f"{source}: its rows, such as {rows[0][:60]!r}, can be read as {counts} cells, since a comma may "
        "separate cells or be a decimal sign: a header of names must tell, or points instead of commas."
    )


def _values(way: Dialect, line: str) -> list[float | None]:
    row = next(way.cells([line]), [])
    return [float(cell) if is_number(cell) else None for cell in row]
