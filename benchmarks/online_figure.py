"""Figure of what each part of strict online learning is needed for, from benchmarks/results/online.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.online_page import worst
from freqjax.figures import canvas

# Job → its label. All are runs over the same 40,000 rows, at most four times.
_SHOWN = {
    "the stream, state reset at each block": "all parts",
    "prior not relative to the speed": "without the prior in proportion to speed",
    "without the state correction": "without the state correction",
    "gradient through each unit alone (SnAp-1)": "gradient through each unit alone (SnAp-1)",
    "gradient cut at one sample": "gradient cut at one sample",
    "the exact gradient with Adam, no filter": "no filter: the exact gradient with Adam",
    "the usual recipe: cut at one sample, with Adam": "none: gradient cut at one sample, Adam",
}
_SOLVED, _ZERO = 0.01, 0.5


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write a PNG: the worst frozen error of every training seed, by what was left out."""
    figure, axes = canvas.subplots(8.4, 3.9, 1, 1)
    axis = axes[0][0]
    for place, job in enumerate(_SHOWN):
        errors = [worst(row) for row in rows if row["job"] == job]
        spread = place + np.linspace(-0.25, 0.25, len(errors)) * (len(errors) > 1)
        solved = np.array(errors) < _SOLVED
        axis.plot(errors, spread, "o", ms=5, alpha=0.75, color=canvas.GROUP_COLOURS[0])
        axis.annotate(
            f"{solved.sum()} of {len(errors)}", (1, place), (6, 0), va="center",
            xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=9,
        )  # fmt: skip
    for value, words in ((_SOLVED, "solved below this"), (_ZERO, "predicting zero")):
        axis.axvline(value, color=canvas.GREY, lw=1, ls="--", zorder=0)
        axis.annotate(
            words, (value, 1), (-4, 3), ha="right" if value == _SOLVED else "center",
            xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=8,
            color=canvas.GREY,
        )  # fmt: skip
    axis.set_xscale("log")
    axis.set_yticks(range(len(_SHOWN)), list(_SHOWN.values()))
    axis.set_ylim(len(_SHOWN) - 0.5, -0.5)
    axis.set_xlabel("worst frozen test MSE of a training seed")
    canvas.set_headline(
        figure,
        "What is learned from 40,000 rows when a part of the rule is missing",
    )
    canvas.save(figure, path.parent, path.name)
