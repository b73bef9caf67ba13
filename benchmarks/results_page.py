"""Generator of docs/results.md from the committed results."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import record
from benchmarks.markdown import bullet, paragraph, table, words

_SHOWN = ("clock", "variants", "locker", "originals", "limits", "windows", "smoke", "signals")


def page() -> str:
    """Make docs/results.md."""
    opening = [
        "# Results",
        "",
        *paragraph(
            "Written by `python -m benchmarks.document` from `benchmarks/results/*.json`. All errors are "
            "mean squared errors with frozen weights on test rows, except prequential ones, which are "
            "measured on each row just before the update that learns from it. Predicting zero gives 0.50."
        ),
        *paragraph(
            "Each part was measured with a version of freqjax, which may be older than this one: "
            + ", ".join(f"{name} {record.version(name)}" for name in _SHOWN)
            + "."
        ),
    ]
    sections = (
        _seeds_and_tasks(),
        _variants(),
        _locker(),
        _originals(),
        _blamed(),
        _limits(),
        _windows(),
        _speed(),
        _signals(),
    )
    return "\n".join([*opening, *(line for section in sections for line in section)])


def _seeds_and_tasks() -> list[str]:
    return [
        "## Seeds and tasks",
        "",
        *paragraph(
            "`python -m benchmarks.clock`: two configs, with only the seed, the task and, for "
            "five frequencies, the hidden size changed. "
            "Each network is tested one sample at a time on three test seeds."
        ),
        *table(
            (
                "config",
                "task",
                "seed",
                "stopped by",
                "updates",
                "seconds",
                "worst MSE",
                "worst, state carried",
            ),
            (
                (
                    f"`{row['config']}`",
                    row["task"],
                    row["seed"],
                    row["stop_reason"],
                    f"{row['updates']:,}",
                    f"{row['process_seconds']:.0f}",
                    f"{row['worst_test_mse']:.2g}",
                    f"{row['worst_test_mse_carried']:.2g}",
                )
                for row in record.read("clock")
            ),
        ),
        "",
    ]


def _variants() -> list[str]:
    return [
        "## Variants",
        "",
        *paragraph(
            "`python -m benchmarks.variants`: `configs/gauss_newton.py` with the overrides listed there."
        ),
        *table(
            ("variant", "seed", "stopped by", "updates", "seconds", "MSE per frequency", "verdict"),
            (
                (
                    row["variant"],
                    row["seed"],
                    row["stop_reason"],
                    row["updates"],
                    f"{row['process_seconds']:.0f}",
                    ", ".join(_number(m) for m in row["test_mse_per_frequency"]),
                    row["verdict"],
                )
                for row in record.read("variants")
            ),
        ),
        "",
    ]


def _locker() -> list[str]:
    rows = record.read("locker")
    limit = float(np.mean(rows[0]["bayes_after_1s_per_frequency"]))
    return [
        "## The locker",
        "",
        *paragraph(
            "`python -m benchmarks.locker`: `configs/locker.py`, 64 random starts; the first second is "
            f"excluded. The least possible MSE there is {_number(limit)} in the mean of the frequencies; a "
            f"Kalman filter of the sines has {_number(rows[0]['kalman_mse'])}."
        ),
        *table(
            (
                "seed",
                "seconds",
                "MSE per frequency",
                "times the limit",
                "with the mixture set to 0",
                "verdict",
            ),
            (
                (
                    row["seed"],
                    f"{row['process_seconds']:.0f}",
                    ", ".join(map(_number, row["test_mse_after_1s_per_frequency"])),
                    f"{np.mean(row['test_mse_after_1s_per_frequency']) / limit:.0f}",
                    ", ".join(map(_number, row["deaf_mse_per_frequency"])),
                    row["verdict"],
                )
                for row in rows
            ),
        ),
        "",
    ]


def _originals() -> list[str]:
    return [
        "## The originals",
        "",
        *paragraph("`python -m benchmarks.originals`. The originals report the prequential loss."),
        *table(
            ("config", "prequential, first epoch", "lowest", "last", "frozen test", "s an epoch"),
            (
                (
                    row["config"],
                    f"{row['prequential_mse'][0]:.3f}",
                    f"{min(row['prequential_mse']):.3f}",
                    f"{row['prequential_mse'][-1]:.3f}",
                    f"{row['frozen_test_mse']:.3f}",
                    f"{row['seconds_per_epoch']:.2f}",
                )
                for row in record.read("originals")
            ),
        ),
        "",
    ]


def _blamed() -> list[str]:
    """Make the lists of the causes that the diagnosis found in the originals, and of those it refuted."""
    lines = paragraph(
        "The causes that the diagnosis found, by rank, and then those that the originals' write-ups named "
        "and the diagnosis refuted:"
    )
    for row in record.read("originals"):
        lines += [f"**{row['config']}**", ""]
        for cause, said in row["causes"].items():
            lines += bullet(f"{words(cause)}: {said}")
        for cause, said in row["refuted"].items():
            lines += bullet(f"not {cause}: {said}")
        lines.append("")
    return lines


def _limits() -> list[str]:
    rows = record.read("limits")
    seen = sorted({row["samples_seen"] for row in rows})
    scales = sorted({row["phase_scale"] for row in rows}, reverse=True)
    found = {
        (row["phase_scale"], row["samples_seen"]): row for row in rows if row["start"] == "random"
    }
    seconds = f"{rows[0]['cold_seconds']:.0f} s; {rows[0]['warm_seconds']:.0f} s from the cache"
    return [
        "## Limits",
        "",
        *paragraph(
            f"`python -m benchmarks.limits` ({seconds}): the least MSE, mean over 1, 3, 5 and 7 Hz, of any "
            "estimator of the latest of n samples, if a stream starts anywhere; in brackets the 95 % "
            "interval of the simulation, if there is one. If the start is known, the limit is 0."
        ),
        *table(
            ("phase_scale", *(f"n = {n}" for n in seen)),
            ((f"{scale:g}", *(_interval(found[scale, n]) for n in seen)) for scale in scales),
        ),
        "",
        *paragraph("The MSE of the best linear estimator on the same streams:"),
        *table(
            ("phase_scale", *(f"n = {n}" for n in seen)),
            ((f"{s:g}", *(_number(found[s, n]["linear_mmse"]) for n in seen)) for s in scales),
        ),
        "",
    ]


def _interval(row: dict[str, Any]) -> str:
    if row["low"] == row["high"]:
        return _number(row["bayes_mse"])
    return f"{_number(row['bayes_mse'])} ({_number(row['low'])} to {_number(row['high'])})"


def _windows() -> list[str]:
    rows = record.read("windows")
    best = [row for row in rows if row["config"] == "windows_best"]
    ratios = {
        how: [row["ratio"] for row in best if row["conditioning"] == how]
        for how in sorted({row["conditioning"] for row in best})
    }
    return [
        "## Windows",
        "",
        *paragraph(
            "`python -m benchmarks.windows`: windows of 50 samples at any place of a block, at phase_scale "
            "0.1. The limit is that of the samples in the windows, and includes the first samples of a "
            "block; the selector is an input beside the sample (input), or scales and shifts the features "
            "(film)."
        ),
        *table(
            ("config", "selector", "seed", "weights", "updates", "test MSE", "limit", "ratio", "s"),
            (
                (
                    f"`{row['config']}`",
                    row["conditioning"],
                    row["seed"],
                    f"{row['parameters']:,}",
                    row["updates"],
                    f"{row['test_mse']:.4f}",
                    f"{row['bayes_mse']:.4f}",
                    f"{row['ratio']:.2f}",
                    f"{row['process_seconds']:.0f}",
                )
                for row in rows
            ),
        ),
        "",
        *(
            line
            for how, found in ratios.items()
            for line in bullet(
                f"With {how}: {min(found):.2f} to {max(found):.2f} times the limit over {len(found)} seeds, "
                f"{sum(found) / len(found):.2f} on average."
            )
        ),
        "",
    ]


def _speed() -> list[str]:
    return [
        "## Speed of the online loop",
        "",
        *paragraph("`python -m benchmarks.smoke`: both engines, alternately in one process."),
        *table(
            ("engine", "µs a step (median)", "minimum", "maximum"),
            (
                (row["engine"], row["median_us"], row["min_us"], row["max_us"])
                for row in record.read("smoke")
            ),
        ),
        "",
    ]


def _signals() -> list[str]:
    return [
        "## Live streams and recordings",
        "",
        *paragraph(
            "`python -m benchmarks.signals`: the shipped checkpoint (hidden 64), each row a process on one "
            "core, with its start-up. A stream is piped in and out; the recording is an hour at 48 kHz, 24 "
            "bits, resampled to the network's 1 kHz and back."
        ),
        *table(
            ("input", "samples", "seconds", "samples a second", "peak memory, MB"),
            (
                (
                    row["what"],
                    f"{row['samples']:,}",
                    f"{row['seconds']:.1f}",
                    f"{row['samples'] / row['seconds']:,.0f}",
                    f"{row['memory_mb']:.0f}",
                )
                for row in record.read("signals")
            ),
        ),
        "",
    ]


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.2g}"
