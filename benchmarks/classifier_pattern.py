"""Benchmark of the sequence classifier where the best possible scores are known.

    python -m benchmarks.classifier_pattern

Runs configs/classifier_synthetic.py by whole commands at several prevalences p and distances d′ of the
classes, with three seeds each, of which each draws another pattern, and writes
benchmarks/results/classifier_pattern.json after each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import record

CONFIG = "classifier_synthetic"
QUIET = "--config.train.diagnose=false"
_SEEDS = (0, 1, 2)
# p and d′; the first are those of the config.
LAWS = ((0.2, 2.0), (0.1, 1.0), (0.1, 2.0), (0.3, 1.5))


def main() -> None:
    """Run every law with every seed."""
    rows = []
    for prevalence, separation in LAWS:
        for seed in _SEEDS:
            rows.append(_run(prevalence, separation, seed))
            print(rows[-1], flush=True)
            record.write("classifier_pattern", "python -m benchmarks.classifier_pattern", rows)


def _run(prevalence: float, separation: float, seed: int) -> dict[str, Any]:
    """Run a command and keep its scores beside those of the exact posterior."""
    flags = (
        QUIET,
        f"--config.task.pattern_prevalence={prevalence}",
        f"--config.task.pattern_separation={separation}",
        f"--config.task.train_seed={seed + 1}",
        f"--config.train.seed={seed}",
    )
    with record.scratch() as scratch:
        summary = record.train(["--config", f"configs/{CONFIG}.py", *flags], Path(scratch) / "run")
    kept = ("average_precision", "f1", "f1_tuned", "ece", "ece_before")
    return {
        "config": CONFIG,
        "prevalence": prevalence,
        "separation": separation,
        "seed": seed,
        "process_seconds": round(summary["process_seconds"], 1),
        "training_seconds": round(summary["wall_seconds"], 1),
        "windows": summary["windows"],
        "threshold": summary["threshold"],
        "test": {key: summary["test"][key] for key in kept},
        "baselines": {
            name: {key: values[key] for key in kept}
            for name, values in summary["baselines"].items()
        },
        **summary["possible"],
    }


if __name__ == "__main__":
    main()
