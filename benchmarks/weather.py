"""Benchmark of the task autoencoder on a measured series: four weeks of weather through 8 numbers of 8 bits.

    pip install -e '.[examples]'
    python -m benchmarks.weather [NAME ...]

Writes the sequences of `benchmarks.weather_data` as an .npz, trains each decoder of `CANDIDATES` on them by
a whole command, figures and diagnosis included, and writes benchmarks/results/weather.json: each one's scores
on validation and test years beside the codes without a network. The candidate that explains most of the
validation year is marked, and trained from other seeds besides; the test year chooses nothing. With names of
candidates, or "components" for the principal components, only their rows are measured again, of the first
seed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import freqjax
from benchmarks import record
from benchmarks.weather_data import DAYS, FILE, VARIABLES, YEARS, write_sequences
from freqjax.tasks.autoencoder.baselines import WindowPca, explained, mean_cosine, through
from freqjax.tasks.autoencoder.dataset import Dataset, load_dataset
from freqjax.tasks.autoencoder.judged import difference

NUMBERS, BITS = 8, 8
# Flags that all candidates share, but for the data.
COMMON = (
    "--config.task.name=autoencoder",
    "--config.task.loss=squared_error",
    f"--config.task.numbers={NUMBERS}",
    f"--config.task.bits={BITS}",
    "--config.train.regime=examples",
    "--config.train.batch=64",
    "--config.optimizer.schedule=cosine",
)
_CURVES = (
    "--config.task.encoder=nearest",
    "--config.task.decoder=curves",
    "--config.task.code_noise_first=0.5",
    "--config.task.annealing=600",
    "--config.optimizer.learning_rate=0.03",
    "--config.train.epochs=100",
    "--config.train.divergence_factor=none",
)
# What is trained, by name.
CANDIDATES: dict[str, tuple[str, ...]] = {
    "linear": (
        "--config.task.encoder=linear",
        "--config.task.decoder=linear",
        "--config.train.epochs=60",
    ),
    "parallel": (
        "--config.task.encoder=both",
        "--config.task.decoder=parallel",
        "--config.network.hidden_size=32",
        "--config.train.epochs=60",
    ),
    "recurrent": (
        "--config.task.encoder=both",
        "--config.task.decoder=recurrent",
        "--config.network.hidden_size=32",
        "--config.optimizer.learning_rate=0.003",
        "--config.train.epochs=60",
    ),
    "curves of 64 nodes": (
        *_CURVES,
        "--config.task.nodes=64",
        "--config.task.code_noise=0.05",
    ),
    "curves of 256 nodes": (
        *_CURVES,
        "--config.task.nodes=256",
        "--config.task.code_noise=0.02",
    ),
}
# Further training seeds of the candidate that was chosen; the others have the first alone.
_SEEDS = (1, 2)
# Numbers and bits of each, by which principal components can spend the bits of a code.
_SPENT = ((8, 8), (16, 4), (32, 2))
_SCORES = ("cosine", "skill", "explained")


def errors_of(outputs: np.ndarray, dataset: Dataset) -> list[float]:
    """Return the squared error of each test sequence, as a share of the deviation from the training mean."""
    test, mean = dataset.test, dataset.train.vectors.mean(axis=(0, 1))
    errors = np.mean((outputs - test.vectors) ** 2, axis=(1, 2))
    return (errors / np.mean((test.vectors - mean) ** 2)).tolist()


def beyond(found: list[float], others: list[float]) -> dict[str, Any]:
    """Return how much more is explained than by another code, with the standard error over sequences."""
    count = len(found)
    less = difference(np.array(others), np.array(found), np.ones(count, int), np.arange(count))
    return {"mean": less.mean, "error": less.error}


def measure(name: str, data: Path, folder: Path, seed: int = 0) -> dict[str, Any]:
    """Train a candidate, and return its row."""
    flags = (*COMMON, *CANDIDATES[name], f"--config.train.seed={seed}")
    summary = record.train([*flags, f"--config.task.data={data}"], folder)
    run = freqjax.load_autoencoder(folder)
    test = run.dataset.test
    outputs = run.decode(run.encode(test.vectors, test.mask))
    row = {
        "candidate": name,
        "seed": seed,
        "flags": list(CANDIDATES[name]),
        "process_seconds": round(summary["process_seconds"], 1),
        "parameters": summary["parameters"],
        "updates": summary["updates"],
        **{
            part: {k: summary[part][k] for k in _SCORES} for part in ("train", "validation", "test")
        },
        "beyond_linear": summary["beyond_linear"],
        "errors": errors_of(outputs, run.dataset),
        "probes": {k: summary["probes"][k] for k in ("zeroed", "swapped", "moved", "by_bits")},
        "baselines": summary["baselines"],
    }
    print(row, flush=True)
    return row


def components(data: Path) -> list[dict[str, Any]]:
    """Return what principal components explain that spend the bits on more numbers of fewer bits each."""
    found = load_dataset(str(data))
    train, rows = found.train, []
    mean = train.vectors.mean(axis=(0, 1))
    for numbers, bits in _SPENT:
        fitted = WindowPca.fit(train.vectors, train.mask, numbers)
        row: dict[str, Any] = {"part": "components", "numbers": numbers, "bits": bits}
        for part in ("validation", "test"):
            own = found.parts[part]
            outputs = through(fitted, train, own, bits)
            row[part] = {
                "cosine": mean_cosine(outputs, own.vectors, own.mask),
                "explained": explained(outputs, own.vectors, own.mask, mean),
            }
            if part == "test":
                row["errors"] = errors_of(outputs, found)
        rows.append(row)
    return rows


def main() -> None:
    """Train the candidates, mark the best on the validation year, and write the rows."""
    asked = sys.argv[1:]
    for name in asked:
        if name not in (*CANDIDATES, "components"):
            sys.exit(
                f"{name} is not there: it must be one of {', '.join(CANDIDATES)} or components."
            )
    try:
        with record.scratch() as scratch:
            rows = _rows(Path(scratch), asked)
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is not installed: pip install -e '.[examples]' brings the weather.")
    record.write("weather", "python -m benchmarks.weather", rows)


def _rows(scratch: Path, asked: list[str]) -> list[dict[str, Any]]:
    """Measure what was asked for, all if nothing was, and return it with what was measured before."""
    data = write_sequences(scratch / FILE.name)
    before = [row for row in record.read("weather") if asked and row["part"] == "run"]
    runs = {(row["candidate"], row["seed"]): row for row in before}
    for number, name in enumerate(CANDIDATES):
        if not asked or name in asked:
            runs[name, 0] = measure(name, data, scratch / str(number))
    first = [runs[name, 0] for name in CANDIDATES]
    best = max(first, key=lambda row: row["validation"]["explained"])["candidate"]
    for seed in _SEEDS:
        if (best, seed) not in runs:
            runs[best, seed] = measure(best, data, scratch / f"seed{seed}", seed)
    split = np.load(data)["split"]
    known = {
        "part": "data",
        "days": DAYS,
        "variables": list(VARIABLES),
        "years": {str(year): part for year, part in YEARS.items()},
        "sequences": {part: int(np.sum(split == part)) for part in ("train", "validation", "test")},
        "bits": NUMBERS * BITS,
    }
    others = components(data)
    spent = max(others, key=lambda row: row["validation"]["explained"])
    rows = []
    for row in (*first, *(runs[best, seed] for seed in _SEEDS)):
        added = {"part": "run", "chosen": row["candidate"] == best}
        if "errors" in row:  # rows of before have none
            added["beyond_components"] = beyond(row["errors"], others[0]["errors"])
            added["beyond_best_components"] = beyond(row["errors"], spent["errors"])
        rows.append(row | added)
    return [known, *rows, *others]


if __name__ == "__main__":
    main()
