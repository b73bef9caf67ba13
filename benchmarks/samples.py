"""Measured records to try freqjax on, out of packages that ship them.

    pip install -e '.[examples]'
    python -m benchmarks.samples [daily] [annual]

Writes runs/samples/NAME.csv, a date and a number a row, for `--mode extract --input runs/samples/daily.csv`.

| name | record | from |
|---|---|---|
| daily | air temperature of Seattle, 2010, hourly, °F | vega_datasets: NOAA, public domain |
| annual | CO2 at Mauna Loa, 1958 to 2001, weekly, ppm, less a cubic | statsmodels: Keeling and Whorf |
"""

from __future__ import annotations

import argparse
import csv
import datetime
import importlib
import importlib.resources
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.example import load_series
from configs.daily import DAY, HOUR

FOLDER = Path("runs/samples")


class Record(NamedTuple):
    """A record of T samples at a constant rate.

    Attributes:
      begins: date of the first sample.
      step_s: s, from sample to sample.
      values: [T].
      filled: number of samples that were missing and were interpolated.
    """

    begins: datetime.datetime
    step_s: float
    values: np.ndarray
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
    return Record(datetime.datetime(1958, 3, 29), 7 * DAY, series.ppm, filled=series.gaps)


RECORDS: Mapping[str, Callable[[], Record]] = {"daily": daily, "annual": annual}


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
            sys.exit(f"{error.name} is not installed: pip install -e '.[examples]' brings it.")


if __name__ == "__main__":
    main()
