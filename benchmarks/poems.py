"""Benchmark of the sequence autoencoder on the poems that ship.

    python -m benchmarks.poems [CONFIG ...]

Trains configs/poems.py and its kin by whole commands, figures and diagnosis included, and writes
benchmarks/results/poems.json: cosine and skill on held-out chapters beside the codes without a network at
equal numbers and bits, the difference to the trained linear code, what the outputs owe to the code, and the
causes that the diagnosis names. With names of configs only their rows are measured again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import record

CONFIGS = (
    "poems",
    "poems_short",
    "poems_token",
    "poems_codes",
    "poems_transformer",
    "poems_original",
    "poems_original_attention",
)
# Entries of the section on cosine and skill, and of the probes.
_PROBES = (
    "cosine",
    "zeroed",
    "swapped",
    "moved",
    "states_swapped",
    "by_bits",
    "forced",
    "geometry",
)


def main() -> None:
    """Train each config in a process of its own."""
    asked = sys.argv[1:] or list(CONFIGS)
    rows = {row["config"]: row for row in record.read("poems")}
    for config in asked:
        with record.scratch() as scratch:
            folder = Path(scratch) / config
            summary = record.train(["--config", f"configs/{config}.py"], folder)
            rows[config] = _row(config, summary, folder)
        print(rows[config], flush=True)
    ordered = [rows[config] for config in CONFIGS if config in rows]
    record.write("poems", "python -m benchmarks.poems", ordered)


def _row(config: str, summary: dict[str, Any], folder: Path) -> dict[str, Any]:
    causes = json.loads((folder / "diagnosis.json").read_text())
    return {
        "config": config,
        "process_seconds": round(summary["process_seconds"], 1),
        "training_seconds": round(summary["wall_seconds"], 1),
        "updates": summary["updates"],
        "parameters": summary["parameters"],
        "sequence": summary["sequence"],
        "numbers": summary["numbers"],
        "bits": summary["bits_per_sequence"],
        "cosine": summary["test"]["cosine"],
        "skill": summary["test"]["skill"],
        "validation_cosine": summary["validation"]["cosine"],
        "train_cosine": summary["train"]["cosine"],
        "baselines": summary["baselines"],
        "beyond_linear": summary["beyond_linear"],
        "probes": {name: summary["probes"][name] for name in _PROBES},
        "causes": [cause["cause"] for cause in causes],
    }


if __name__ == "__main__":
    main()
