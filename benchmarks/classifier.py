"""Benchmark of the sequence classifier: exercises, activities and transitions to come.

    python -m benchmarks.classifier [watch alone activities intent]

Runs configs/watch.py, configs/activities.py (alone: without the recording around) and configs/intent.py by
whole commands with three seeds and writes benchmarks/results/classifier.json after each. The last three read
data/*.npz, which `freqjax data hapt` makes.

The exercises are in five folds over persons. The numbers of epochs of `_EPOCHS` are tried first, and the one
with the highest mean accuracy on validation persons is kept; then the network and its baselines are trained
again on training and validation persons, and judged on the fold's own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record

_SEEDS = (0, 1, 2)
_FOLDS = range(5)
_EPOCHS = (12, 24)
_QUIET = "--config.train.diagnose=false"
# Name → config and further flags.
_SETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "alone": (
        "activities",
        ("--config.task.context=none", "--config.task.noise=fixed", "--config.train.batch=64"),
    ),
    "activities": ("activities", ()),
    "intent": ("intent", ()),
}
_KEPT = ("train", "validation", "test")


def main() -> None:
    """Run the sets that are named, and keep the rows of the others."""
    asked = sys.argv[1:] or ["watch", *_SETS]
    rows = [row for row in record.read("classifier") if row["set"] not in asked]
    for name in asked:
        for row in _watch() if name == "watch" else _hapt(name):
            rows.append(row)
            print({key: row[key] for key in ("set", "seed", "fold", "test")}, flush=True)
            record.write("classifier", "python -m benchmarks.classifier", rows)


def _hapt(name: str) -> Iterator[dict[str, Any]]:
    """Train with each seed."""
    config, flags = _SETS[name]
    for seed in _SEEDS:
        yield _run(
            name, config, {"seed": seed, "fold": None}, (*flags, f"--config.train.seed={seed}")
        )


def _watch() -> Iterator[dict[str, Any]]:
    """Choose the number of epochs by validation persons, then train on them as well, with each seed."""
    tried = []
    for epochs in _EPOCHS:
        for fold in _FOLDS:
            labels = {"seed": 0, "fold": fold, "epochs": epochs, "part": "choice"}
            flags = (f"--config.task.fold={fold}", f"--config.train.epochs={epochs}")
            row = _run("watch", "watch", labels, (*flags, "--config.train.evaluate_every=0"))
            tried.append(row)
            yield row
    means = {
        epochs: np.mean([r["validation"]["accuracy"] for r in tried if r["epochs"] == epochs])
        for epochs in _EPOCHS
    }
    epochs = max(means, key=lambda count: means[count])
    for seed in _SEEDS:
        for fold in _FOLDS:
            labels = {"seed": seed, "fold": fold, "epochs": epochs, "part": "test"}
            flags = (
                f"--config.task.fold={fold}",
                f"--config.train.epochs={epochs}",
                f"--config.train.seed={seed}",
                "--config.task.refit=true",
                "--config.train.evaluate_every=0",
            )
            yield _run("watch", "watch", labels, flags)


def _run(name: str, config: str, labels: dict[str, Any], flags: tuple[str, ...]) -> dict[str, Any]:
    """Run a command and keep its scores."""
    with record.scratch() as scratch:
        folder = Path(scratch) / "run"
        summary = record.train(["--config", f"configs/{config}.py", _QUIET, *flags], folder)
    kept = {split: _scores(summary[split]) for split in _KEPT if split in summary}
    return {
        "set": name,
        "config": config,
        **labels,
        "process_seconds": round(summary["process_seconds"], 1),
        "training_seconds": round(summary["wall_seconds"], 1),
        "parameters": summary["parameters"],
        "windows": summary["windows"],
        "groups": summary["groups"],
        "context": summary["context"],
        "threshold": summary["threshold"],
        "temperature": summary["temperature"],
        **kept,
        "baselines": summary["baselines"],
        "beyond": summary["beyond"],
    }


def _scores(values: dict[str, Any]) -> dict[str, Any]:
    """Return the scores of a split without the losses of each group."""
    return {key: value for key, value in values.items() if not key.endswith("_per_group")} | {
        "accuracy_per_group": values.get("accuracy_per_group")
    }


if __name__ == "__main__":
    main()
