"""Worked example: the annual cycle in the CO2 record of Mauna Loa, 1958 to 2001.

    pip install -e '.[examples]'
    python -m benchmarks.example

The record is weekly and ships with statsmodels (C. D. Keeling and T. P. Whorf, Scripps Institution of
Oceanography). `configs/annual.py` is trained on synthetic signals at its sampling rate, `--mode stream`
runs on the record, and the output is compared with harmonic regression. Writes
benchmarks/results/example.json and example.png; `python -m benchmarks.document` makes docs/example.md of
them (`benchmarks/example_page.py`).
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import record
from configs.annual import RATE, get_config
from freqjax.figures import canvas
from freqjax.tasks.extraction.config import extraction_of
from freqjax.tasks.extraction.limits.scores import baseline_outputs

_SEEDS = range(3)
# Years after which a network, or a sliding fit, is expected to have found the phase.
_SETTLE = 5
_DAYS = 365.2425
# Trains on both lines, whose phases are tied to one start; those of the record are not.
_BOTH_LINES = ("--config.task.frequencies=1,2",)


class Series(NamedTuple):
    """The weekly record, T samples.

    Attributes:
      years: [T] since the first sample.
      ppm: [T] without its trend.
      annual: [T] ppm, the annual component of the harmonic regression.
      amplitude: ppm, of that component.
      second_off: lead of the second harmonic, degrees, over its phase in streams of the task with both
        lines, in which every sine begins at 0 at one time.
      turned: [T] ppm, as `ppm`, with the second harmonic at the phase of those streams.
      first: the year of the first sample, with its fraction.
      gaps: number of weeks that were missing and were interpolated.
    """

    years: np.ndarray
    ppm: np.ndarray
    annual: np.ndarray
    amplitude: float
    second_off: float
    turned: np.ndarray
    first: float
    gaps: int


def load_series() -> Series:
    """Load the record, subtract a cubic trend, and fit four harmonics of the year."""
    frame = importlib.import_module("statsmodels.datasets.co2").load().data
    raw = frame["co2"]
    ppm, years = raw.interpolate().to_numpy(float), np.arange(len(raw)) / RATE
    trend = np.polynomial.Polynomial.fit(years, ppm, 3)(years)
    design = np.column_stack([_harmonics(years, 4), np.vander(years / years[-1], 4)])
    fitted = np.linalg.lstsq(design, ppm, rcond=None)[0]
    annual, second = np.arctan2(fitted[1:4:2], fitted[0:4:2])
    turned = np.hypot(*fitted[2:4]) * np.sin(2 * (2 * np.pi * years + annual))
    first = raw.index[0]
    return Series(
        years=years,
        ppm=ppm - trend,
        annual=design[:, :2] @ fitted[:2],
        amplitude=float(np.hypot(*fitted[:2])),
        second_off=float(np.degrees((second - 2 * annual) % (2 * np.pi))),
        turned=ppm - trend - design[:, 2:4] @ fitted[2:4] + turned,
        first=first.year + (first.day_of_year - 1) / _DAYS,
        gaps=int(raw.isna().sum()),
    )


def _harmonics(years: np.ndarray, count: int) -> np.ndarray:
    """Return [T, 2 count], sine and cosine of every harmonic of the year."""
    angles = 2 * np.pi * years[:, None] * np.arange(1, count + 1)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(years), -1)


def follow(series: Series, run: Path) -> np.ndarray:
    """Run `--mode stream` on the record and return its output [T], in the network's unit.

    The record is divided by √2 times its rms, as if it contained only the annual sine. The mode extract would
    fit the phase to the record, which is to be compared here.
    """
    scaled = series.ppm / (np.sqrt(2) * series.ppm.std())
    numbers = "".join(f"{value:.12g}\n" for value in scaled.tolist())
    words = [
        "--mode",
        "stream",
        "--checkpoint",
        run,
        "--select",
        "1",
    ]
    command = [sys.executable, "-m", "freqjax.main", *map(str, words)]
    done = subprocess.run(command, check=True, input=numbers, stdout=subprocess.PIPE, text=True)
    return np.array([float(line) for line in done.stdout.splitlines()])


def compare(series: Series, outputs: np.ndarray) -> dict[str, Any]:
    """Compare an estimate [T] in any unit with the annual component of the harmonic regression.

    One gain is fitted to the estimate, since the network was not trained to measure the amplitude.
    """
    late = series.years >= _SETTLE
    out, annual, ppm = outputs[late], series.annual[late], series.ppm[late]
    gain = _gain(series, outputs)
    turn = np.exp(-2j * np.pi * series.years[late])
    lag = np.angle((annual @ turn) * (out @ turn).conj())
    own, yearly = (_phases(series.years, values) for values in (series.ppm, outputs))
    difference = np.angle(np.exp(1j * (own - yearly)))
    moves = np.ptp(yearly) > 1e-6  # the phase of one fixed sine is the same every year
    return {
        "correlation": float(np.corrcoef(out, annual)[0, 1]),
        "r2_against_regression": float(1 - np.mean((gain * out - annual) ** 2) / annual.var()),
        "r2_of_record": float(1 - np.mean((gain * out - ppm) ** 2) / ppm.var()),
        "amplitude_ppm": float(2 * abs(gain * (out @ turn)) / len(out)),
        "lag_days": _in_days(float(lag)),
        "lag_days_by_year_rms": _in_days(float(np.sqrt(np.mean(difference**2)))),
        "phase_by_year_correlation": float(np.corrcoef(np.unwrap(own), np.unwrap(yearly))[0, 1])
        if moves
        else None,
    }


def _phases(years: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Fit the phase of the first harmonic, rad, and a line in every whole year after settling."""
    found = []
    for year in range(_SETTLE, int(years[-1])):
        at = (years >= year) & (years < year + 1)
        design = np.column_stack([_harmonics(years[at], 4), np.ones(at.sum()), years[at] - year])
        sine, cosine = np.linalg.lstsq(design, values[at], rcond=None)[0][:2]
        found.append(np.arctan2(cosine, sine))
    return np.array(found)


def _gain(series: Series, outputs: np.ndarray) -> float:
    """Fit the factor, ppm, between an estimate and the record after settling."""
    late = series.years >= _SETTLE
    return float(outputs[late] @ series.ppm[late] / (outputs[late] @ outputs[late]))


def _in_days(angle: float) -> float:
    return angle / (2 * np.pi) * _DAYS


def baselines(series: Series) -> dict[str, np.ndarray]:
    """Compute estimates [T] by name from past samples only, with the frequency given."""
    scaled = series.ppm / (np.sqrt(2) * series.ppm.std())
    found = baseline_outputs(
        extraction_of(get_config()), scaled[None].astype(np.float32), np.zeros(1, int)
    )
    return {name: np.asarray(outputs, np.float64)[0] for name, outputs in found.items()}


def draw(series: Series, outputs: np.ndarray, path: Path) -> None:
    """Draw the last eight years, and how early or late every year was."""
    figure, axes = canvas.subplots(10, 6.4, 2, 1)
    at = series.years >= series.years[-1] - 8
    when = series.first + series.years
    axes[0, 0].plot(
        when[at], series.ppm[at], ".", color=canvas.GREY, ms=3, label="record, no trend"
    )
    axes[0, 0].plot(
        when[at], series.annual[at], color=canvas.PALE, lw=5, label="harmonic regression"
    )
    axes[0, 0].plot(
        when[at],
        _gain(series, outputs) * outputs[at],
        color=canvas.colour(0),
        lw=1.6,
        label="extracted",
    )
    axes[0, 0].set(ylabel="CO2 (ppm)", xlabel="year")
    axes[0, 0].legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3, frameon=False)
    years = series.first + np.arange(_SETTLE, int(series.years[-1])) + 0.5
    whole = np.angle(series.annual @ np.exp(-2j * np.pi * series.years)) + np.pi / 2
    for values, colour, name in (
        (series.ppm, canvas.GREY, "the record's own, year by year"),
        (outputs, canvas.colour(0), "extracted"),
    ):
        early = np.angle(np.exp(1j * (_phases(series.years, values) - whole)))
        axes[1, 0].plot(
            years, [_in_days(float(e)) for e in early], "o-", ms=4, color=colour, label=name
        )
    axes[1, 0].axhline(0, color=canvas.INK, lw=1, ls="--")
    axes[1, 0].set(ylabel="early (days)", xlabel="year")
    axes[1, 0].legend(frameon=False, fontsize=9)
    canvas.set_headline(
        figure, "The annual cycle of CO2 at Mauna Loa, and when it came against one fixed sine"
    )
    canvas.save(figure, path.parent, path.name)


def main() -> None:
    """Train every seed, extract, compare, and write the rows."""
    try:
        series = load_series()
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is not installed: pip install -e '.[examples]' brings the record.")
    known = {
        "samples": len(series.years),
        "missing": series.gaps,
        "settle_years": _SETTLE,
        "regression_amplitude_ppm": series.amplitude,
        "second_line_off_degrees": series.second_off,
    }
    rows: list[dict[str, Any]] = [
        known | {"estimate": "harmonic regression", **compare(series, series.annual)}
    ]
    for name, outputs in baselines(series).items():
        rows.append({"estimate": name.replace("_", " "), **compare(series, outputs)})
    with record.scratch() as scratch:
        for seed in _SEEDS:
            folder = Path(scratch) / str(seed)
            summary = record.train(_flags(seed), folder)
            outputs = follow(series, folder)
            rows.append(_row("network", seed, compare(series, outputs), summary))
            if seed == 0:
                draw(series, outputs, record.RESULTS / "example.png")
        folder = Path(scratch) / "both"
        summary = record.train([*_flags(0), *_BOTH_LINES], folder)
        turned = series._replace(ppm=series.turned)
        for name, record_ in (("as it is", series), ("turned", turned)):
            found = compare(record_, follow(record_, folder))
            rows.append(_row(f"taught both lines; the second {name}", 0, found, summary))
    record.write("example", "python -m benchmarks.example", rows)


def _flags(seed: int) -> list[str]:
    return ["--config", "configs/annual.py", f"--config.train.seed={seed}"]


def _row(name: str, seed: int, found: dict[str, Any], summary: dict[str, Any]) -> dict[str, Any]:
    row = {
        "estimate": name,
        "seed": seed,
        **found,
        "process_seconds": round(summary["process_seconds"], 1),
        "verdict": summary["probes"]["verdict"],
        "synthetic_mse": summary["test"]["mse_after_1s_per_frequency"],
    }
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
