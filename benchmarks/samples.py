"""Records to try freqjax on: measured where a package ships one, else synthetic.

    pip install -e '.[examples]' heartpy
    python -m benchmarks.samples [daily] [annual] [heart] [tides]

Writes runs/samples/NAME.csv, a date and a number a row, for `--mode extract --input runs/samples/daily.csv`.

| name | record | from |
|---|---|---|
| daily | air temperature of Seattle, 2010, hourly, °F | vega_datasets: NOAA, public domain |
| annual | CO2 at Mauna Loa, 1958 to 2001, weekly, ppm, less a cubic | statsmodels: Keeling and Whorf |
| heart | pulse at a finger, 682 s, 100 samples a second | heartpy, whose data are not shipped here |
| tides | sea level, 369 days, hourly, m: five constituents, offset, ar1 noise | synthetic |
"""

from __future__ import annotations

import argparse
import csv
import datetime
import importlib
import importlib.resources
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.example import load_series
from configs.tides import CONSTITUENTS, HOUR

FOLDER = Path("runs/samples")
# Amplitude, m, of the constituents of the synthetic tide; its noise.
_AMPLITUDES = {"O1": 0.2, "K1": 0.3, "N2": 0.2, "M2": 1.0, "S2": 0.35}
_SURGE, _SURGE_HOURS, _OFFSET = 0.3, 12.0, 0.2
_DAYS = 369


class Record(NamedTuple):
    """A record of T samples at a constant rate.

    Attributes:
      begins: date of the first sample.
      step_s: s, from sample to sample.
      values: [T].
      lines: [F, T] the true lines, or None of a measured record.
      filled: number of samples that were missing and were interpolated.
    """

    begins: datetime.datetime
    step_s: float
    values: np.ndarray
    lines: np.ndarray | None = None
    filled: int = 0


def daily() -> Record:
    """Read hourly temperatures; the hour that the clocks were put forward is interpolated."""
    file = importlib.resources.files("vega_datasets") / "_data" / "seattle-temps.csv"
    rows = list(csv.reader(file.read_text(encoding="utf-8").splitlines()))[1:]
    dates = [datetime.datetime.strptime(date, "%Y/%m/%d %H:%M") for date, _ in rows]
    hours = np.array([(date - dates[0]).total_seconds() / HOUR for date in dates])
    whole = np.arange(hours[-1] + 1)
    values = np.interp(whole, hours, [float(value) for _, value in rows])
    return Record(dates[0], HOUR, values, filled=len(whole) - len(np.unique(hours)))


def annual() -> Record:
    """Read weekly CO2 without its trend; see `benchmarks.example`."""
    series = load_series()
    return Record(datetime.datetime(1958, 3, 29), 7 * 24 * HOUR, series.ppm, filled=series.gaps)


def heart() -> Record:
    """Read a pulse, whose samples came in bursts: they are spread evenly from the first date to the last."""
    found = importlib.util.find_spec("heartpy")  # which is not run: only its data are read
    if found is None or found.origin is None:
        raise ModuleNotFoundError(name="heartpy")
    file = Path(found.origin).parent / "data" / "data3.csv"
    rows = list(csv.reader(file.read_text(encoding="utf-8").splitlines()))[1:]
    first, last = (datetime.datetime.fromisoformat(rows[n][0]) for n in (0, -1))
    values = np.array([float(value) for _, value in rows])
    return Record(first, (last - first).total_seconds() / (len(rows) - 1), values)


def tides(seed: int = 0) -> Record:
    """Draw a sea level whose constituents are known."""
    random = np.random.default_rng(seed)
    hours = np.arange(24 * _DAYS)
    lines = np.stack(
        [
            _AMPLITUDES[name] * np.cos(2 * np.pi * (cycles / 24 * hours + random.uniform()))
            for name, cycles in CONSTITUENTS.items()
        ]
    )
    kept = np.exp(-1 / _SURGE_HOURS)
    fresh = random.normal(size=len(hours)) * _SURGE * np.sqrt(1 - kept**2)
    surge = np.empty(len(hours))
    last = random.normal() * _SURGE
    for hour, step in enumerate(fresh):
        surge[hour] = last = kept * last + step
    return Record(datetime.datetime(2024, 1, 1), HOUR, lines.sum(0) + surge + _OFFSET, lines)


RECORDS: Mapping[str, Callable[[], Record]] = {
    "daily": daily,
    "annual": annual,
    "heart": heart,
    "tides": tides,
}


def write(name: str, folder: Path) -> Path:
    """Write a record as text, and return the path.

    Raises:
      ModuleNotFoundError: the package that has it is not installed.
    """
    record = RECORDS[name]()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    step = datetime.timedelta(seconds=record.step_s)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "value"])
        for number, value in enumerate(record.values):
            writer.writerow([(record.begins + number * step).isoformat(" "), f"{value:.6g}"])
    return path


def main() -> None:
    """Write the records that were asked for, or all."""
    parser = argparse.ArgumentParser(description="Write records to try freqjax on.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RECORDS))
    names = parser.parse_args().names or list(RECORDS)
    for name in names:
        if name not in RECORDS:
            sys.exit(f"{name} is no record: it must be one of {', '.join(RECORDS)}.")
        try:
            print(write(name, FOLDER))
        except ModuleNotFoundError as error:
            sys.exit(f"{error.name} is not installed: pip install {error.name} brings it.")


if __name__ == "__main__":
    main()
