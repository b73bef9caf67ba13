"""Figure of teacher forcing over the updates: the targets that are read, and the vectors that count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from freqjax.figures import canvas
from freqjax.tasks.autoencoder.network.autoencoder import Practice


def forcing(practice: Practice, samples: int, rows: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Draw both over the updates of a run, or over one more than its phases if no rows are known.

    Args:
      practice: with a share of forcing for each phase.
      samples: T.
      rows: parsed metrics.jsonl; empty for an evaluation without training.
      folder: of forcing.png.
    """
    lengths = practice.lengths or (samples,) * len(practice.forcing)
    done = max((int(row["step"]) for row in rows if row.get("step")), default=0)
    starts = practice.phase * np.arange(len(practice.forcing))
    last = done or practice.phase * len(starts)
    figure, axes = canvas.subplots(8.5, 4.6, 2, 1, sharex=True)
    top, below = axes[:, 0]
    kept = starts < last
    edges = np.append(starts[kept], last)
    shares = np.asarray(practice.forcing, float)[kept]
    counted = np.minimum(lengths, samples)[kept]
    top.stairs(shares, edges, color=canvas.colour(0), lw=2.2, baseline=None)
    below.stairs(counted, edges, color=canvas.colour(1), lw=2.2, baseline=None)
    top.set(ylim=(-0.05, 1.08), ylabel="targets read (share)")
    below.set_ylabel("vectors that count")
    below.axhline(samples, color=canvas.GREY, lw=1, ls="--")
    below.text(
        0.995, 1.02 * samples, f"the longest sequence, {samples}", fontsize=8, ha="right", va="bottom",
        color=canvas.text_colour(canvas.GREY), transform=below.get_yaxis_transform(),
    )  # fmt: skip
    below.set_ylim(0, 1.25 * samples)
    for numbers in (below.xaxis, below.yaxis):
        numbers.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    below.set_xlim(0, last)
    below.set_xlabel("updates")
    which = "its own target (a leak)" if practice.gives_answer else "the target before it"
    top.set_title(f"share of samples that read {which}", loc="left", fontsize=10)
    below.set_title("vectors of a sequence that count in the loss", loc="left", fontsize=10)
    left = len(starts) - int(kept.sum())
    missed = f"; {left} of {len(starts)} phases were not reached" if left else ""
    first, end = shares[0], shares[-1]
    way = (
        f"{100 * first:g} % → {100 * end:g} %" if first != end else f"{100 * first:g} % throughout"
    )
    said = (
        f"Teacher forcing {way}, {counted[0]} → {counted[-1]} vectors"
        if (counted[0] != counted[-1])
        else f"Teacher forcing {way}, {counted[0]} vectors"
    )
    over = f"in {last} updates" if done else f"as configured, phases of {practice.phase} updates"
    canvas.set_headline(figure, f"{said}, {over}{missed}")
    return canvas.save(figure, folder, "forcing.png")
