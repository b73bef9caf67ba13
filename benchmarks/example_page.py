"""docs/example.md, from the committed results of `python -m benchmarks.example`."""

from __future__ import annotations

from typing import Any

from benchmarks import record

_OPENING = """# A worked example: the annual cycle of CO2

Written by `python -m benchmarks.document` from `benchmarks/results/example.json`, which
`python -m benchmarks.example` measures. It needs `pip install -e '.[examples]'`: the record, weekly CO2 at
Mauna Loa from March 1958 to December 2001 (C. D. Keeling and T. P. Whorf, Scripps Institution of
Oceanography), ships with statsmodels.

The record's phase is unknown, so the network must listen. `configs/annual.py` trains a locker on
synthesis at the record's rate, one sample a week: a sine of one cycle a year that starts anywhere, in noise
that makes a sample anything between minus one and three times the sine. Read Hz as cycles a year. No
sample of the record is seen in training.

1. A cubic is fitted to the record and taken away, and the rest is divided by √2 of its rms, as if it were
   nothing but the cycle. It is written to a CSV with the columns `t` (years) and `S`.
2. `--mode extract --checkpoint runs/annual --select 1 --input record.csv --output annual.csv`
3. What comes out is compared, from the sixth year on, with harmonic regression: a least-squares fit of a
   cubic and four harmonics of the year to the whole record, of which the annual sine is taken.
"""

_HEADER = (
    "estimate", "seed", "correlation", "days early", "share of the record", "ppm", "days off by year",
)  # fmt: skip


def page() -> str:
    """The whole page."""
    rows = record.read("example")
    return "\n".join([_OPENING, *_table(rows), _FIGURE, *_worth(rows), ""])


_FIGURE = """
![The record, the regression and the extraction](../benchmarks/results/example.png)

## What it is worth
"""


def _table(rows: list[dict[str, Any]]) -> list[str]:
    known = rows[0]
    seconds = max(row["process_seconds"] for row in _networks(rows))
    return [
        f"The record has {known['samples']:,} weeks, of which {known['missing']} are missing and were "
        f"interpolated. Training took at most {seconds:.0f} s a seed, figures and diagnosis included, on "
        "one core that others were using too.",
        "",
        "| " + " | ".join(_HEADER) + " |",
        "|" + "---|" * len(_HEADER),
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
        "",
        "*Correlation* and *days early* are against the regression's annual sine, whose amplitude is "
        f"{known['regression_amplitude_ppm']:.2f} ppm. *Share of the record* is R² against the record "
        "without its trend, with one gain fitted, the *ppm*. *Days off by year* is the rms distance of the "
        "phase of each year from that of the record in the same year. All estimates but the regression use "
        "the past alone, of a record whose trend and scale were taken from the whole of it.",
    ]


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["estimate"],
        str(row.get("seed", "")),
        f"{row['correlation']:.4f}",
        f"{0.0 - row['lag_days']:.1f}",
        f"{row['r2_of_record']:.1%}",
        f"{row['amplitude_ppm']:.2f}",
        f"{row['lag_days_by_year_rms']:.1f}",
    ]


def _networks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["estimate"] == "network"]


def _worth(rows: list[dict[str, Any]]) -> list[str]:
    regression, networks = rows[0], _networks(rows)
    both, turned = (row for row in rows if row["estimate"].startswith("taught both lines"))
    (sliding,) = [row for row in rows if row["estimate"] == "sliding least squares"]
    off = max(abs(row["lag_days"]) for row in networks)
    shares = sorted(row["r2_of_record"] for row in networks)
    moved = max(row["lag_days_by_year_rms"] for row in networks)
    return [
        f"- The network finds the cycle to within {off:.1f} days, without having seen the record, one "
        "sample at a time and from the past alone.",
        f"- It is no better than harmonic regression, and needs training. It explains {shares[0]:.1%} to "
        f"{shares[-1]:.1%} of the record, the regression's one sine {regression['r2_of_record']:.1%}, and "
        f"sliding least squares over two years, which use the past alone too, {sliding['r2_of_record']:.1%}.",
        "- It was taught a sine of amplitude 1, and does not measure how strong the cycle is: the gain comes "
        "from a fit to the record.",
        "- From year to year the record's phase moves about the regression's one sine by "
        f"{regression['lag_days_by_year_rms']:.1f} days. The network follows little of that, up to "
        f"{moved:.1f} days remain: it was taught a line that does not move.",
        "- Taught both lines, one and two cycles a year, it fails: a correlation of "
        f"{both['correlation']:.2f}, though on synthesis its MSE is {max(both['synthetic_mse']):.2g} at "
        "worst. The task starts all components of a stream at one time, which ties their phases; "
        f"in the record the second is {regression['second_line_off_degrees']:.0f}° from where that law has "
        f"it. Turned there, and nothing else changed, the same network has a correlation of "
        f"{turned['correlation']:.2f}. A network is to be trusted on signals of the law that it was taught.",
    ]
