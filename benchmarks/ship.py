"""Conversion of a run to a shipped checkpoint: weights without training state, and a card.

    python -m benchmarks.clock
    python -m benchmarks.ship runs/clock64 checkpoints/clock64

The folder holds the best step's weights, the run's config.json, metrics.jsonl and summary.json, and CARD.md,
which is written from these.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from freqjax.checkpoints import store as checkpoints


def card(name: str, config: dict[str, Any], summary: dict[str, Any]) -> str:
    """Make CARD.md of the checkpoint `name`."""
    test = summary["test"]["mse_per_frequency"]
    rows = [
        f"| {f:g} Hz | {mse:.3g} |" for f, mse in zip(summary["frequencies_hz"], test, strict=True)
    ]
    probes = [
        f"| {row['probe']} | " + " | ".join(f"{m:.3g}" for m in row["mse_per_frequency"]) + " |"
        for row in summary["probes"]["table"]
    ]
    heads = " | ".join(f"{f:g} Hz" for f in summary["frequencies_hz"])
    versions = ", ".join(f"{key} {value}" for key, value in summary["versions"].items())
    return "\n".join(
        [
            f"# {name}",
            "",
            f"The run of `configs/gauss_newton.py` with `train.seed` {config['train']['seed']}: "
            f"{summary['parameters']:,} parameters (the learned initial state included), trained for "
            f"{summary['updates']} updates on {summary['distinct_rows']:,} distinct rows, stopped by "
            f"`{summary['stop_reason']}` on training data. Initialised as `{summary['initializer']}`, "
            "which knows none of the frequencies.",
            "",
            f"Frozen-weight MSE on the rows of test seed {config['task']['test_seed']}; predicting zero "
            "gives 0.5:",
            "",
            "| frequency | MSE |",
            "|---|---|",
            *rows,
            "",
            summary["probes"]["words"],
            "",
            f"| probe | {heads} |",
            "|---|" + "---|" * len(test),
            *probes,
            "",
            "Made by",
            "",
            "    python -m freqjax.main --config configs/gauss_newton.py "
            f"--config.train.seed={config['train']['seed']} --workdir runs/{name}",
            f"    python -m benchmarks.ship runs/{name} checkpoints/{name}",
            "",
            "and evaluated again by",
            "",
            f"    python -m freqjax.main --mode evaluate --checkpoint checkpoints/{name}",
            "",
            f"{versions}; {summary['device']}.",
            "",
        ]
    )


def main() -> None:
    """Convert the run in the first argument to the folder in the second."""
    source, destination = map(Path, sys.argv[1:])
    shutil.rmtree(destination, ignore_errors=True)
    checkpoints.export_params_only(source, destination, warn=print)
    for name in ("config.json", "metrics.jsonl", "summary.json"):
        shutil.copy(source / name, destination / name)
    config = json.loads((source / "config.json").read_text())
    summary = json.loads((source / "summary.json").read_text())
    (destination / "CARD.md").write_text(card(destination.name, config, summary))


if __name__ == "__main__":
    main()
