"""Benchmark of the sequence classifier: exercises, activities and transitions to come.

    python -m benchmarks.classifier [epochs watch alone activities intent intent_five]

Runs configs/watch.py, configs/activities.py (alone: without the recording around) and configs/intent.py
(also as the mean of five networks) by whole commands with three seeds and writes
benchmarks/results/classifier.json after each. All but the first read data/*.npz, which `freqjax data hapt`
makes.

The exercises are in five folds over persons. `epochs` trains for each number of `_EPOCHS` and judges on
validation persons alone: the config has the number of the highest mean accuracy. `watch` then trains network
and baselines on training and validation persons, and judges on the fold's own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import record

_SEEDS = (0, 1, 2)
_FOLDS = range(5)
_EPOCHS = (12, 30)
QUIET = "--config.train.diagnose=false"
# Of `watch`: validation persons are trained on as well, and no epoch is judged.
REFIT = ("--config.task.refit=true", "--config.train.evaluate_every=0")
# Name → config and further flags.
_SETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "alone": (
        "activities",
        ("--config.task.context=none", "--config.task.noise=fixed", "--config.train.batch=64"),
    ),
    "activities": ("activities", ()),
    "intent": ("intent", ()),
    "intent_five": ("intent", ("--config.task.members=5",)),
}
_KEPT = ("train", "validation", "test")


def main() -> None:
    """Run the sets that are named, and keep the rows of the others."""
    asked = sys.argv[1:] or ["epochs", "watch", *_SETS]
    rows = [row for row in record.read("classifier") if row["set"] not in asked]
    for name in asked:
        for row in _FOLDED[name]() if name in _FOLDED else _hapt(name):
            rows.append(row)
            print({key: row[key] for key in row if key not in ("baselines", "beyond")}, flush=True)
            record.write("classifier", "python -m benchmarks.classifier", rows)


def _hapt(name: str) -> Iterator[dict[str, Any]]:
    """Train with each seed."""
    config, flags = _SETS[name]
    for seed in _SEEDS:
        yield _run(
            name, config, {"seed": seed, "fold": None}, (*flags, f"--config.train.seed={seed}")
        )


def _epochs() -> Iterator[dict[str, Any]]:
    """Train on six persons for each number of epochs, and keep the scores of the validation persons."""
    for epochs in _EPOCHS:
        for fold in _FOLDS:
            flags = (
                f"--config.task.fold={fold}",
                f"--config.train.epochs={epochs}",
                "--config.train.evaluate_every=0",
                "--config.task.baseline_kernels=84",
            )
            row = _run("epochs", "watch", {"seed": 0, "fold": fold, "epochs": epochs}, flags)
            # Test rows are not looked at where something is chosen, nor what so few kernels reach.
            kept = ("set", "config", "seed", "fold", "epochs", "training_seconds", "validation")
            yield {key: row[key] for key in kept}


def _watch() -> Iterator[dict[str, Any]]:
    """Train on eight persons, each fold with each seed."""
    for seed in _SEEDS:
        for fold in _FOLDS:
            flags = (
                f"--config.task.fold={fold}",
                f"--config.train.seed={seed}",
                *REFIT,
            )
            yield _run("watch", "watch", {"seed": seed, "fold": fold}, flags)


_FOLDED = {"epochs": _epochs, "watch": _watch}


def _run(name: str, config: str, labels: dict[str, Any], flags: tuple[str, ...]) -> dict[str, Any]:
    """Run a command and keep its scores."""
    with record.scratch() as scratch:
        folder = Path(scratch) / "run"
        summary = record.train(["--config", f"configs/{config}.py", QUIET, *flags], folder)
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
