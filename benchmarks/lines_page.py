"""Generator of docs/which_method.md from the committed results of `python -m benchmarks.lines`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks import record
from benchmarks.line_methods import typical
from benchmarks.line_rows import DETUNINGS, LOW_RATE, NOISES, RATE, SNRS_DB
from benchmarks.markdown import bullet, paragraph, table

# Name of a row → how the page names it; rows that are absent are left out.
_NAMES = {
    "lock-in 1 Hz": "lock-in, 1 Hz wide",
    "lock-in 10 Hz": "lock-in, 10 Hz wide",
    "lock_in": "lock-in",
    "notch": "notch",
    "harmonic_regression": "recursive regression",
    "adaptive_notch": "adaptive notch",
    "extended_kalman": "extended Kalman filter",
    "kalman_bank": "bank of Kalman filters",
    "freqjax": "**freqjax**",
}
_ROBUST = {
    "extended_kalman, robust": "extended Kalman filter, robust",
    "kalman_bank, robust": "bank of Kalman filters, robust",
}

_OPENING = """# Which method for one line

Written by `python -m benchmarks.document` from `benchmarks/results/lines.json`, which
`python -m benchmarks.lines` measures.

A line is a sinusoid, with or without harmonics, in a recording of something else: mains hum, a rotating
machine, a tide, a carrier. Much is known about estimating it, and most of it needs no training. All methods
of this page but the network are in `freqjax.tasks.lines.baselines`, in NumPy and SciPy alone:

```python
from freqjax.tasks.lines.baselines import Line, kalman_bank

line = Line(hz=50, sampling_rate_hz=1000, harmonics=(1, 3, 5), detuning=0.02)
hum = kalman_bank(recording[None], line)
clean = recording - hum[0]
```
"""

# What is known of the line, what to use, and why.
_CHOICES = (
    (
        "the exact frequency, constant strength",
        "`harmonic_regression` with an infinite window",
        "least squares is the Kalman filter of a line that does not walk: nothing is better in white noise",
    ),
    (
        "the exact frequency, and how strength and noise vary",
        "`freqjax.tasks.lines.limits.kalman`",
        "the conditional mean where the law is linear and Gaussian; `line_limit` gives its error",
    ),
    (
        "the frequency, steady, within a small part of the width of a filter",
        "`notch` or `lock_in`",
        "a few operations a sample; the error is the squared ratio of detuning and width, plus the noise "
        "that the width lets through",
    ),
    (
        "a frequency within a few percent, which may drift",
        "`kalman_bank`, or `extended_kalman` at a sixth of its cost",
        "the frequency is a part of the state, and the noise is measured beside the line",
    ),
    (
        "the same, on a small processor",
        "`adaptive_notch`",
        "a resonator a harmonic and a frequency-locked loop",
    ),
    (
        "the same, with bursts and dropouts",
        "the Kalman filters with `gate=4` and `gaps=True`",
        "samples that do not fit are left out, and the line is predicted through them",
    ),
    (
        "the whole recording, at once",
        "least squares in windows with a search for the frequency",
        "the future is worth as much as the past; of many channels, methods such as ZapLine use what the "
        "channels share, and a single channel has nothing of that (neither was measured here)",
    ),
    (
        "signals whose law none of these assumes",
        "a network",
        "it learns what no model says; compare it with the methods of this page on your own signals",
    ),
)

_FIGURE = """
![Error by SNR and by detuning, without and with drift](../benchmarks/results/lines.png)
"""


def page() -> str:
    """Make docs/which_method.md."""
    rows = [row for row in record.read("lines") if row["rate"] == LOW_RATE]
    parts = (
        [_OPENING.rstrip("\n"), "", "## What to use", ""],
        [*table(("what is known of the line", "use", "why"), _CHOICES), ""],
        _how(rows),
        _by_detuning(rows),
        _by_ratio(rows),
        _by_noise(rows),
        _rest(rows),
        _rates(),
        [*_FIGURE.strip("\n").split("\n"), ""],
        _parameters(),
    )
    return "\n".join([*(line for part in parts for line in part), ""])


def _named(rows: Sequence[dict[str, Any]], names: dict[str, str]) -> dict[str, str]:
    """Return those of `names` that were measured."""
    return {name: shown for name, shown in names.items() if name in rows[0]["errors"]}


def _matching(rows: Iterable[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    """Return the rows with these fields: of one line without trouble, unless they say otherwise."""
    wanted = {"trouble": False, "harmonics": [1]} | wanted
    return [row for row in rows if row.items() >= wanted.items()]


def _cell(rows: Sequence[dict[str, Any]], name: str) -> str:
    """Return the typical error of a method over some conditions."""
    return f"{typical(np.array([row['errors'][name] for row in rows])):.2g}"


def _table(
    rows: Sequence[dict[str, Any]],
    columns: dict[str, list[dict[str, Any]]],
    names: dict[str, str] | None = None,
) -> list[str]:
    """Return a table with a row for each method and a column for each set of conditions."""
    found = _named(rows, _NAMES if names is None else names)
    lines = [
        [shown, *(_cell(part, name) for part in columns.values())] for name, shown in found.items()
    ]
    return [*table(("", *columns), lines), ""]


def _how(rows: Sequence[dict[str, Any]]) -> list[str]:
    network = (
        " The network is `checkpoints/hum50`, trained on lines without harmonics, bursts and dropouts, with "
        "a detuning of up to 2.5 %; its input is scaled by the level of the whole recording."
        if "freqjax" in rows[0]["errors"]
        else " The network was not measured."
    )
    return [
        "## How they were compared",
        "",
        *paragraph(
            f"Recordings of a 50 Hz line, 30 s at {RATE / 1000:g} kHz: {len(rows)} conditions, four seeds "
            "each. SNR is the power of the line over that of the noise in the whole band. The frequency is "
            "off by a share up or down; drift is ±0.1 Hz and ±30 % of the amplitude with a period of 10 s; "
            "the speech-like noise is autoregressive with formants and a syllabic envelope. Signal and line "
            f"were decimated to {LOW_RATE / 1000:g} kHz once. All methods are causal, are told the harmonics "
            "and a detuning of at most 2 %, and nothing else; the parameters of each were chosen once for "
            "all conditions, on other seeds. The error is the power of the difference from the line over the "
            "power of the line after the first 2 s, with no gain fitted: 1 is that of an output of 0. Cells "
            f"are geometric means over conditions.{network}"
        ),
    ]


def _by_detuning(rows: Sequence[dict[str, Any]]) -> list[str]:
    columns = {
        f"{share * 100:g} %": _matching(rows, snr_db=0, drift=False, detuning=share)
        for share in DETUNINGS
    }
    columns["drift"] = _matching(rows, snr_db=0, drift=True)
    return ["## By detuning and drift, at 0 dB", "", *_table(rows, columns)]


def _by_ratio(rows: Sequence[dict[str, Any]]) -> list[str]:
    steady = {
        f"{ratio} dB": _matching(rows, snr_db=ratio, drift=False, detuning=0.01)
        for ratio in SNRS_DB
    }
    drifting = {
        f"{ratio} dB, drift": _matching(rows, snr_db=ratio, drift=True, detuning=0.01)
        for ratio in SNRS_DB
    }
    return ["## By SNR, detuned by 1 %", "", *_table(rows, steady | drifting)]


def _by_noise(rows: Sequence[dict[str, Any]]) -> list[str]:
    columns = {noise: _matching(rows, snr_db=0, noise=noise, drift=False) for noise in NOISES}
    known = _matching(rows, snr_db=0, noise="white", drift=False, detuning=0.0)[0]["limit"]
    return [
        "## By noise, at 0 dB, steady",
        "",
        *_table(rows, columns),
        *paragraph(
            f"In white noise, no causal method can be below {known:.2g} if the frequency were known and the "
            "strengths Gaussian: that is the error of the Kalman filter of this law, exact."
        ),
    ]


def _rest(rows: Sequence[dict[str, Any]]) -> list[str]:
    columns = {
        "3rd and 5th harmonic": _matching(rows, snr_db=0, harmonics=[1, 3, 5], drift=False),
        "the same, drift": _matching(rows, snr_db=0, harmonics=[1, 3, 5], drift=True),
        "bursts and dropouts": _matching(rows, trouble=True),
    }
    return [
        "## Harmonics, bursts and dropouts, at 0 dB",
        "",
        *_table(rows, columns, _NAMES | _ROBUST),
        *paragraph(
            "In the last column there are 15 bursts ten times as strong as the line's amplitude, 8 dropouts, "
            "pink noise, a detuning of 1 % and drift. *Robust* is with a gate and with gaps."
        ),
    ]


def _rates() -> list[str]:
    """Compare the two rates on the conditions and methods that both have."""
    rows = record.read("lines")
    full = [row for row in rows if row["rate"] == RATE]
    fields = ("snr_db", "detuning", "drift", "harmonics", "noise", "trouble")
    kept = [tuple(map(str, (row[field] for field in fields))) for row in full]
    low = [
        row
        for row in rows
        if row["rate"] == LOW_RATE and tuple(map(str, (row[field] for field in fields))) in kept
    ]
    columns = {f"{LOW_RATE / 1000:g} kHz": low, f"{RATE / 1000:g} kHz": full}
    found = _named(full, _NAMES | _ROBUST)
    return [
        "## At the full rate",
        "",
        *_table(full, columns, found),
        *paragraph(
            "The same conditions, of one line at 0 dB with a detuning of 0 or 1 %, at both rates; the "
            "parameters are in periods, and are those of the low rate."
        ),
    ]


def _parameters() -> list[str]:
    """Tell what was chosen for each method, and what a choice for each condition would gain."""
    rows = [row for row in record.read("lines") if row["rate"] == LOW_RATE]
    lines = []
    for row in record.read("lines_tuning"):
        method = row["method"]
        chosen = ", ".join(f"`{name}={value:g}`" for name, value in row["once"].items())
        alone = f"{method}, best for each"
        lines.append([_NAMES[method], chosen, _cell(rows, method), _cell(rows, alone)])
    return [
        "## The parameters",
        "",
        *table(("", "chosen once", "error", "error if chosen for each condition"), lines),
        "",
        *paragraph(
            "Errors are geometric means over all conditions, each with 0.001 added, which is subtracted "
            "again: below that one error is as good as another. A choice for each condition was made on "
            "other seeds of it, and is not available to a user who does not know the condition."
        ),
        *bullet(
            "Widths are shares of the line's frequency, windows are in periods, walks are changes a square "
            "root of a period: they hold for a line of any frequency."
        ),
    ]
