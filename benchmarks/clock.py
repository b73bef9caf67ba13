"""Benchmark of the main job over seeds and tasks.

    python -m benchmarks.clock

Trains `configs/default.py` and `configs/gauss_newton.py` with `train.seed` 0 to 4, and two other tasks with
only the task changed, each in a process of its own; then runs the test rows of seeds 2, 3 and 4 through the
trained network one sample at a time, with the state reset at block starts and with one state carried through
all blocks. Writes benchmarks/results/clock.json, and keeps seed 0's run of gauss_newton in runs/clock64.
"""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

import freqjax
from benchmarks import record
from freqjax.tasks import make_task

MAIN_TASK = "1, 3, 5, 7 Hz at 1000 Hz"
CONFIGS = ("default", "gauss_newton")
_TASKS = {
    MAIN_TASK: (range(5), ()),
    "2, 4.5, 6, 9.3 Hz at 500 Hz": (
        range(2),
        ("--config.task.frequencies=2,4.5,6,9.3", "--config.task.sampling_rate=500"),
    ),
    "1, 2, 3, 5, 8 Hz at 1000 Hz, H = 80": (
        range(2),
        ("--config.task.frequencies=1,2,3,5,8", "--config.network.hidden_size=80"),
    ),
}
_TEST_SEEDS = (2, 3, 4)


def sample_by_sample(
    network: freqjax.Trained, test_seeds: Sequence[int]
) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """Feed the rows of S test seeds to `step` in order, and compute the MSE of every frequency, in float64.

    Returns:
      By test seed, the MSEs with the state reset at block starts; and those with one state carried through
      all blocks. Both ways are taken side by side, as 2 S streams.
    """
    task, blocks = network.config.task, []
    for seed in test_seeds:
        blocks.append(make_task(dataclasses.replace(task, test_seed=seed)).rows("test"))
    inputs, targets = (
        np.concatenate(2 * [np.stack([np.asarray(getattr(b, name)) for b in blocks])])
        for name in ("inputs", "targets")
    )  # [2 S, F, T, D] and [2 S, F, T, 1]
    streams, resets = len(inputs), slice(0, len(test_seeds))
    start = carry = network.init_carry(streams)
    found = np.empty(inputs.shape[:2])
    for block in range(inputs.shape[1]):
        carry = jax.tree.map(lambda now, first: now.at[resets].set(first[resets]), carry, start)
        outputs = np.empty(inputs.shape[::2])
        for t in range(inputs.shape[2]):
            carry, y = network.step(carry, inputs[:, block, t])
            outputs[:, t] = np.asarray(y)[:, 0]
        found[:, block] = np.mean(np.square(outputs - targets[:, block, :, 0]), axis=1)
    rows: Any = found.tolist()
    first, second = rows[resets], rows[len(test_seeds) :]
    return dict(zip(test_seeds, first, strict=True)), dict(zip(test_seeds, second, strict=True))


def measure(
    config: str, task: str, seed: int, flags: tuple[str, ...], folder: Path
) -> dict[str, Any]:
    """Train one seed of one task with a config that ships, and test it."""
    words = ["--config", f"configs/{config}.py", f"--config.train.seed={seed}", *flags]
    summary = record.train(words, folder)
    network = freqjax.load(folder)
    reset, carried = sample_by_sample(network, _TEST_SEEDS)
    row = {
        "config": config,
        "task": task,
        "seed": seed,
        "stop_reason": summary["stop_reason"],
        "process_seconds": round(summary["process_seconds"], 1),
        "updates": summary["updates"],
        "distinct_rows": summary["distinct_rows"],
        "parameters": summary["parameters"],
        "verdict": summary["probes"]["verdict"],
        "test_mse_per_frequency": reset,
        "test_mse_per_frequency_carried": carried,
        "worst_test_mse": max(map(max, reset.values())),
        "worst_test_mse_carried": max(map(max, carried.values())),
    }
    shown = ("config", "task", "seed", "process_seconds", "worst_test_mse")
    print({key: row[key] for key in shown}, flush=True)
    return row


def main() -> None:
    """Train and test every seed of every task with every config, and write the rows."""
    rows = []
    with record.scratch() as scratch:
        for config, (task, (seeds, flags)) in itertools.product(CONFIGS, _TASKS.items()):
            for seed in seeds:
                folder = Path(scratch) / f"run{len(rows)}"
                rows.append(measure(config, task, seed, flags, folder))
                if (config, task, seed) == ("gauss_newton", MAIN_TASK, 0):
                    shutil.rmtree("runs/clock64", ignore_errors=True)
                    shutil.copytree(folder, "runs/clock64")
    record.write("clock", "python -m benchmarks.clock", rows)


if __name__ == "__main__":
    main()
