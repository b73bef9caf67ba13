"""Reproduction of the originals: their loss while training and with frozen weights.

    python -m benchmarks.originals

Runs configs/original_a.py, original_a2.py and original_b_l1.py and writes
benchmarks/results/originals.json with both losses of every epoch, the causes that the diagnosis found, and
the sentences of its report on the causes that the originals' authors named.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import record

_CONFIGS = ("original_a", "original_a2", "original_b_l1")


# The causes named in the originals' write-ups: the learning rate, the capacity, and a limit of information.
_BLAMED = ("learning rate high", "learning rate low", "capacity", "information limit")


def _diagnosis(folder: Path) -> dict[str, Any]:
    """Read the ranked causes of a run, and its report's sentences on those that were named and refuted."""
    causes = json.loads((folder / "diagnosis.json").read_text())
    lines = (folder / "report.md").read_text().split("## What it is not")[1].splitlines()
    refuted = {
        name: line.removeprefix(f"- {name}: ")
        for name in _BLAMED
        for line in lines
        if line.startswith(f"- {name}: ")
    }
    return {"causes": {cause["cause"]: cause["words"] for cause in causes}, "refuted": refuted}


def main() -> None:
    """Run the three configs one after another."""
    rows = []
    with record.scratch() as scratch:
        for name in _CONFIGS:
            folder = Path(scratch) / name
            summary = record.train(["--config", f"configs/{name}.py"], folder)
            lines = (folder / "metrics.jsonl").read_text().splitlines()
            epochs = [json.loads(line) for line in lines]
            rows.append(
                {
                    "config": name,
                    "parameters": summary["parameters"],
                    "process_seconds": round(summary["process_seconds"], 1),
                    "seconds_per_epoch": sorted(e["seconds"] for e in epochs)[len(epochs) // 2],
                    "prequential_mse": [e["loss"] for e in epochs],
                    "prequential_mse_per_frequency": [e["loss_per_frequency"] for e in epochs],
                    "frozen_train_mse": [e["frozen_mse"] for e in epochs],
                    "frozen_test_mse": summary["test"]["mse"],
                    "frozen_prequential_ratio": summary["frozen_prequential_ratio"],
                    **_diagnosis(folder),
                }
            )
            print(name, summary["prequential_mse"], summary["test"]["mse"], flush=True)
    record.write("originals", "python -m benchmarks.originals", rows)


if __name__ == "__main__":
    main()
