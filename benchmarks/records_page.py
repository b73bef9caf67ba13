"""Generator of docs/records.md from the committed results of `python -m benchmarks.records`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import record
from benchmarks.markdown import paragraph, table

_OPENING = """# Lines of records: days, years, pulses and tides

Written by `python -m benchmarks.document` from `benchmarks/results/records.json`, which
`python -m benchmarks.records` measures. It needs `pip install -e '.[examples]' heartpy`.

| record | from | recipe |
|---|---|---|
| daily | hourly temperatures of Seattle, 2010 (NOAA, in vega_datasets) | `configs/daily.py` |
| annual | weekly CO2 at Mauna Loa, 1958 to 2001, no trend (statsmodels) | the same, by `--hz`, `--rate` |
| heart | a pulse at a finger, 11 minutes (in heartpy, whose data are not shipped here) | `configs/heart.py` |
| tides | a synthetic sea level, hourly, whose five constituents are known | `configs/tides.py` |

Every network is trained on synthetic recordings alone, in which each line has a strength and a phase of its
own; no sample of a record is used. Its input is then the record, one sample at a time:

```sh
python -m benchmarks.samples daily
python -m freqjax.main --config configs/daily.py --workdir runs/daily
python -m freqjax.main --mode extract --checkpoint runs/daily --select 1.15741e-05 \\
    --input runs/samples/daily.csv --output line.csv
```

The measure is the power of the error over that of the line, after the first part of the record; 1 is that of
predicting zero. The lines of a measured record are not known: the network is compared with a regression in a
Gaussian window around each sample, which reads the future too, and of the pulse goes by its beats. It is not
the truth either. All estimates read a record whose offset, and in the case of CO2 a cubic, was computed from
the whole of it. utide reads all of the tide before it gives a first value.

Lines whose frequency is known exactly and whose strength does not change, as those of the tide here, are best
found by a regression of the past. Where strength or frequency wander, as in the temperatures and the pulse,
the network has less error. The network of the tides begins with a unit at the frequency of each line.
"""

_FIGURE = """
![The records and their lines](../benchmarks/results/records.png)
"""


def page() -> str:
    """Make docs/records.md."""
    rows = record.read("records")
    return "\n".join([_OPENING, *(line for row in rows for line in _record(row)), _FIGURE])


def _record(row: dict[str, Any]) -> Iterator[str]:
    """Yield the section of a record."""
    yield from (f"## {row['record'].capitalize()}", "")
    filled = f", {row['filled']} of them interpolated" if row["filled"] else ""
    yield from paragraph(
        f"{row['samples']:,} samples{filled}; the first {_days(row['settle_days'])} do not count. "
        f"Training took {row['process_seconds'] / 60:.1f} minutes."
    )
    yield from table(
        ("error power / line's power", *row["lines"]),
        ((name, *(f"{value:.3g}" for value in errors)) for name, errors in row["errors"].items()),
    )
    yield ""
    yield from paragraph(_synthetic(row))


def _days(days: float) -> str:
    if days > 730:
        return f"{days / 365.2425:.0f} years"
    return f"{days:.0f} days" if days >= 1 else f"{days * 86400:.0f} s"


def _synthetic(row: dict[str, Any]) -> str:
    """Say what the network reached on synthetic test recordings."""
    test, baselines, limit = (
        row["synthetic_test"],
        row["synthetic_baselines"],
        row["synthetic_limit"],
    )
    found = ", ".join(
        f"{words.replace('_', ' ')} {baselines[words]:.3g}"
        for words in ("lock_in", "harmonic_regression", "extended_kalman", "kalman_bank")
    )
    if limit is None:
        error = f"{test['relative_error_power']:.3g}"
        return f"On synthetic test recordings, whose lines are known: {error} ({found})."
    worst = max(test["mse_per_frequency"])
    return (
        f"On synthetic test recordings the MSE is {test['mse']:.3g}, {worst:.3g} for the worst line, where "
        f"predicting zero has {baselines['constant']:.3g} and no estimate less than {limit:.3g} ({found})."
    )
