"""Comparison of two machines, or of two versions.

    python -m benchmarks.compare A.json B.json

Takes two files of `benchmarks.devices` and prints Markdown: what differs between them, and a table of the
jobs that both have, with B's time / A's for every engine. Above 1, B is slower.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed import micro
from freqjax.errors import UserError

# Keys by which the rows of two files are matched. Of an engine that was timed with one thread and with two,
# the faster one counts.
_KEYS = ("job", "engine", "platform")


def read(name: str) -> dict[str, Any]:
    """Read a file of `benchmarks.devices`.

    Raises:
      UserError: there is no such file, or it has other content.
    """
    path = Path(name)
    if not path.is_file():
        raise UserError(f"{name}: there is no such file.")
    wrong = UserError(f"{name}: it must be a JSON file that python -m benchmarks.devices wrote.")
    try:
        value = json.loads(path.read_text())
    except (ValueError, OSError):  # not text, not JSON, or not readable
        raise wrong from None
    if not isinstance(value, dict) or not {"machine", "versions", "rows"} <= value.keys():
        raise wrong
    rows = value["rows"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise wrong
    if not all({*_KEYS, "median_us"} <= row.keys() for row in rows):
        raise wrong
    return value


def comparison(a: dict[str, Any], b: dict[str, Any], names: tuple[str, str]) -> list[str]:
    """Make the Markdown that compares two values of `read`, called by `names`.

    Raises:
      UserError: they have no measured row in common.
    """
    left, right = _by_key(a), _by_key(b)
    common = [key for key in left if key in right]
    if not common:
        raise UserError(
            f"{names[0]} and {names[1]} have no row in common: no job, engine and platform."
        )
    lines = [f"# {names[1]} against {names[0]}", "", *_differences(a, b, names), ""]
    lines += [
        f"| job | engine | platform | {names[0]} | {names[1]} | B / A |",
        "|---|---|---|---|---|---|",
    ]
    for key in common:
        before, after = left[key], right[key]
        cells = [*map(str, key), micro(before), micro(after), f"{after / before:.3g}"]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    for name, own, other in ((names[0], left, right), (names[1], right, left)):
        jobs = {key[0] for key in other}
        alone = [
            f"{job} by {engine}" if job in jobs else job
            for job, engine, platform in own
            if (job, engine, platform) not in other
        ]
        lines += [f"In {name} alone: {', '.join(dict.fromkeys(alone))}."] * bool(alone)
    return lines


def _by_key(value: dict[str, Any]) -> dict[tuple[str, ...], float]:
    """Return the median time of every measured engine, by `_KEYS`."""
    found: dict[tuple[str, ...], float] = {}
    for row in value["rows"]:
        if row["median_us"] is not None:
            key = tuple(row[name] for name in _KEYS)
            found[key] = min(row["median_us"], found.get(key, math.inf))
    return found


def _differences(a: dict[str, Any], b: dict[str, Any], names: tuple[str, str]) -> list[str]:
    heads = [value["machine"] | value["versions"] for value in (a, b)]
    found = [
        f"| {field} | {heads[0].get(field, '–')} | {heads[1].get(field, '–')} |"
        for field in dict.fromkeys([*heads[0], *heads[1]])
        if heads[0].get(field) != heads[1].get(field)
    ]
    if not found:
        return ["The machine, its load and all versions are the same."]
    return [f"| differs | {names[0]} | {names[1]} |", "|---|---|---|", *found]


def main(arguments: Sequence[str]) -> int:
    """Print the comparison of two files."""
    try:
        if len(arguments) != 2:
            raise UserError(f"there are {len(arguments)} arguments: it must be two, A.json B.json.")
        a, b = (read(name) for name in arguments)
        names = Path(arguments[0]).stem, Path(arguments[1]).stem
        if names[0] == names[1]:
            names = f"A, {names[0]}", f"B, {names[1]}"
        print("\n".join(comparison(a, b, names)))
    except UserError as error:
        print(f"benchmarks.compare: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
