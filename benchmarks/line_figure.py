"""Figure of the comparison on a 50 Hz line, from benchmarks/results/lines.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.line_rows import LOW_RATE
from freqjax.figures import canvas

# Name of a row → its label. Those that are absent are left out.
SHOWN = {
    "lock-in 1 Hz": "lock-in, 1 Hz",
    "lock-in 10 Hz": "lock-in, 10 Hz",
    "notch": "notch",
    "harmonic_regression": "recursive regression",
    "adaptive_notch": "adaptive notch",
    "extended_kalman": "extended Kalman filter",
    "kalman_bank": "bank of Kalman filters",
    "freqjax": "freqjax",
}
_NOISE = "pink"


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write a PNG: error by SNR and by detuning, without and with drift, in pink noise."""
    figure, axes = canvas.subplots(10.4, 7.0, 2, 2, sharey=True)
    for line, drift in zip(axes, (False, True), strict=True):
        drifting = "frequency ±0.1 Hz, amplitude ±30 %" if drift else "steady"
        for axis, over, fixed in zip(
            line, ("snr_db", "detuning"), ({"detuning": 0.01}, {"snr_db": 0}), strict=True
        ):
            wanted = {"noise": _NOISE, "drift": drift, "trouble": False, "rate": LOW_RATE} | fixed
            found = sorted(
                (
                    row
                    for row in rows
                    if row.items() >= wanted.items() and len(row["harmonics"]) == 1
                ),
                key=lambda row: row[over],
            )
            _panel(axis, found, over)
            at = "detuned by 1 %" if over == "snr_db" else "SNR 0 dB"
            axis.set_title(f"{drifting}, {at}", fontsize=10, loc="left")
    for line in axes:
        line[0].set_ylabel("error power / power of the line")
    axes[1][0].set_xlabel("SNR, dB")
    axes[1][1].set_xlabel("detuning, %")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    canvas.set_headline(
        figure, "Causal estimates of a 50 Hz line in pink noise, by what is unknown of it"
    )
    canvas.save(figure, path.parent, path.name)


def _panel(axis: Any, rows: Sequence[dict[str, Any]], over: str) -> None:
    """Draw the error of each method against `over`, on a logarithmic scale."""
    scale = 100 if over == "detuning" else 1
    for number, (name, label) in enumerate(SHOWN.items()):
        if not rows or name not in rows[0]["errors"]:
            continue
        axis.plot(
            [scale * row[over] for row in rows], [row["errors"][name] for row in rows],
            marker="o", ms=4, lw=2.6 if name == "freqjax" else 1.5, label=label, color=canvas.colour(number),
        )  # fmt: skip
    axis.set_yscale("log")
    axis.axhline(1, color=canvas.GREY, lw=1, ls="--", zorder=0)
    axis.annotate(
        "an output of 0", (0.5, 1), (0, 3), ha="center", xycoords=("axes fraction", "data"),
        textcoords="offset points", fontsize=8, color=canvas.text_colour(canvas.GREY),
    )  # fmt: skip
    axis.set_xticks(np.unique([scale * row[over] for row in rows]))
