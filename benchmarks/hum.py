"""Benchmark of the network of mains hum that ships.

    python -m benchmarks.hum

Trains `configs/hum.py` once, leaves the run in runs/hum50, for `python -m benchmarks.ship runs/hum50
checkpoints/hum50`, and writes benchmarks/results/hum.json: the relative error power on test recordings beside
that of the baselines.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import record

RUN = Path("runs/hum50")


def main() -> None:
    """Run the command and write its summary."""
    shutil.rmtree(RUN, ignore_errors=True)
    summary = record.train(["--config", "configs/hum.py"], RUN)
    row = {
        "process_seconds": round(summary["process_seconds"], 1),
        "updates": summary["updates"],
        "distinct_rows": summary["distinct_rows"],
        "relative_error_power": summary["test"]["relative_error_power"],
        "relative_error_power_per_frequency": summary["test"]["relative_error_power_per_frequency"],
        "baselines": summary["baselines"],
    }
    print(row, flush=True)
    record.write("hum", "python -m benchmarks.hum", [row])


if __name__ == "__main__":
    main()
