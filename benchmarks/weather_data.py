"""Sequences of measured weather for the task autoencoder: four weeks of Seattle at a time.

    pip install -e '.[examples]'
    python -m benchmarks.weather_data

Writes runs/samples/weather.npz: daily precipitation, highest and lowest temperature, and wind, 2012 to 2015
(NOAA, public domain). They are read from the package vega_datasets; nothing of them ships.

| part | years | sequences |
|---|---|---|
| training | 2012, 2013 | begin on every day, within a year |
| validation | 2014 | the same |
| test | 2015 | one after the other without overlap, each a group of its own |

Axes: N sequences, T days, D variables.
"""

from __future__ import annotations

import csv
import datetime
import importlib.resources
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

FILE = Path("runs/samples/weather.npz")
# T; the variables, whose first is millimetres of rain.
DAYS = 28
VARIABLES = ("precipitation", "temp_max", "temp_min", "wind")
# The part of each year.
YEARS = {2012: "train", 2013: "train", 2014: "validation", 2015: "test"}


class Weather(NamedTuple):
    """Days one after the other.

    Attributes:
      years: [days] of each.
      values: [days, D] in standard units of the training years; of precipitation p that is of log(1 + p).
    """

    years: np.ndarray
    values: np.ndarray


def read_weather() -> Weather:
    """Read the days.

    Raises:
      ModuleNotFoundError: vega_datasets is not installed.
    """
    file = importlib.resources.files("vega_datasets") / "_data" / "seattle-weather.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    dates = [datetime.datetime.strptime(row["date"], "%Y/%m/%d") for row in rows]
    days = np.array([(date - dates[0]).days for date in dates])
    if not np.array_equal(days, np.arange(len(days))):
        raise ValueError("seattle-weather.csv: a day is missing, or is there twice.")
    values = np.array([[float(row[name]) for name in VARIABLES] for row in rows])
    values[:, 0] = np.log1p(values[:, 0])
    years = np.array([date.year for date in dates])
    known = values[np.array([YEARS[year] == "train" for year in years])]
    return Weather(years, (values - known.mean(axis=0)) / known.std(axis=0))


def write_sequences(path: Path) -> Path:
    """Write an .npz with the arrays sequences, group and split, and return its path."""
    weather = read_weather()
    sequences, groups, splits = [], [], []
    for year, part in YEARS.items():
        own = weather.values[weather.years == year]
        step = DAYS if part == "test" else 1
        for first in range(0, len(own) - DAYS + 1, step):
            sequences.append(own[first : first + DAYS])
            groups.append(f"{year}, day {first + 1}" if part == "test" else str(year))
            splits.append(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, sequences=np.array(sequences, np.float32), group=groups, split=splits)
    return path


def main() -> None:
    """Write the sequences."""
    try:
        print(write_sequences(FILE))
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is not installed: pip install -e '.[examples]' brings the weather.")


if __name__ == "__main__":
    main()
