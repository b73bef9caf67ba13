"""Benchmark of the locker over seeds.

    python -m benchmarks.locker

Trains `configs/locker.py` with `train.seed` 0 to 9 and writes benchmarks/results/locker.json: the MSE over 64
random starts after the first second, the least possible there, and the MSE with the mixture set to 0.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import record

_SEEDS = range(10)


def main() -> None:
    """Run every seed in a process of its own."""
    rows = []
    with record.scratch() as scratch:
        for seed in _SEEDS:
            flags = ["--config", "configs/locker.py", f"--config.train.seed={seed}"]
            summary = record.train(flags, Path(scratch) / str(seed))
            probes = {row["probe"]: row for row in summary["probes"]["table"]}
            rows.append(
                {
                    "seed": seed,
                    "process_seconds": round(summary["process_seconds"], 1),
                    "updates": summary["updates"],
                    "distinct_rows": summary["distinct_rows"],
                    "test_mse_after_1s_per_frequency": summary["test"][
                        "mse_after_1s_per_frequency"
                    ],
                    "bayes_after_1s_per_frequency": summary["limit"][
                        "bayes_after_1s_per_frequency"
                    ],
                    "kalman_mse": summary["baselines"]["kalman"],
                    "deaf_mse_per_frequency": probes["mixture set to 0"]["mse_per_frequency"],
                    "verdict": summary["probes"]["verdict"],
                }
            )
            print(rows[-1], flush=True)
    record.write("locker", "python -m benchmarks.locker", rows)


if __name__ == "__main__":
    main()
