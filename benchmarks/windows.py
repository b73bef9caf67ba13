"""Benchmark of windows: original B compared with the limit, and FiLM with the selector as an input.

    python -m benchmarks.windows

Trains configs/original_b.py once, and configs/windows_best.py with both kinds of `network.conditioning` and
`train.seed` 0 to 2. Writes benchmarks/results/windows.json: the frozen test MSE beside the Bayes limit of
the same windows, their ratio, and the seconds of the whole command, without the diagnosis.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import record

_SEEDS = range(3)
_CONDITIONING = ("film", "input")
QUIET = "--config.train.diagnose=false"


def _row(config: str, conditioning: str, seed: int, folder: Path) -> dict[str, Any]:
    flags = ["--config", f"configs/{config}.py", f"--config.train.seed={seed}"]
    flags += [f"--config.network.conditioning={conditioning}", QUIET]
    summary = record.train(flags, folder)
    test, limit = summary["test"]["mse"], summary["limit"]["bayes_mse"]
    return {
        "config": config,
        "conditioning": conditioning,
        "seed": seed,
        "parameters": summary["parameters"],
        "updates": summary["updates"],
        "test_mse": test,
        "test_mse_per_frequency": summary["test"]["mse_per_frequency"],
        "bayes_mse": limit,
        "ratio": test / limit,
        "prequential_mse": summary["prequential_mse"],
        "process_seconds": round(summary["process_seconds"], 1),
    }


def main() -> None:
    """Run each in a process of its own, and write the rows after every one."""
    runs = [("original_b", "input", 0)]
    runs += [("windows_best", how, seed) for seed in _SEEDS for how in _CONDITIONING]
    rows = []
    with record.scratch() as scratch:
        for run in runs:
            rows.append(_row(*run, Path(scratch) / str(len(rows))))
            print(rows[-1], flush=True)
            record.write("windows", "python -m benchmarks.windows", rows)


if __name__ == "__main__":
    main()
