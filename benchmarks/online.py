"""Benchmark of strict online learning: how many seeds learn, and what each part is needed for.

    python -m benchmarks.online [--seeds 20] [--only NAME …]

Each row is one run of `configs/default.py`, `online_stream.py` or `online_lru.py` with overrides, at one
training seed. Its weights are chosen by their shadow loss alone; test rows of three seeds only report.
Training is timed without figures; the first run of a shape includes its compilation. Writes
benchmarks/results/online.json, where the rows of jobs that are not named stay.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import record
from freqjax import load_config
from freqjax.config.overrides import apply
from freqjax.training.prepared import Prepared
from freqjax.training.regimes import make_trainer
from freqjax.training.stopping import Stopping

_TEST_SEEDS = (2, 3, 4)
_SOLVED = 0.01
_GROWING, _STREAM = "configs/default.py", "configs/online_stream.py"
_LRU_STREAM = "configs/online_lru.py"


class Job(NamedTuple):
    """Runs of one table row.

    Attributes:
      config: the shipped config.
      overrides: fields that differ, as on the command line.
      share: share of the seeds that are run.
    """

    config: str
    overrides: tuple[str, ...] = ()
    share: float = 1.0


_OTHER_TASK = ("task.frequencies=2,4.5,6,9.3", "task.sampling_rate=500")
_FIVE = ("task.frequencies=1,2,3,5,7", "network.hidden_size=80")
_QUICK = (
    "task.frequencies=2,5",
    "task.sampling_rate=100",
    "task.duration=2",
    "network.hidden_size=16",
)
_CARRIED = ("task.reset=epoch",)
_LRU = ("network.cell=lru", "network.recurrence=dense", "optimizer.relative_prior=0.05")

JOBS: dict[str, Job] = {
    "growing streams": Job(_GROWING),
    "the stream, state reset at each block": Job(_STREAM),
    "the stream, one state carried": Job(_STREAM, _CARRIED),
    "the stream, one state carried, never reset": Job(_STREAM, ("task.reset=never",), share=0.5),
    "blocks of 9,870 rows": Job(_STREAM, ("task.duration=9.87",), share=0.5),
    "blocks of 9,870 rows, eight epochs": Job(
        _STREAM, ("task.duration=9.87", "train.epochs=8"), share=0.5
    ),
    "2, 4.5, 6, 9.3 Hz at 500 Hz, growing": Job(_GROWING, _OTHER_TASK, share=0.5),
    "2, 4.5, 6, 9.3 Hz at 500 Hz, the stream": Job(_STREAM, _OTHER_TASK, share=0.5),
    "five frequencies, growing": Job(_GROWING, _FIVE, share=0.5),
    "five frequencies, the stream": Job(_STREAM, _FIVE, share=0.5),
    "2, 5 Hz at 100 Hz, growing": Job(_GROWING, _QUICK, share=0.5),
    "a linear recurrent unit, growing": Job(_GROWING, _LRU),
    "a linear recurrent unit, the stream": Job(_LRU_STREAM),
    "a linear recurrent unit, one state carried": Job(_LRU_STREAM, _CARRIED),
    "a linear recurrent unit, 2, 4.5, 6, 9.3 Hz at 500 Hz, the stream": Job(
        _LRU_STREAM, _OTHER_TASK, share=0.5
    ),
    "a linear recurrent unit, without the state correction": Job(
        _LRU_STREAM, ("train.state_correction=false",), share=0.25
    ),
    "a covariance of each pair alone": Job(_STREAM, ("optimizer.groups=part",), share=0.25),
    "without the state correction": Job(_STREAM, ("train.state_correction=false",), share=0.25),
    "gradient cut at one sample": Job(_STREAM, ("train.gradient=truncated",), share=0.25),
    "gradient through each unit alone (SnAp-1)": Job(
        _STREAM, ("train.gradient=snap1",), share=0.25
    ),
    "the exact gradient with Adam, no filter": Job(_STREAM, ("optimizer.name=adam",), share=0.15),
    "the usual recipe: cut at one sample, with Adam": Job(
        _STREAM,
        (
            "optimizer.name=adam",
            "train.gradient=truncated",
            "train.state_correction=false",
            "network.recurrence=dense",
            "network.initializer=pytorch",
        ),
        share=0.15,
    ),
    "prior not relative to the speed": Job(_STREAM, ("optimizer.relative_prior=1000",), share=0.25),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all jobs, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=list(JOBS), choices=list(JOBS))
    asked = parser.parse_args(arguments)
    # Rows of jobs that are not run again stay.
    found = {name: [r for r in record.read("online") if r["job"] == name] for name in JOBS}
    for name in asked.only:
        seeds = range(max(1, round(JOBS[name].share * asked.seeds)))
        found[name] = [{"job": name, **_run(JOBS[name], seed)} for seed in seeds]
        print(name, _told(found[name]), flush=True)
    record.write(
        "online", "python -m benchmarks.online", [r for rows in found.values() for r in rows]
    )


def _run(job: Job, seed: int) -> dict[str, Any]:
    """Train once, and return the row of the results."""
    config = load_config(job.config)
    config = apply(config, [(o.partition("=")[0], o.partition("=")[2]) for o in job.overrides])
    config.train.seed = seed
    prepared = Prepared(config)
    rows, forward = prepared.train_rows, prepared.forward
    trainer = make_trainer(prepared.network, prepared.task, config, rows, forward)
    stopping, reason = Stopping(), None
    began, epochs = time.perf_counter(), []
    while reason is None:
        result = trainer.advance()
        if result is None:
            continue
        frozen = prepared.losses_after(result, trainer.params)
        mean, worst = (None, None) if frozen is None else (frozen.mean, frozen.worst)
        reason = stopping.observe(config.train, trainer.epoch, result.loss, mean, worst)
        epochs.append({"samples": trainer.step, "prequential": result.loss, "shadow": worst})
    seconds = time.perf_counter() - began
    tests = {
        seed: _frozen(prepared, trainer.params, seed, config.task.reset) for seed in _TEST_SEEDS
    }
    return {
        "config": job.config,
        "overrides": list(job.overrides),
        "seed": seed,
        "reset": config.task.reset,
        "samples": trainer.step,
        "epochs": epochs,
        "seconds": round(seconds, 2),
        "stop_reason": reason,
        "test_mse_per_frequency": tests,
        "carried_mse_per_frequency": _frozen(prepared, trainer.params, 2, "epoch"),
        "solved": bool(max(max(found) for found in tests.values()) < _SOLVED),
    }


def _frozen(prepared: Prepared, params: Any, seed: int, reset: str) -> list[float]:
    """Return the frozen loss of every frequency on the test rows of a seed."""
    task = dataclasses.replace(prepared.config.task, test_seed=seed, reset=reset)
    other = Prepared(dataclasses.replace(prepared.config, task=task))
    other.forward = prepared.forward  # compiled already
    return other.frozen_losses(params, "test").per_group


def _told(rows: list[dict[str, Any]]) -> str:
    """Return a job's rows in a line."""
    solved = sum(row["solved"] for row in rows)
    samples = sorted(row["samples"] for row in rows)[len(rows) // 2]
    seconds = sorted(row["seconds"] for row in rows)[len(rows) // 2]
    worst = sorted(max(max(v) for v in row["test_mse_per_frequency"].values()) for row in rows)
    middle = worst[len(rows) // 2]
    return (
        f"{solved} of {len(rows)}; worst {worst[-1]:.2g}, median {middle:.2g}; {samples:,} samples, "
        f"{seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
