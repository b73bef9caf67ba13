"""Conversion of a run to a shipped checkpoint: weights without training state, and a card.

    python -m benchmarks.clock
    python -m benchmarks.ship runs/clock64 checkpoints/clock64
    python -m benchmarks.hum
    python -m benchmarks.ship runs/hum50 checkpoints/hum50

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

# Config that a checkpoint's run is made with → what its initialiser knows.
_CONFIGS = {
    "extraction": ("gauss_newton", "none of the frequencies"),
    "lines": ("hum", "the band of the lines, and neither their strength nor their detuning"),
}


def card(name: str, config: dict[str, Any], summary: dict[str, Any]) -> str:
    """Make CARD.md of the checkpoint `name`."""
    task = config["task"]["name"]
    made_with, known = _CONFIGS[task]
    seed = config["train"]["seed"]
    versions = ", ".join(f"{key} {value}" for key, value in summary["versions"].items())
    return "\n".join(
        [
            f"# {name}",
            "",
            f"The run of `configs/{made_with}.py` with `train.seed` {seed}: "
            f"{summary['parameters']:,} parameters (the learned initial state included), trained for "
            f"{summary['updates']} updates on {summary['distinct_rows']:,} distinct rows, stopped by "
            f"`{summary['stop_reason']}` on training data. Initialised as `{summary['initializer']}`, "
            f"which knows {known}.",
            "",
            *(_errors(config, summary) if task == "extraction" else _line_errors(config, summary)),
            "",
            "Made by",
            "",
            f"    python -m freqjax.main --config configs/{made_with}.py "
            f"--config.train.seed={seed} --workdir runs/{name}",
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


def _errors(config: dict[str, Any], summary: dict[str, Any]) -> list[str]:
    """Return the errors and probes of a network of the task extraction."""
    test = summary["test"]["mse_per_frequency"]
    names = [f"{f:g} Hz" for f in summary["frequencies_hz"]]
    probes = [
        f"| {row['probe']} | " + " | ".join(f"{m:.3g}" for m in row["mse_per_frequency"]) + " |"
        for row in summary["probes"]["table"]
    ]
    return [
        f"Frozen-weight MSE on the rows of test seed {config['task']['test_seed']}; predicting zero "
        "gives 0.5:",
        "",
        "| frequency | MSE |",
        "|---|---|",
        *(f"| {name} | {mse:.3g} |" for name, mse in zip(names, test, strict=True)),
        "",
        summary["probes"]["words"],
        "",
        f"| probe | {' | '.join(names)} |",
        "|---|" + "---|" * len(test),
        *probes,
    ]


def _line_errors(config: dict[str, Any], summary: dict[str, Any]) -> list[str]:
    """Return the errors of a network of the task lines beside those of the baselines."""
    task, test = config["task"], summary["test"]
    low, high = task["snr_range"]
    rows = zip(summary["frequencies_hz"], test["relative_error_power_per_frequency"], strict=True)
    others = summary["baselines"].items()
    return [
        f"Error power relative to the line's, on test recordings of seed {task['test_seed']} at {low:g} to "
        f"{high:g} dB, after the first {task['burn_in']:g} s; predicting zero gives 1:",
        "",
        "| estimate | error |",
        "|---|---|",
        *(f"| network, {hz:g} Hz | {error:.3g} |" for hz, error in rows),
        *(f"| {name.replace('_', ' ')} | {error:.3g} |" for name, error in others),
        "",
        "The baselines know the law of the recordings; docs/which_method.md compares all of them in more "
        "conditions.",
    ]


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
