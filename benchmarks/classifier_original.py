"""Benchmark of a published form of the classifier: how often it becomes a constant, and what prevents that.

    python -m benchmarks.classifier_original [STARTS] [SEEDS]

Runs configs/classifier_original.py for two epochs with five seeds, or those that are named, and writes
benchmarks/results/classifier_original.json after each run: scores, the deviation of the probabilities, and
the causes that the program names. No trial of the diagnosis is made. Other rows of the file are kept.

| start | the rate |
|---|---|
| none | 1e-3 from the first update on |
| warmed | rises over a tenth of the updates, and falls to nine tenths at the end, as it does without |
| cosine | rises over a fifth and falls to 0 |
| third | the same to a third of the rate: what the program advises where it finds a constant |

data/stairs.npz is of `freqjax data hapt`.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import record

_SEEDS = range(5)
_EPOCHS = 2
# Of the baselines only logistic regression matters here.
_COMMON = (
    f"--config.train.epochs={_EPOCHS}",
    "--config.train.diagnose=false",
    "--config.task.baseline_kernels=84",
)
_STARTS: dict[str, tuple[str, ...]] = {
    "none": (),
    "warmed": (
        "--config.optimizer.schedule=cosine",
        "--config.optimizer.warmup_fraction=0.1",
        "--config.optimizer.final_fraction=0.9",
    ),
    "cosine": ("--config.optimizer.schedule=cosine", "--config.optimizer.warmup_fraction=0.2"),
    "third": (
        "--config.optimizer.schedule=cosine",
        "--config.optimizer.warmup_fraction=0.2",
        "--config.optimizer.learning_rate=3.3e-4",
    ),
}


def main() -> None:
    """Train with each start and seed that is asked for."""
    starts = [name for name in _STARTS if name in sys.argv[1:]] or list(_STARTS)
    seeds = [int(word) for word in sys.argv[1:] if word.isdecimal()] or _SEEDS
    asked = [(start, seed) for seed in seeds for start in starts]
    rows = [
        row
        for row in record.read("classifier_original")
        if (row["start"], row["seed"]) not in asked
    ]
    for start, seed in asked:
        rows.append(_run(start, seed, _STARTS[start]))
        print(rows[-1], flush=True)
        rows.sort(key=lambda row: (row["seed"], list(_STARTS).index(row["start"])))
        record.write("classifier_original", "python -m benchmarks.classifier_original", rows)


def _run(start: str, seed: int, flags: tuple[str, ...]) -> dict[str, Any]:
    """Run a command, and examine what it kept."""
    with record.scratch() as scratch:
        folder = Path(scratch) / "run"
        named = ["--config", "configs/classifier_original.py", f"--config.train.seed={seed}"]
        summary = record.train([*named, *_COMMON, *flags], folder)
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        causes = _causes(folder)
    test, probes = summary["test"], summary["probes"]
    return {
        "start": start,
        "seed": seed,
        "process_seconds": round(summary["process_seconds"], 1),
        "parameters": summary["parameters"],
        "updates": summary["updates"],
        "training_loss": [json.loads(line)["loss"] for line in lines],
        "f1": test["f1"],
        "f1_tuned": test["f1_tuned"],
        "average_precision": test["average_precision"],
        "accuracy": test["accuracy"],
        "spread": probes["spread"],
        "told": probes["told"],
        "rate_difference": probes["rate_difference"],
        "rate_error": probes["rate_error"],
        "constant": {name: summary["baselines"]["constant"][name] for name in ("f1", "macro_f1")},
        "logistic": {
            name: summary["baselines"]["logistic"][name] for name in ("f1", "average_precision")
        },
        "causes": causes,
    }


def _causes(folder: Path) -> dict[str, str]:
    """Return the words of each cause that is found without a trial."""
    from freqjax import diagnosis
    from freqjax.diagnosis import saved_run

    saved = saved_run.read(folder, saved_run.run_config(folder), print)
    found = diagnosis.diagnose(dataclasses.replace(saved.run, effort=0.0))
    return {cause.cause: cause.words for cause in found.causes}


if __name__ == "__main__":
    main()
