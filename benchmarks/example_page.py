"""Generator of docs/example.md from the committed results of benchmarks.example and benchmarks.records."""

from __future__ import annotations

from typing import Any

from benchmarks import record
from benchmarks.markdown import bullet, paragraph, table

_OPENING = """# A worked example: the annual cycle of CO2

Written by `python -m benchmarks.document` from `benchmarks/results/example.json`, which
`python -m benchmarks.example` measures. It needs `pip install -e '.[examples]'`: the record, weekly CO2 at
Mauna Loa from March 1958 to December 2001 (C. D. Keeling and T. P. Whorf, Scripps Institution of
Oceanography), ships with statsmodels.

The phase of the record is unknown, so the network must estimate it from the input. `configs/annual.py` trains
a locker on synthetic signals at the record's rate, one sample a week: a sine of one cycle a year that starts
anywhere, with noise that multiplies every sample by a factor between minus one and three. Hz means cycles a
year here. No sample of the record is used in training.

This is the law of the task `extraction`: every target is a sine of amplitude 1, the noise multiplies it, and
all components of a stream start together, which does not matter with the one line here. The task `lines`
([lines.md](lines.md)) has a law that is closer to records; the same record under it is
[at the end](#the-same-record-under-the-law-of-lines).

1. A cubic is fitted to the record and subtracted, and the remainder is divided by √2 times its rms, as if it
   contained only the annual sine. It is written to a file, a number a line.
2. `--mode stream --checkpoint runs/annual --select 1 < record.txt > annual.txt`
3. The output is compared, from the sixth year on, with the annual sine of a harmonic regression: a
   least-squares fit of a cubic and four harmonics of the year to the whole record.
"""

_HEADER = (
    "estimate", "seed", "correlation", "days early", "R² of the record", "ppm", "rms days by year",
)  # fmt: skip


def page() -> str:
    """Make docs/example.md."""
    rows = record.read("example")
    return "\n".join([_OPENING, *_results(rows), _FIGURE, *_findings(rows), *_lines(), ""])


_FIGURE = """
![The record, the regression and the extraction](../benchmarks/results/example.png)

## Findings
"""


def _results(rows: list[dict[str, Any]]) -> list[str]:
    known = rows[0]
    seconds = max(row["process_seconds"] for row in _networks(rows))
    return [
        *paragraph(
            f"The record has {known['samples']:,} weeks, of which {known['missing']} are missing and were "
            f"interpolated. Training took at most {seconds:.0f} s a seed, figures and diagnosis included, on "
            "one core shared with other programs."
        ),
        *table(_HEADER, map(_cells, rows)),
        "",
        *paragraph(
            "*Correlation* and *days early* compare with the regression's annual sine, whose amplitude is "
            f"{known['regression_amplitude_ppm']:.2f} ppm. *R² of the record* is that of the record without "
            "its trend, with one fitted gain; *ppm* is the amplitude with this gain. *Rms days by year* is "
            "the rms difference between the phase of each year and that of the record in the same year. All "
            "estimates except the regression use past samples only, of a record whose trend and scale were "
            "computed from the whole of it."
        )[:-1],
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


def _lines() -> list[str]:
    """Compare with networks of the task lines, whose lines have strengths and phases of their own."""
    (row,) = [row for row in record.read("records") if row["record"] == "annual"]
    network, past = row["errors"]["network"], row["errors"]["regression of the past"]
    names = " and ".join(f"the {name}" for name in row["lines"])
    values, others = (" and ".join(f"{error:.2g}" for error in part) for part in (network, past))
    return [
        *_LINES.splitlines(),
        "",
        *paragraph(
            f"Over all but the first {row['settle_days'] / 365.2425:.0f} years the power of the network's "
            f"error is {values} of that of {names} line, and that of a regression of the past {others}: the "
            "phases of the two are not tied any more. The lines of a measured record are not known; in their "
            "place stands a regression in a Gaussian window around each sample, which follows the record "
            "from year to year, unlike the one sine above. Training took "
            f"{row['process_seconds'] / 60:.1f} minutes. More of it, and other records, are in "
            "[records.md](records.md)."
        )[:-1],
    ]


_LINES = """
## The same record under the law of lines

In the task `lines` every line has a strength, which may drift, and a phase of its own, and noise is added.
One network finds both lines of the record, at their strength in ppm, by the recipe of daily cycles carried
over to a year and its half, one sample a week:

```sh
python -m benchmarks.samples annual
python -m freqjax.main --recipe daily --hz 3.16887385e-08,6.3377477e-08 --rate 1.65343915e-06 \\
    --workdir runs/lines
python -m freqjax.main --mode extract --checkpoint runs/lines --select 3.16887e-08,6.33775e-08 \\
    --input runs/samples/annual.csv --output line.csv
```
"""


def _findings(rows: list[dict[str, Any]]) -> list[str]:
    regression, networks = rows[0], _networks(rows)
    both, turned = (row for row in rows if row["estimate"].startswith("taught both lines"))
    (sliding,) = [row for row in rows if row["estimate"] == "sliding least squares"]
    off = max(abs(row["lag_days"]) for row in networks)
    shares = sorted(row["r2_of_record"] for row in networks)
    moved = max(row["lag_days_by_year_rms"] for row in networks)
    findings = (
        f"The network finds the cycle to within {off:.1f} days, without training on the record, one sample "
        "at a time and from past samples only.",
        f"It is no better than harmonic regression, and needs training. It explains {shares[0]:.1%} to "
        f"{shares[-1]:.1%} of the record, the regression's one sine {regression['r2_of_record']:.1%}, and "
        "sliding least squares over two years, which also uses past samples only, "
        f"{sliding['r2_of_record']:.1%}.",
        "It was trained on a sine of amplitude 1, and does not measure how strong the cycle is: the gain is "
        "fitted to the record, as `--mode extract` does for a network of this task.",
        "From year to year the record's phase moves about the regression's one sine by "
        f"{regression['lag_days_by_year_rms']:.1f} days. The network follows little of that, and up to "
        f"{moved:.1f} days remain: it was trained on sines of constant phase.",
        "A network trained on both lines, one and two cycles a year, fails: its correlation is "
        f"{both['correlation']:.2f}, although its MSE on synthetic signals is at most "
        f"{max(both['synthetic_mse']):.2g}. The task extraction starts all components of a stream at one "
        "time, which ties their phases; the second line of the record is "
        f"{regression['second_line_off_degrees']:.0f}° from the phase of that distribution. With only this "
        f"phase changed, the correlation of the same network is {turned['correlation']:.2f}. A network can "
        "be trusted only on signals of the distribution that it was trained on.",
    )
    return [line for text in findings for line in bullet(text)]
