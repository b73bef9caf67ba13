"""Accuracy of the diagnosis on planted faults: how often the first-ranked cause is the planted one.

    python -m benchmarks.diagnosis

Trains every plant of `benchmarks.planted` at three seeds that were not used to set thresholds (those are
seeds from 100), reads the diagnosis of each run, and counts. Writes benchmarks/results/diagnosis.json and
diagnosis.png; about half an hour. With other seeds, `--seeds`, nothing is written.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record
from benchmarks.planted import PLANTS, Plant, grow
from freqjax.diagnosis import CAUSES
from freqjax.figures import canvas
from freqjax.tasks.extraction.symptoms import OUTPUT_CAUSES, ROW_CAUSES

_GRADED = (10, 11, 12)
_HEALTHY, _NOTHING = "healthy", "no cause found"


def examine(plant: Plant, seed: int, folder: Path) -> dict[str, Any]:
    """Train a plant and read the diagnosis of its run."""
    began = time.perf_counter()
    grow(plant, seed, folder)
    causes = json.loads((folder / "diagnosis.json").read_text())
    summary = json.loads((folder / "summary.json").read_text())
    said = _HEALTHY if _is_well(folder) else _NOTHING
    first = causes[0]["cause"] if causes else said
    return {
        "plant": plant.name,
        "planted": plant.cause or _HEALTHY,
        "seed": seed,
        "first": first,
        "right": first == (plant.cause or _HEALTHY),
        "causes": [cause["cause"] for cause in causes],
        "test_mse_per_frequency": summary["test"]["mse_per_frequency"],
        "training_seconds": round(summary["wall_seconds"], 1),
        "whole_seconds": round(time.perf_counter() - began, 1),
    }


def _is_well(folder: Path) -> bool:
    """Return whether the report states that nothing is wrong."""
    return (folder / "report.md").read_text().splitlines()[2].startswith("Nothing is wrong")


def confusion(rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[str], np.ndarray]:
    """Return the planted causes, the first-ranked causes, and the counts [planted, first]."""
    order = [_HEALTHY, *ROW_CAUSES, *CAUSES, *OUTPUT_CAUSES, _NOTHING]
    planted = [name for name in order if any(row["planted"] == name for row in rows)]
    first = [name for name in order if name in planted or any(row["first"] == name for row in rows)]
    counts = np.zeros((len(planted), len(first)), int)
    for row in rows:
        counts[planted.index(row["planted"]), first.index(row["first"])] += 1
    return planted, first, counts


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the confusion matrix."""
    planted, first, counts = confusion(rows)
    figure, axes = canvas.subplots(10.5, 8.0)
    axis = axes[0, 0]
    axis.imshow(counts / counts.sum(axis=1, keepdims=True), cmap="Blues", vmin=0, vmax=1.4)
    for i, j in zip(*np.nonzero(counts), strict=True):
        axis.text(j, i, str(counts[i, j]), ha="center", va="center", color=canvas.INK)
    axis.set_xticks(range(len(first)), [_words(name) for name in first], rotation=45, ha="right")
    axis.set_yticks(range(len(planted)), [_words(name) for name in planted])
    axis.set_xlabel("first-ranked cause")
    axis.set_ylabel("planted")
    axis.grid(False)
    right = sum(row["right"] for row in rows)
    axis.set_title(f"{right} of {len(rows)} planted runs are named rightly", loc="left")
    figure.savefig(path)


def _words(name: str) -> str:
    return name.replace("_", " ")


def main(arguments: Sequence[str]) -> None:
    """Train and examine every plant, and count the right diagnoses."""
    seeds = [int(seed) for seed in arguments[1:]] if arguments[:1] == ["--seeds"] else _GRADED
    rows = []
    with record.scratch() as scratch:
        for plant in PLANTS:
            for seed in seeds:
                rows.append(examine(plant, seed, Path(scratch) / f"{plant.name}-{seed}"))
                print(rows[-1], flush=True)
    wrong = [row for row in rows if not row["right"]]
    for row in wrong:
        print(
            f"wrong: {row['plant']}, seed {row['seed']}: {row['planted']} taken for {row['first']}"
        )
    false_alarms = sum(row["planted"] == _HEALTHY and not row["right"] for row in rows)
    print(f"{len(rows) - len(wrong)} of {len(rows)} right; {false_alarms} false alarms")
    if list(seeds) == list(_GRADED):
        record.write("diagnosis", "python -m benchmarks.diagnosis", rows)
        draw(rows, record.RESULTS / "diagnosis.png")


if __name__ == "__main__":
    main(sys.argv[1:])
