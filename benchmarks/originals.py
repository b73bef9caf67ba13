"""The originals, reproduced: the loss while training beside the frozen one.

    python -m benchmarks.originals

Runs configs/original_a.py, original_a2.py and original_b_l1.py and writes
benchmarks/results/originals.json with both losses of every epoch.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import record

_CONFIGS = ("original_a", "original_a2", "original_b_l1")


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
                }
            )
            print(name, summary["prequential_mse"], summary["test"]["mse"], flush=True)
    record.write("originals", "python -m benchmarks.originals", rows)


if __name__ == "__main__":
    main()
