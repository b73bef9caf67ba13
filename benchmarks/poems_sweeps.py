"""Benchmark of sweeps of the sequence autoencoder: sizes of its code, and encoders and decoders.

    python -m benchmarks.poems_sweeps [CONFIG ...]

Runs configs/sweep_codes.py and configs/sweep_coders.py by whole commands and writes
benchmarks/results/poems_sweeps.json: a row a replica, with its axes and its cosine on held-out chapters. With
names of configs only their rows are measured again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import record

CONFIGS = ("sweep_codes", "sweep_coders")
# Fields of a row of sweep.json besides its axes.
_FIELDS = ("updates", "parameters", "test_cosine", "best_baseline")


def main() -> None:
    """Run each sweep in a process of its own."""
    asked = sys.argv[1:] or list(CONFIGS)
    rows = {name: [] for name in CONFIGS}
    for row in record.read("poems_sweeps"):
        rows[row["config"]].append(row)
    for config in asked:
        with record.scratch() as scratch:
            folder = Path(scratch) / config
            summary = record.train(["--mode", "sweep", "--config", f"configs/{config}.py"], folder)
            rows[config] = _rows(config, summary["process_seconds"], folder)
        print(*rows[config], sep="\n", flush=True)
    ordered = [row for config in CONFIGS for row in rows[config]]
    record.write("poems_sweeps", "python -m benchmarks.poems_sweeps", ordered)


def _rows(config: str, seconds: float, folder: Path) -> list[dict[str, Any]]:
    found = json.loads((folder / "sweep.json").read_text())
    return [
        {
            "config": config,
            "process_seconds": round(seconds, 1),
            "axes": {axis: row[axis] for axis in found["axes"]},
            "validation_cosine": 1 - row["validation_cosine_distance"],
            **{name: row[name] for name in _FIELDS},
        }
        for row in found["rows"]
    ]


if __name__ == "__main__":
    main()
