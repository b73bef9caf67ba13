"""Probes that distinguish a clock from a locker.

A network with the right output may be a clock, an oscillator that starts from a known state and does not
depend on the mixture, or a locker, which estimates the phase from the mixture. On the task's test rows
both have the same output. Each probe changes one condition that only one of them depends on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from freqjax import progress
from freqjax.system.processors import usable_cores
from freqjax.system.threads import on_this_device
from freqjax.tasks.batch import Batch
from freqjax.tasks.extraction.config import ExtractionConfig

# Errors that count as right and as failed, relative to that of the zero predictor: 0.02 and 0.2 for a unit
# sine.
_RIGHT = 0.04
_FAILED = 0.4
# A late stream begins this many seconds after time zero, unless that is nearly a whole period of a component.
_LATE_SECONDS = 0.25
# A late start must cost a clock this MSE in every component, of 2 at most.
_LATE_COST = 0.5
# Random starts in a probe: enough to distinguish 0.01 from 0.5.
STARTS = 8
# Probes that run beside each other.
_AT_ONCE = 2

# (blocks, reset) → outputs [B, T, 1] with frozen weights.
Run = Callable[[Batch, str], np.ndarray]
# (config, start in samples or None for the config's own) → blocks.
Draw = Callable[[ExtractionConfig, int | None], Batch]


def probe(config: ExtractionConfig, draw: Draw, run: Run) -> dict[str, Any]:
    """Run every probe and classify the network.

    Args:
      config: the task; its test seed is used.
      draw: synthesises blocks.
      run: the network.

    Returns:
      `verdict` (clock, locker, mixed or nothing), `words`, and `table`, one row a probe with `probe`,
      `mse` and `mse_per_frequency`. Every MSE excludes what is not judged
      (`ExtractionConfig.unjudged_samples`).
    """
    settle = config.unjudged_samples
    plain = draw(config, None)
    other = 0.5 if config.phase_scale == 0 else config.phase_scale / 2
    long = dataclasses.replace(config, duration=2 * config.duration)
    shifted = dataclasses.replace(config, phase_scale=other)
    # Blocks are made where they are used: each kind is a program to compile.
    cases: list[tuple[str, Callable[[], Batch], str]] = [
        ("as trained", lambda: plain, "block"),
        ("mixture set to 0", lambda: _with_mixture(plain, np.zeros_like), "block"),
        ("mixture shuffled in time", lambda: _with_mixture(plain, _shuffle), "block"),
        ("one state carried through all blocks", lambda: plain, "never"),
        ("twice as long", lambda: draw(long, None), "block"),
        (f"phase_scale {other:g}", lambda: draw(shifted, None), "block"),
    ]
    if config.start == "zero":
        start = late_start(config)
        usual = start == round(_LATE_SECONDS * config.sampling_rate)
        name = f"start {_LATE_SECONDS if usual else start / config.sampling_rate:.3g} s late"
        cases.insert(3, (name, lambda: draw(config, start), "block"))

    def errors_of(case: tuple[str, Callable[[], Batch], str]) -> list[float]:
        _, make, reset = case
        blocks = make()
        error = np.asarray(run(blocks, reset), np.float64) - blocks.targets
        per_block = np.square(error)[:, settle:, 0].mean(axis=1)
        groups = np.asarray(blocks.group)
        return [float(per_block[groups == g].mean()) for g in range(len(config.frequencies))]

    table = []
    # A network of few streams keeps one core busy, without Python's lock.
    with ThreadPoolExecutor(min(_AT_ONCE, usable_cores())) as threads:
        found = threads.map(on_this_device(errors_of), cases)
        for (name, _, _), means in zip(progress.each("probes", cases), found, strict=True):
            table.append({"probe": name, "mse": float(np.mean(means)), "mse_per_frequency": means})
    verdict, words = _judge({row["probe"]: row["mse"] for row in table})
    return {"verdict": verdict, "words": words, "table": table}


def late_start(config: ExtractionConfig) -> int:
    """Choose how many samples late a stream begins, such that a clock is wrong in every component.

    A unit sine that is d seconds late has an MSE of 1 − cos(2π f d), which vanishes where d is a whole
    number of periods. Within a period of the slowest component the start is chosen whose least MSE over the
    components is largest.
    """
    rate = config.sampling_rate

    def least_cost(samples: np.ndarray) -> np.ndarray:
        turns = np.outer(samples / rate, config.frequencies)
        return (1 - np.cos(2 * np.pi * turns)).min(axis=1)

    usual = round(_LATE_SECONDS * rate)
    if least_cost(np.array([usual]))[0] >= _LATE_COST:
        return usual
    period = max(1, round(rate / min(config.frequencies)))
    starts = np.arange(1, min(period, config.samples) + 1)
    return int(starts[least_cost(starts).argmax()])


def _with_mixture(blocks: Batch, change: Callable[[np.ndarray], np.ndarray]) -> Batch:
    changed = change(np.asarray(blocks.inputs["signal"])[..., 0])[..., None]
    return blocks._replace(inputs={**blocks.inputs, "signal": changed})


def _shuffle(mixture: np.ndarray) -> np.ndarray:
    """Permute the samples, in the same way for every block."""
    return mixture[:, np.random.default_rng(0).permutation(mixture.shape[1])]


def _judge(mse: dict[str, float]) -> tuple[str, str]:
    """Return the verdict and a sentence with its reasons."""
    zero = 0.5
    plain, silent = mse["as trained"], mse["mixture set to 0"]
    late = next((value for name, value in mse.items() if name.startswith("start ")), None)
    if not plain < _FAILED * zero:
        return "nothing", (
            f"Neither clock nor locker: as trained the MSE is {plain:.3g}; predicting zero gives {zero:g}."
        )
    if silent <= max(2 * plain, _RIGHT * zero) and (late is None or late > _FAILED * zero):
        return "clock", (
            f"A clock: without the mixture it is as good as with it (MSE {silent:.3g} against {plain:.3g})"
            + (
                f", and it fails on a stream that starts late ({late:.3g})."
                if late is not None
                else "."
            )
        )
    if silent > _FAILED * zero and (late is None or late <= max(2 * plain, _RIGHT * zero)):
        return "locker", (
            f"A locker: without the mixture it fails (MSE {silent:.3g} against {plain:.3g})"
            + (
                f", and a late start does not affect it ({late:.3g})."
                if late is not None
                else "; it finds the phase of streams with any start."
            )
        )
    return "mixed", (
        f"Between clock and locker: MSE {plain:.3g} as trained, {silent:.3g} without the mixture"
        + (f", {late:.3g} on a late start." if late is not None else ".")
    )
