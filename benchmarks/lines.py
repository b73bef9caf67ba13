"""Comparison of causal methods on a 50 Hz line in noise, whose true course is known.

    python -m benchmarks.lines --tune
    python -m benchmarks.lines [--checkpoint checkpoints/hum50 | --without-network | --network-alone]

Recordings of 30 s at 8 kHz (`benchmarks/line_rows.py`): every combination of SNR, detuning, drift, harmonics
and noise, and one with bursts and dropouts as well. Signal and line are decimated to 1 kHz once, and all
methods are compared there by Σ(y − x)² / Σx² after the first 2 s; no gain is fitted. All are causal, are told
the harmonics and a detuning of at most 2 %, and are not told the SNR, the noise or the drift. Some
conditions are repeated at 8 kHz.

`--tune` chooses the parameters of each method on other seeds, once for all conditions and for each condition
alone, and writes benchmarks/results/lines_tuning.json, which the comparison reads. The comparison writes
benchmarks/results/lines.json and lines.png.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import line_figure, line_methods, line_rows, record
from benchmarks.line_methods import Parameters
from benchmarks.line_rows import Condition

SEEDS, TUNING_SEEDS = (0, 1, 2, 3), (100, 101)
# The comparison at 8 kHz takes eight times as long a recording: these conditions and seeds alone.
_FULL_RATE_SEEDS = (0, 1)
_CHECKPOINT = Path("checkpoints/hum50")
# Streams that a network reads at once.
_STREAMS = 128


class Rows(NamedTuple):
    """Recordings with the same harmonics; N of them, one a condition and seed.

    Attributes:
      harmonics: orders, 1 first.
      rate: Hz.
      places: index of the condition and of the seed of each.
      signals: [N, T].
      lines: [N, T].
    """

    harmonics: tuple[int, ...]
    rate: int
    places: list[tuple[int, int]]
    signals: np.ndarray
    lines: np.ndarray

    def part(self, conditions: set[int]) -> Rows:
        """Return the recordings of some conditions."""
        kept = [k for k, (condition, _) in enumerate(self.places) if condition in conditions]
        places = [self.places[k] for k in kept]
        return self._replace(places=places, signals=self.signals[kept], lines=self.lines[kept])


def draw(conditions: Sequence[Condition], seeds: Sequence[int], rate: int) -> list[Rows]:
    """Draw all recordings, decimated if the rate is the low one."""
    found = []
    for harmonics in dict.fromkeys(condition.harmonics for condition in conditions):
        places = [
            (number, seed)
            for number, condition in enumerate(conditions)
            for seed in range(len(seeds))
            if condition.harmonics == harmonics
        ]
        pairs = np.empty((2, len(places), line_rows.SECONDS * rate))
        for k, (number, seed) in enumerate(places):
            recording = np.stack(line_rows.draw(conditions[number], seeds[seed]))
            pairs[:, k] = line_rows.decimate(recording) if rate == line_rows.LOW_RATE else recording
        found.append(Rows(harmonics, rate, places, *pairs))
    return found


def measure(
    rows: Sequence[Rows], shape: tuple[int, int], method: str, parameters: Mapping[str, Any]
) -> np.ndarray:
    """Return the relative errors [conditions, seeds] of a method; NaN where there is no recording."""
    errors = np.full(shape, np.nan)
    for part in rows:
        if not part.places:
            continue
        found = line_methods.estimates(
            method, parameters, part.signals, part.harmonics, float(part.rate)
        )
        errors[tuple(np.transpose(part.places))] = line_rows.error(found, part.lines, part.rate)
    return errors


def tune() -> None:
    """Choose the parameters of every method on the seeds for it."""
    conditions = line_rows.conditions()
    rows = draw(conditions, TUNING_SEEDS, line_rows.LOW_RATE)
    shape, found = (len(conditions), len(TUNING_SEEDS)), []
    for method in line_methods.GRIDS:
        began, tried = time.perf_counter(), line_methods.choices(method)
        errors = np.stack([measure(rows, shape, method, one).mean(axis=1) for one in tried])
        means = line_methods.typical(errors)
        once = int(means.argmin())
        found.append(
            {
                "method": method,
                "once": tried[once],
                "typical_errors": means.round(6).tolist(),
                "choices": tried,
                "choice_by_condition": errors.argmin(axis=0).tolist(),
            }
        )
        print(method, tried[once], f"{time.perf_counter() - began:.0f} s", flush=True)
    record.write("lines_tuning", "python -m benchmarks.lines --tune", found)


def _methods(tuned: Sequence[dict[str, Any]]) -> dict[str, tuple[str, Parameters]]:
    """Name of a row → method and parameters, the same for all conditions."""
    once = {row["method"]: row["once"] for row in tuned}
    return (
        line_methods.fixed_methods()
        | {method: (method, parameters) for method, parameters in once.items()}
        | {
            f"{method}, robust": (method, once[method] | line_methods.ROBUST)
            for method in line_methods.ROBUST_METHODS
        }
    )


def _errors(
    rows: Sequence[Rows], shape: tuple[int, int], tuned: Sequence[dict[str, Any]]
) -> dict[str, np.ndarray]:
    """Return the errors [conditions, seeds] of all methods by the name of their row."""
    found = {}
    for name, (method, parameters) in _methods(tuned).items():
        began = time.perf_counter()
        found[name] = measure(rows, shape, method, parameters)
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    return found


def _errors_of_choices(
    rows: Sequence[Rows], shape: tuple[int, int], tuned: dict[str, Any]
) -> np.ndarray:
    """Return the errors of a method with the parameters chosen for each condition alone."""
    errors = np.full(shape, np.nan)
    for number, parameters in enumerate(tuned["choices"]):
        own = {k for k, choice in enumerate(tuned["choice_by_condition"]) if choice == number}
        part = measure([one.part(own) for one in rows], shape, tuned["method"], parameters)
        errors = np.where(np.isnan(part), errors, part)
    return errors


def _network(rows: Sequence[Rows], shape: tuple[int, int], checkpoint: Path) -> np.ndarray:
    """Return the errors of a trained network."""
    errors = np.full(shape, np.nan)
    for part in rows:
        outputs = [
            line_methods.freqjax_outputs(str(checkpoint), part.signals[first : first + _STREAMS])
            for first in range(0, len(part.signals), _STREAMS)
        ]
        places = tuple(np.transpose(part.places))
        errors[places] = line_rows.error(np.concatenate(outputs), part.lines, part.rate)
    return errors


def _as_rows(
    conditions: Sequence[Condition], rate: int, errors: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Return a row a condition: the mean and the largest error of every method over the seeds."""
    return [
        condition._asdict()
        | {
            "rate": rate,
            "limit": line_methods.limit(condition) if rate == line_rows.LOW_RATE else None,
            "errors": {name: float(f"{found[k].mean():.4g}") for name, found in errors.items()},
            "worst": {name: float(f"{found[k].max():.4g}") for name, found in errors.items()},
        }
        for k, condition in enumerate(conditions)
    ]


def full_rate_conditions() -> list[Condition]:
    """List the conditions that are repeated at 8 kHz."""
    return [
        condition
        for condition in line_rows.conditions()
        if condition.snr_db == 0
        and condition.detuning in (0.0, 0.01)
        and len(condition.harmonics) == 1
    ]


def compare(checkpoint: Path | None) -> None:
    """Measure all methods, and write the results and their figure."""
    tuned = record.read("lines_tuning")
    conditions = line_rows.conditions()
    shape, low = (len(conditions), len(SEEDS)), draw(conditions, SEEDS, line_rows.LOW_RATE)
    errors = _errors(low, shape, tuned)
    for row in tuned:
        errors[f"{row['method']}, best for each"] = _errors_of_choices(low, shape, row)
    if checkpoint is not None:
        errors["freqjax"] = _network(low, shape, checkpoint)
    del low
    rows = _as_rows(conditions, line_rows.LOW_RATE, errors)
    conditions = full_rate_conditions()
    full = draw(conditions, _FULL_RATE_SEEDS, line_rows.RATE)
    errors = _errors(full, (len(conditions), len(_FULL_RATE_SEEDS)), tuned)
    rows += _as_rows(conditions, line_rows.RATE, errors)
    command = "python -m benchmarks.lines" + ("" if checkpoint else " --without-network")
    record.write("lines", command, rows)
    line_figure.draw(rows, record.RESULTS / "lines.png")


def renew(checkpoint: Path) -> None:
    """Measure the network again; the other methods' errors stay as they were recorded."""
    conditions, rows = line_rows.conditions(), record.read("lines")
    shape, low = (len(conditions), len(SEEDS)), draw(conditions, SEEDS, line_rows.LOW_RATE)
    found = _as_rows(conditions, line_rows.LOW_RATE, {"freqjax": _network(low, shape, checkpoint)})
    # Rows at the low rate come first, in the order of the conditions.
    for row, new in zip(rows, found, strict=False):
        row["errors"] |= new["errors"]
        row["worst"] |= new["worst"]
    record.write("lines", "python -m benchmarks.lines", rows)
    line_figure.draw(rows, record.RESULTS / "lines.png")


def main() -> None:
    """Tune, compare, or measure the network again."""
    parser = argparse.ArgumentParser(description="Comparison of causal methods on a 50 Hz line.")
    parser.add_argument("--tune", action="store_true", help="choose the parameters of the methods")
    parser.add_argument("--checkpoint", type=Path, default=_CHECKPOINT, help="a network at 1 kHz")
    parser.add_argument("--without-network", action="store_true", help="compare the others alone")
    parser.add_argument(
        "--network-alone",
        action="store_true",
        help="measure the network again, and keep the others",
    )
    options = parser.parse_args()
    if options.tune:
        tune()
        return
    if not options.without_network and not options.checkpoint.exists():
        parser.error(
            f"--checkpoint is {options.checkpoint}, which does not exist: it must be a trained network at "
            "1 kHz, or --without-network leaves it out"
        )
    if options.network_alone:
        renew(options.checkpoint)
        return
    compare(None if options.without_network else options.checkpoint)


if __name__ == "__main__":
    main()
