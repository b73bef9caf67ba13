"""Figure of the weights of attention of one test sequence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from freqjax.figures import canvas
from freqjax.figures.words import number
from freqjax.tasks.autoencoder.figures.record import Record, brief
from freqjax.tasks.autoencoder.figures.weights import Attention

# Rows or columns that are named one by one.
_NAMED = 60


def attention(record: Record, shown: Attention, folder: Path) -> Path:
    """Draw the weight of each slot of the code, or of each sample of the encoder, in each output."""
    weights = shown.weights
    outputs, slots = weights.shape
    height = float(np.clip(1.8 + 0.2 * outputs, 3.4, 12))
    width = float(np.clip(3.5 + (0.24 if shown.leaks else 0.55) * slots, 7, 16))
    figure, axes = canvas.subplots(width, height)
    axis = axes[0, 0]
    axis.grid(False)
    image = axis.imshow(
        np.where(np.isfinite(weights), weights, 0), aspect="auto", cmap="viridis", vmin=0,
        interpolation="nearest", extent=(0.5, slots + 0.5, outputs + 0.5, 0.5),
    )  # fmt: skip
    names = _names(record, shown.sequence, outputs)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if outputs <= _NAMED:
        axis.set_yticks(range(1, outputs + 1), names, fontsize=8)
    if shown.leaks and slots <= _NAMED:
        axis.set_xticks(range(1, slots + 1), names[:slots], fontsize=8, rotation=90)
    axis.set_ylabel("output (position in the sequence)")
    axis.set_xlabel(
        "state of the encoder (position in the sequence)" if shown.leaks else "slot of the code"
    )
    bar = figure.colorbar(image, ax=axis, fraction=0.05, pad=0.02)
    bar.set_label("weight (mean over heads, sum 1 of a row)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    axis.set_title("how many are read: exp of the entropy of a row", loc="left", fontsize=10)
    canvas.say_not_finite(axis, weights)
    canvas.set_headline(figure, _finding(shown))
    return canvas.save(figure, folder, "attention.png")


def _names(record: Record, sequence: int, count: int) -> list[str]:
    """Return the positions, with their words where the vectors are words."""
    dataset, names = record.dataset, [str(t + 1) for t in range(count)]
    if dataset.vocabulary is None or dataset.test.rows is None:
        return names
    rows = dataset.test.rows[sequence, :count].tolist()
    words = [dataset.vocabulary.words_of(row)[0] if row >= 0 else "" for row in rows]
    return [f"{brief(word, 12)} {name}".strip() for word, name in zip(words, names, strict=True)]


def read_slots(weights: np.ndarray) -> float:
    """Return how many slots an output reads: the mean of exp of the entropy of its weights."""
    logs = np.log(np.maximum(weights, 1e-12))
    return float(np.mean(np.exp(-np.sum(weights * logs, axis=1))))


def _finding(shown: Attention) -> str:
    slots = shown.weights.shape[1]
    if not np.isfinite(shown.weights).all():
        return "The weights of attention are not finite"
    read = number(read_slots(shown.weights))
    if shown.leaks:
        return f"A leak: an output reads {read} of {slots} states of the encoder, past the code"
    return f"An output reads {read} of {slots} slots of the code"
