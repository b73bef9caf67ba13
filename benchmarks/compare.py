"""Comparison of two machines, or of two versions.

    python -m benchmarks.compare A.json B.json [--fail-above RATIO]

Takes two files of `benchmarks.devices` and prints Markdown: what differs between them, and a table of the
jobs that both have, with B's time / A's for every engine. Above 1, B is slower.

With `--fail-above` it is a check of B against A, an earlier file of the same kind of machine. The table
then has the verdict of each job of freqjax. What is judged is, where another engine was timed beside
freqjax, the ratio of the two times in the same rounds, else the time relative to how the machine itself
changed; a change within the spread of the rounds is no failure (`benchmarks.regression`). The exit code is
0 if no job is slower by more than RATIO, 1 if one is, with a sentence that names it, and 2 if the files
cannot be compared: another processor, other cores, another accelerator, other threads, or one of them alone
of `--quick`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import regression
from benchmarks.speed import micro
from freqjax.errors import UserError

# Keys by which the rows of two files are matched. Of an engine that was timed with one thread and with two,
# the faster one counts.
_KEYS = ("job", "engine", "platform")
_TIMES = ("median_us", "min_us", "max_us")


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
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):  # not text, not JSON, or not readable
        raise wrong from None
    if not isinstance(value, dict):
        raise wrong
    heads, rows = [value.get("machine"), value.get("versions")], value.get("rows")
    if not all(isinstance(head, dict) for head in heads) or not isinstance(rows, list):
        raise wrong
    if not all(map(_is_row, rows)):
        raise wrong
    return value


def _is_row(row: Any) -> bool:
    """Return whether `row` names what was timed, and every time is a positive number or absent."""
    if not isinstance(row, dict) or not {*_KEYS, *_TIMES, "threads"} <= row.keys():
        return False
    rounds = row.get("times_us") or []
    times = [row[name] for name in _TIMES]
    if times != [None] * len(_TIMES):
        times += rounds if isinstance(rounds, list) else [None]
        return all(isinstance(time, int | float) and time > 0 for time in times)
    return True


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
    return lines + _alone(names, left, right)


def _alone(
    names: tuple[str, str], left: dict[tuple[str, ...], float], right: dict[tuple[str, ...], float]
) -> list[str]:
    """Name the jobs and engines that one file has alone."""
    lines = []
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


def check(
    a: dict[str, Any], b: dict[str, Any], names: tuple[str, str], limit: float
) -> tuple[list[str], str | None]:
    """Check B against A: the Markdown with every verdict, and the sentence about the jobs that are slower.

    Raises:
      UserError: the files cannot be compared, or have no engine of freqjax in common.
    """
    regression.check_kind(a, b, names)
    found = regression.findings(a, b, limit)
    if not found:
        raise UserError(f"{names[0]} and {names[1]} have no job of freqjax in common.")
    failed = regression.failures(found, limit)
    lines = [f"# {names[1]} checked against {names[0]}", "", *_differences(a, b, names), ""]
    lines += [*regression.table(found, names), ""]
    lines += _alone(names, _own(a), _own(b))
    lines += [failed or f"B / A of no job is above {limit:g} beyond the spread."]
    return lines, failed


def _own(value: dict[str, Any]) -> dict[tuple[str, ...], float]:
    return {key: time for key, time in _by_key(value).items() if key[1] in regression.OWN}


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    parser.add_argument("files", nargs="*", metavar="FILE.json", help="A.json B.json")
    parser.add_argument(
        "--fail-above",
        metavar="RATIO",
        help="exit with 1 if a job of B is slower by more than that",
    )
    return parser.parse_args(arguments)


def _limit(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1 <= value < math.inf:
        raise UserError(f"--fail-above is {text!r}: it must be a number of at least 1.")
    return value


def main(arguments: Sequence[str]) -> int:
    """Print the comparison of two files, or check one against the other."""
    asked = _arguments(arguments)
    files, failed = asked.files, None
    try:
        if len(files) != 2:
            raise UserError(f"there are {len(files)} files: it must be two, A.json B.json.")
        limit = None if asked.fail_above is None else _limit(asked.fail_above)
        a, b = (read(name) for name in files)
        names = Path(files[0]).stem, Path(files[1]).stem
        if names[0] == names[1]:
            names = f"A, {names[0]}", f"B, {names[1]}"
        if limit is None:
            lines = comparison(a, b, names)
        else:
            lines, failed = check(a, b, names, limit)
        print("\n".join(lines))
    except UserError as error:
        print(f"benchmarks.compare: {error}", file=sys.stderr)
        return 2
    if failed:
        print(f"benchmarks.compare: {failed}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
