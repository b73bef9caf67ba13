"""Lines of records by networks that were trained on synthetic ones, and by estimators without training.

    pip install -e '.[examples]' heartpy
    python -m benchmarks.records [NAME …]

Trains `configs/daily.py`, the same recipe for an annual cycle, `configs/heart.py` and `configs/tides.py`,
extracts every line of the records of `benchmarks.samples` by `--mode extract`, and writes
benchmarks/results/records.json and records.png.

The measure is Σ (y − x)² / Σ x² after the record's first part. The lines x of a measured record are not
known: in their place stands a regression in a window on either side of each sample, which is not the truth
either. Those of the synthetic tide are known, and utide, which reads the whole record, is judged beside the
others. The regression without a future has the window that is best on synthetic training rows.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import signal

import freqjax
from benchmarks import record, records_figure, samples
from configs.tides import CONSTITUENTS, DAY
from freqjax.tasks import make_task
from freqjax.tasks.lines.baselines import extended_kalman, harmonic_regression
from freqjax.tasks.lines.config import LinesConfig, lines_of
from freqjax.tasks.lines.judged import known_lines, relative_errors

_YEAR = 365.2425 * DAY
# Windows that are tried for the regression, periods.
_WINDOWS = (1.0, 3.0, 10.0, 30.0, 100.0, np.inf)
# Harmonics of the regression with a future, so that others do not leak into the lines.
_ORDERS = (1, 2, 3, 4)
# Band of a pulse, Hz, and the shortest time from beat to beat, s.
_PULSE, _SHORTEST_BEAT = (0.8, 4.0), 0.4


class Case(NamedTuple):
    """A record with the recipe of its network.

    Attributes:
      flags: of the training.
      names: of the lines.
      settle_s: s, the part of the record that does not count.
      window_s: s, standard deviation of the window of the regression with a future; None if the lines are
        known.
      beats: whether the phase of that regression goes by beats instead of a constant frequency.
    """

    flags: tuple[str, ...]
    names: tuple[str, ...]
    settle_s: float
    window_s: float | None
    beats: bool = False


CASES = {
    "daily": Case(("--recipe", "daily"), ("daily", "half-daily"), 10 * DAY, 5 * DAY),
    "annual": Case(
        (
            "--recipe",
            "daily",
            f"--hz={1 / _YEAR:.9g},{2 / _YEAR:.9g}",
            f"--rate={1 / (7 * DAY):.9g}",
        ),
        ("annual", "half-annual"),
        5 * _YEAR,
        2 * _YEAR,
    ),
    "heart": Case(("--recipe", "heart"), ("pulse",), 10.0, 3.0, beats=True),
    "tides": Case(("--recipe", "tides"), tuple(CONSTITUENTS), 45 * DAY, None),
}
# Latitude of the synthetic tide for utide, which needs one for corrections that are switched off here.
_LATITUDE = 45.0


def beat_phase(values: np.ndarray, step_s: float) -> np.ndarray:
    """Return the phase [T] of a pulse, rad: 2π from beat to beat, found in the whole record."""
    band = signal.butter(2, _PULSE, "bandpass", fs=1 / step_s, output="sos")
    filtered = signal.sosfiltfilt(band, values)
    beats = signal.find_peaks(
        filtered, distance=round(_SHORTEST_BEAT / step_s), prominence=0.5 * filtered.std()
    )[0]
    # Before the first beat and after the last one it goes on at the pace of the nearest two.
    first, last = 2 * beats[0] - beats[1], 2 * beats[-1] - beats[-2]
    knots = np.concatenate([[first], beats, [last]])
    return np.interp(np.arange(len(values)), knots, 2 * np.pi * np.arange(len(knots)))


def with_future(
    values: np.ndarray,
    step_s: float,
    phase: np.ndarray,
    lines: Sequence[Sequence[int]],
    window_s: float,
) -> np.ndarray:
    """Fit lines [F, T] at each sample in a Gaussian window around it, with harmonics and a straight line.

    Args:
      values: [T].
      step_s: s, from sample to sample.
      phase: [T] rad, of the fundamental.
      lines: [F] the harmonics of the fundamental that each line has.
      window_s: s, standard deviation of the window.
    """
    seconds = np.arange(len(values)) * step_s
    angles = phase[:, None] * np.array(_ORDERS)
    sines = np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(len(values), -1)
    found, reach = np.empty((len(lines), len(values))), round(3 * window_s / step_s)
    for t in range(len(values)):
        near = slice(max(0, t - reach), t + reach + 1)
        off = (seconds[near] - seconds[t]) / window_s
        design = np.column_stack([sines[near], np.ones(len(off)), off])
        weight = np.exp(-0.25 * off**2)
        fitted = np.linalg.lstsq(design * weight[:, None], values[near] * weight, rcond=None)[0]
        parts = (sines[t] * fitted[: sines.shape[1]]).reshape(-1, 2).sum(axis=1)
        for number, orders in enumerate(lines):
            found[number, t] = sum(parts[_ORDERS.index(order)] for order in orders)
    return found


def _reference(own: samples.Record, case: Case, config: LinesConfig) -> np.ndarray:
    """Return the lines [F, T] of a record, or what stands in their place."""
    if case.window_s is None:
        assert own.lines is not None  # of a synthetic record
        return own.lines
    lowest = config.frequencies[0]
    seconds = np.arange(len(own.values)) * own.step_s
    phase = beat_phase(own.values, own.step_s) if case.beats else 2 * np.pi * lowest * seconds
    lines = [[round(f / lowest) * order for order in config.orders] for f in config.frequencies]
    return with_future(own.values, own.step_s, phase, lines, case.window_s)


def best_window(config: LinesConfig) -> float:
    """Return the window of the regression with the least mean error on synthetic training rows."""
    task = make_task(config)
    rows = task.split("train")
    assert rows is not None  # `Lines.split` gives it
    signals, targets = (np.asarray(a)[..., 0] for a in (rows.inputs["signal"], rows.targets))
    lines, first = known_lines(config), config.burn_in_samples
    errors = []
    for window in _WINDOWS:
        found = np.empty(signals.shape)
        for number, line in enumerate(lines):
            own = np.asarray(rows.group) == number
            found[own] = harmonic_regression(signals[own].astype(float), line, window=window)
        errors.append(relative_errors(found[..., None], targets[..., None], first).mean())
    return _WINDOWS[int(np.argmin(errors))]


def without_training(values: np.ndarray, config: LinesConfig) -> dict[str, np.ndarray]:
    """Return the estimates [F, T] of the causal estimators by name."""
    lines, window = known_lines(config), best_window(config)
    level = values - values.mean()
    return {
        "regression of the past": np.stack(
            [harmonic_regression(level[None], line, window=window)[0] for line in lines]
        ),
        "extended Kalman filter": np.stack(
            [extended_kalman(level[None], line)[0] for line in lines]
        ),
    }


def whole_record(own: samples.Record) -> np.ndarray:
    """Return the constituents [F, T] that utide fits to the whole record."""
    utide = importlib.import_module("utide")
    days, epoch = np.arange(len(own.values)) * own.step_s / DAY, own.begins.date().isoformat()
    fitted = utide.solve(
        days,
        own.values,
        lat=_LATITUDE,
        constit=list(CONSTITUENTS),
        nodal=False,
        trend=False,
        conf_int="none",
        phase="raw",
        epoch=epoch,
        verbose=False,
    )
    parts = (
        utide.reconstruct(days, fitted, epoch=epoch, constit=[name], verbose=False).h
        for name in CONSTITUENTS
    )
    return np.stack([part - fitted.mean for part in parts])


def extracted(run: Path, source: Path, hz: Sequence[float]) -> np.ndarray:
    """Run `--mode extract` on a record for each line; [F, T]."""
    found = []
    for number, selected in enumerate(hz, start=1):
        output = run / f"line{number}.csv"
        words = [
            "--checkpoint",
            run,
            "--input",
            source,
            "--select",
            f"{selected:.9g}",
            "--resample",
        ]
        command = [sys.executable, "-m", "freqjax.main", "--mode", "extract", *map(str, words)]
        subprocess.run([*command, "--output", str(output)], check=True, stdout=subprocess.DEVNULL)
        found.append(np.loadtxt(output, delimiter=",", skiprows=1)[:, -1])
    return np.array(found)


def _errors(
    estimates: Mapping[str, np.ndarray], reference: np.ndarray, first: int
) -> dict[str, list[float]]:
    """Return the relative error power [F] of each estimate."""
    return {
        name: relative_errors(found[..., None], reference[..., None], first).round(6).tolist()
        for name, found in estimates.items()
    }


def measure(name: str, scratch: Path) -> tuple[dict[str, Any], records_figure.Panel]:
    """Train the network of a record, extract, and compare."""
    case, own, run = CASES[name], samples.RECORDS[name](), scratch / name
    summary = record.train(case.flags, run)
    source = samples.write(name, scratch)
    config = lines_of(freqjax.load(run).config)
    estimates = {"network": extracted(run, source, config.frequencies)}
    estimates |= without_training(own.values, config)
    reference = _reference(own, case, config)
    if name == "tides":
        estimates["utide, of the whole record"] = whole_record(own)
    first = round(case.settle_s / own.step_s)
    row = {
        "record": name,
        "samples": len(own.values),
        "filled": own.filled,
        "lines": list(case.names),
        "settle_days": case.settle_s / DAY,
        "lines_known": own.lines is not None,
        "errors": _errors(estimates, reference, first),
        "process_seconds": round(summary["process_seconds"], 1),
        "synthetic_test": summary["test"],
        "synthetic_baselines": summary["baselines"],
        "synthetic_limit": summary["limit"],
    }
    print(row, flush=True)
    panel = records_figure.Panel(name, case.names, own, reference, estimates["network"])
    return row, panel


def main() -> None:
    """Measure every record that was asked for, and write the rows and the figure."""
    parser = argparse.ArgumentParser(description="Extract lines from records.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CASES))
    names = parser.parse_args().names or list(CASES)
    rows, panels = [], []
    with record.scratch() as scratch:
        for name in names:
            try:
                row, panel = measure(name, Path(scratch))
            except ModuleNotFoundError as error:
                sys.exit(f"{error.name} is not installed: pip install {error.name} brings it.")
            rows.append(row)
            panels.append(panel)
    record.write("records", "python -m benchmarks.records", rows)
    records_figure.draw(panels, record.RESULTS / "records.png")


if __name__ == "__main__":
    main()
