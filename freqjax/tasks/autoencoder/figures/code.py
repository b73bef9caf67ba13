"""Figures of the code: its numbers over the test sequences, and what its bits are worth."""

from __future__ import annotations

import math
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator

from freqjax.figures import canvas
from freqjax.figures.lines import label_ends
from freqjax.figures.words import number
from freqjax.tasks.autoencoder.figures.record import Record
from freqjax.tasks.autoencoder.network.code import Code

# Numbers of a code that are drawn, and bins of a histogram.
_NUMBERS, _BINS = 16, 40


def code(record: Record, folder: Path) -> Path:
    """Draw a histogram of each number over the test sequences, with the entropy of its levels."""
    codes, numbers = record.codes, record.codes.shape[1]
    used = level_entropy(codes, record.bits)
    shown = min(numbers, _NUMBERS)
    figure, axes = canvas.grid(shown, 1.75, sharex=True)
    edges = np.linspace(-1, 1, _BINS + 1)
    for index, axis in enumerate(axes):
        values = codes[:, index]
        finite = values[np.isfinite(values)]
        counts = np.histogram(np.clip(finite, -1, 1), edges)[0]
        axis.stairs(counts, edges, fill=True, color=canvas.colour(0), alpha=0.8)
        axis.set_xlim(-1.02, 1.02)
        axis.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        title = f"number {index + 1}: {used[index]:.1f} of {record.bits} bits"
        axis.set_title(title, loc="left", fontsize=10)
        canvas.say_not_finite(axis, values)
    canvas.outer_labels(axes, "value in [−1, 1]", "sequences")
    most = math.log2(len(codes))
    first = f"The first {shown} of {numbers} numbers" if shown < numbers else "The code"
    known = used[np.isfinite(used)]
    total = number(float(known.sum())) if len(known) else "not finite"
    canvas.set_headline(
        figure,
        f"{first} over {len(codes)} test sequences, which can show {most:.1f} bits a number at most: the "
        f"entropies of all numbers have the sum {total} of {numbers * record.bits} bits",
    )
    return canvas.save(figure, folder, "code.png")


def level_entropy(codes: Float[np.ndarray, "N K"], bits: int) -> Float[np.ndarray, " K"]:
    """Return the entropy in bits of the levels of each number over N sequences; NaN if one is not finite."""
    found = np.full(codes.shape[1], np.nan)
    finite = np.isfinite(codes).all(axis=0)
    levels = np.asarray(Code(codes.shape[1], bits).indices(jnp.where(finite, codes, 0)))
    for index in np.flatnonzero(finite):
        share = np.unique(levels[:, index], return_counts=True)[1] / len(codes)
        found[index] = max(0.0, -float(np.sum(share * np.log2(share))))
    return found


def bits(record: Record, folder: Path) -> Path:
    """Draw the cosine over the bits of a number, beside other methods and a code that is not the own."""
    probes, numbers = record.probes, record.codes.shape[1]
    figure, axes = canvas.subplots(8.5, 4.8)
    axis = axes[0, 0]
    rates = sorted(probes.by_bits)
    values = [probes.by_bits[rate] for rate in rates]
    ends = []
    for index, (name, score) in enumerate(record.scores.items()):
        if math.isfinite(score):
            axis.axhline(score, color=canvas.colour(index), lw=1.2, ls="--", zorder=1)
            ends.append((score, f"{name}, {number(score)}", canvas.colour(index)))
    changed = [(probes.zeroed, "code zeroed"), (probes.swapped, "codes swapped")]
    if probes.states_swapped is not None:
        changed.append((probes.states_swapped, "encoder's states swapped"))
    for score, name in changed:
        if math.isfinite(score):
            axis.axhline(score, color=canvas.GREY, lw=1.2, ls=":", zorder=1)
            ends.append((score, f"{name}, {number(score)}", canvas.GREY))
    axis.set_xscale("log", base=2)
    axis.plot(rates, values, color=canvas.INK, lw=2.2, marker="o", ms=6)
    if math.isfinite(values[-1]):
        ends.append((values[-1], f"network, {number(values[-1])}", canvas.INK))
    axis.set_xlim(rates[0] / 1.3, rates[-1] * 1.3)
    axis.set_xticks(rates, [_rate(rate, numbers) for rate in rates])
    axis.minorticks_off()
    axis.set_xlabel("precision (bits a number; below: bits a sequence)")
    axis.set_ylabel("mean cosine on test data (no unit)")
    axis.set_title(
        f"dashed: other methods at {record.bits} bits a number; dotted: the code changed", loc="left",
        fontsize=10,
    )  # fmt: skip
    if not np.isfinite(values).any():
        canvas.say_not_finite(axis, np.array(values))
    label_ends(axis, ends)
    canvas.set_headline(figure, _bits_finding(record, rates))
    return canvas.save(figure, folder, "bits.png")


def _rate(rate: int, numbers: int) -> str:
    return f"{rate}\n{rate * numbers}" if rate < 32 else f"float32\n{rate * numbers}"


def _bits_finding(record: Record, rates: list[int]) -> str:
    probes = record.probes
    if not math.isfinite(probes.cosine):
        return "The output is not finite: it has no cosine"
    return (
        f"Cosine {number(probes.cosine)} at {record.bits} bits a number, {number(probes.by_bits[rates[0]])} "
        f"at {rates[0]}; code zeroed {number(probes.zeroed)}"
    )
