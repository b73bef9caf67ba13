"""Files of a sweep whose replicas have all ended: results, best replica, summary, figure and page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from freqjax import progress
from freqjax.checkpoints.records import Spent
from freqjax.config.laws import Law
from freqjax.figures.attempt import attempt
from freqjax.run.workdir import Workdir
from freqjax.sweep import best, results
from freqjax.sweep.axes import Bucket
from freqjax.sweep.page import writing
from freqjax.sweep.standards import names_of
from freqjax.system import devices, files
from freqjax.text import printable
from freqjax.training.prepared import assemble

Say = Callable[[str], None]


def write(
    folder: Workdir,
    buckets: Sequence[Bucket],
    rows: list[dict[str, Any]],
    spent: Spent,
    origins: Mapping[str, int],
    *,
    laws: Mapping[str, Law],
    decisions: Sequence[dict[str, Any]] = (),
    figures: bool,
    page: bool,
    say: Say,
) -> None:
    """Write best/, sweep.json, sweep.csv, summary.json, the figure and the page, and say what they hold.

    Args:
      folder: the folder of the sweep, with the checkpoints of all buckets.
      buckets: all buckets, in the order of their checkpoints.
      rows: the result of every replica, in the order of replicas.
      spent: the durations and compilations of the sweep.
      origins: path → step of the checkpoints that replicas began with.
      laws: field → law of the axes whose values were drawn.
      decisions: those at the rungs of successive halving, as they are written.
      figures: whether to draw.
      page: whether to write page.html, where what draws it is installed.
      say: called with the results as text, and with lines about the page and a figure that cannot be drawn.
    """
    first = buckets[0].replicas[0]
    fields, names = list(first.values), names_of(assemble(first.config).task)
    aggregates = results.aggregate(rows, fields, names.test, laws)
    chosen = results.best_replica(rows, names)
    if chosen is not None:
        _export(chosen, buckets, folder.path, say)
    found = {"axes": fields, "laws": {field: law.text for field, law in laws.items()}}
    if decisions:
        found["halving"] = list(decisions)
    found |= {"best_replica": chosen, "rows": rows, "aggregates": aggregates}
    folder.write_json("sweep.json", found)
    files.write_text(folder.path / "sweep.csv", results.to_csv(rows))
    folder.write_json("summary.json", _summary(buckets, rows, spent, origins))
    if figures:

        def draw() -> list[Path]:
            from freqjax.sweep.figure import sweep  # matplotlib takes most of a second to import

            return [sweep(rows, aggregates, fields, laws, names, folder.path / "figures")]

        with progress.phase("figures"):
            attempt(draw, say)
    if page:
        writing.attempt(folder.path, say)
    said = results.text(rows, aggregates, fields, names)
    say("\n".join(["", *said, f"everything: {printable(str(folder.path))}"]))


def _summary(
    buckets: Sequence[Bucket],
    rows: Sequence[dict[str, Any]],
    spent: Spent,
    origins: Mapping[str, int],
) -> dict[str, Any]:
    """Return what summary.json holds: what was trained, what it took, on which device and from where."""
    values = {
        "replicas": len(rows),
        "programs": len(buckets),
        "updates": sum(row["updates"] for row in rows),
        **dataclasses.asdict(spent),
        "processes": jax.process_count(),
        "devices": len(jax.devices()),
        "device": devices.describe(),
        "versions": devices.versions(),
    }
    if origins:
        values["init_from"] = [{"path": path, "step": origins[path]} for path in sorted(origins)]
    return values


def _export(index: int, buckets: Sequence[Bucket], folder: Path, say: Say) -> None:
    """Write the weights of replica `index` to best/, a folder that --checkpoint accepts."""
    place, bucket = next(
        (n, b)
        for n, b in enumerate(buckets)
        if any(replica.index == index for replica in b.replicas)
    )
    source = folder / f"checkpoints/bucket-{place}"
    best.export(bucket, index, source, folder / "best", warn=say)
