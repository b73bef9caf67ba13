"""Conversion of a run to a shipped checkpoint: weights without training state, and a card.

    python -m benchmarks.clock
    python -m benchmarks.ship runs/clock64 checkpoints/clock64
    python -m benchmarks.hum
    python -m benchmarks.ship runs/hum50 checkpoints/hum50
    python -m freqjax.main --config configs/poems.py --workdir runs/poems16
    python -m benchmarks.ship runs/poems16 checkpoints/poems16

The folder holds the best step's weights, the run's config.json, metrics.jsonl and summary.json, and CARD.md,
which is written from these.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from freqjax.checkpoints import store as checkpoints


class _Kind(NamedTuple):
    """Words about the checkpoints of a task.

    Attributes:
      config: that the run is made with.
      counted: what its parameters are besides weights.
      begins: what it begins with, a sentence of the run's summary.
      scores: lines of the run's config and summary.
    """

    config: str
    counted: str
    begins: str
    scores: Callable[[dict[str, Any], dict[str, Any]], list[str]]


def card(name: str, config: dict[str, Any], summary: dict[str, Any]) -> str:
    """Make CARD.md of the checkpoint `name`."""
    kind = _KINDS[config["task"]["name"]]
    seed = config["train"]["seed"]
    versions = ", ".join(f"{key} {value}" for key, value in summary["versions"].items())
    return "\n".join(
        [
            f"# {name}",
            "",
            f"The run of `configs/{kind.config}.py` with `train.seed` {seed}: "
            f"{summary['parameters']:,} parameters{kind.counted}, trained for "
            f"{summary['updates']} updates on {summary['distinct_rows']:,} distinct rows, stopped by "
            f"`{summary['stop_reason']}` on training data. {kind.begins.format(**summary)}",
            "",
            *kind.scores(config, summary),
            "",
            "Made by",
            "",
            f"    python -m freqjax.main --config configs/{kind.config}.py "
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


def _cosines(config: dict[str, Any], summary: dict[str, Any]) -> list[str]:
    """Return the cosines of a network of the task autoencoder beside those of the baselines."""
    samples, dimensions = summary["sequence"]
    probes, test = summary["probes"], summary["test"]
    others = summary["baselines"].items()
    return [
        f"{samples} vectors of {dimensions} numbers go through {summary['numbers']} numbers of "
        f"{summary['bits_per_number']} bits. Mean cosine on sequences of held-out chapters:",
        "",
        "| code | cosine | skill |",
        "|---|---|---|",
        f"| network | {test['cosine']:.4f} | {test['skill']:.3f} |",
        *(f"| {name} | {row['cosine']:.4f} | {row['skill']:.3f} |" for name, row in others),
        f"| network, every number moved by one level | {probes['moved']:.4f} | – |",
        f"| network, code zeroed | {probes['zeroed']:.4f} | – |",
        "",
        "The vectors are those that ship with freqjax (freqjax/tasks/autoencoder/poems/NOTICE.md); sequences "
        "of other vectors of as many numbers are coded too, and worse.",
    ]


_KINDS = {
    "extraction": _Kind(
        "gauss_newton",
        " (the learned initial state included)",
        "Initialised as `{initializer}`, which knows none of the frequencies.",
        _errors,
    ),
    "lines": _Kind(
        "hum",
        " (the learned initial state included)",
        "Initialised as `{initializer}`, which knows the band of the lines, and neither their strength nor "
        "their detuning.",
        _line_errors,
    ),
    "autoencoder": _Kind(
        "poems",
        "",
        "Its curve begins as a straight line along the first principal axis of training passages.",
        _cosines,
    ),
}


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
