"""The rows of `benchmarks.devices` and `benchmarks.startup` in words: a line, a table, a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders import REFERENCE

ENGINES = ("freqjax", "native", "autodiff", "pytorch", "cpp")
_COMMAND = "python -m benchmarks.devices"


def line(row: dict[str, Any]) -> str:
    """One row, for a terminal."""
    if row["median_us"] is None:
        return f"{row['engine']:>8}: {row['absent']}"
    threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
    spread = f"{micro(row['min_us'])} to {micro(row['max_us'])}, {row['runs']} runs"
    return f"{row['engine']:>8}, {threads}: {micro(row['median_us'])} ({spread}){_beside(row)}"


def _beside(row: dict[str, Any]) -> str:
    """How the row compares with what ran beside it, in words."""
    if "throughput" in row:
        return f", {row['throughput']:.3g} × the throughput of one"
    if "ratio" in row and row["engine"] != REFERENCE:
        return f", {row['ratio']:.3g} × {REFERENCE}"
    return ""


def micro(value: float) -> str:
    """A time of `value` µs with its unit, to three digits."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} µs"


def best(rows: Sequence[dict[str, Any]], job: str, engine: str) -> dict[str, Any] | None:
    """The quickest row of an engine, which may have been tried with one thread and with two."""
    found = [r for r in rows if (r["job"], r["engine"]) == (job, engine) and r["median_us"]]
    return min(found, key=lambda row: row["median_us"], default=None)


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Jobs × engines: the median time, and what it is beside freqjax's."""
    present = [e for e in ENGINES if any(r["engine"] == e and r["median_us"] for r in rows)]
    lines = ["| job | " + " | ".join(present) + " |", "|---" * (len(present) + 1) + "|"]
    for job in dict.fromkeys(row["job"] for row in rows):
        cells = (_cell(best(rows, job, engine)) for engine in present)
        lines.append(f"| {job} | " + " | ".join(cells) + " |")
    return lines


def _cell(row: dict[str, Any] | None) -> str:
    return "–" if row is None else micro(row["median_us"]) + _beside(row)


def growth(
    rows: Sequence[dict[str, Any]], engine: str = "freqjax"
) -> list[tuple[int, float, float]]:
    """(T, µs, MB) of the jobs linear_t_T, where they were measured."""
    return [
        (int(row["job"].rpartition("_")[2]), row["median_us"], row["memory_mb"])
        for row in rows
        if row["job"].startswith("linear_t_") and row["engine"] == engine and row["median_us"]
    ]


_OPENING = """# Speed

Written by `python -m benchmarks.document` from `benchmarks/results/*.json`. Engines are timed alternately
in one process, each with the threads that suit it best: absolute times depend on what else the machine
does, ratios hardly do. They are

- freqjax: what a run trains with;
- native: the same with `train.engine=native`;
- autodiff: the same network as one writes it in JAX without thinking of speed, `jax.value_and_grad` of a
  scan, and Adam by optax;
- pytorch: `torch.nn.LSTM`, and `torch.optim.Adam`;
- cpp: a loop in C++ with all of a step fused.

The jobs are

| job | a unit |
|---|---|
| online_hH | an Adam step with clipping on one sample of the main task, H hidden units |
| bptt_BxTxHxL | loss and gradient of B streams of T samples through L layers of H units |
| linear_t_T | the same of one stream of T samples through 64 units |
| seeds_N | an Adam step of one of N seeds that train at once on all cores, 64 hidden units |
| solve_default | the main task by `configs/default.py`, the whole command |

`python -m benchmarks.compare A.json B.json` compares two machines.
"""


def document(folder: Path, startup: Sequence[dict[str, Any]]) -> str:
    """docs/speed.md: every machine that was measured, and the rows of `benchmarks.startup`."""
    lines = [_OPENING]
    for path in sorted(folder.glob("*.json")):
        value = json.loads(path.read_text())
        if value["command"].startswith(_COMMAND):
            picture = f"![Times on {path.stem}](../benchmarks/results/{path.stem}.png)"
            lines += [f"## {path.stem}", "", *section(value), picture, ""]
    return "\n".join([*lines, *_startup(startup)])


def _startup(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        "## Start-up",
        "",
        "`python -m benchmarks.startup`: seconds of a whole command, the first time and when what was "
        "compiled is found on disk.",
        "",
        "| command | first | again |",
        "|---|---|---|",
    ]
    for row in rows:
        cold = "–" if row["cold_seconds"] is None else f"{row['cold_seconds']:.1f}"
        lines.append(f"| {row['what']} | {cold} | {row['warm_seconds']:.1f} |")
    return [*lines, ""]


def page(path: Path) -> str:
    """The Markdown of a machine's file."""
    value = json.loads(path.read_text())
    return "\n".join([f"# Speed on {path.stem}", "", *section(value)])


def section(value: dict[str, Any]) -> list[str]:
    """What was measured on one machine: where, a table a platform, who was absent, how time grows."""
    machine, versions = value["machine"], value["versions"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    lines = [
        f"`{value['command']}` on {machine['cpu']}, {machine['cores']} cores, {machine['device']}; "
        f"load {machine['load']:g} at the start; {named}.",
        "",
    ]
    for platform in dict.fromkeys(row["platform"] for row in value["rows"]):
        rows = [row for row in value["rows"] if row["platform"] == platform]
        lines += [f"On {platform}, medians of alternating runs:", "", *table(rows), ""]
        absent = dict.fromkeys((r["engine"], r["absent"]) for r in rows if r.get("absent"))
        lines += [f"- {engine}: {reason}" for engine, reason in absent]
        lines += [""] * bool(absent)
        lines += _growth_words(growth(rows))
    return lines


def _growth_words(points: list[tuple[int, float, float]]) -> list[str]:
    if len(points) < 2:
        return []
    (short, least_us, least_mb), (long, most_us, most_mb) = points[0], points[-1]
    return [
        f"From {short:,} to {long:,} samples, {long / short:.3g} times as many, freqjax's gradient takes "
        f"{most_us / least_us:.3g} times as long and {most_mb / least_mb:.3g} times the memory "
        f"({least_mb:.3g} MB to {most_mb:.3g} MB).",
        "",
    ]
