"""Figure of the classes that are told beside those that are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from freqjax.figures import canvas
from freqjax.figures.words import number
from freqjax.tasks.classifier import scores
from freqjax.tasks.classifier.judged import Judge, Judged
from freqjax.tasks.classifier.sections import predictions

# With more classes than this the counts are not written into the cells.
_WRITTEN = 16


def confusion(judge: Judge, judged: Judged, folder: Path) -> Path:
    """Draw the share of each class's windows that is told as each class, and the counts."""
    test, names = judge.dataset.test, judge.dataset.class_names
    counts = scores.confusion(test.label, predictions(judge, judged, "test"), judge.classes)
    rows = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(rows, 1)
    size = 3.4 + 0.42 * len(names)
    figure, axes = canvas.subplots(size + 1.2, size, 1, 1)
    axis = axes[0, 0]
    axis.grid(visible=False)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(names) <= _WRITTEN:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                shade = "white" if shares[row, column] > 0.5 else canvas.INK
                axis.text(
                    column, row, f"{count:,}", ha="center", va="center", color=shade, fontsize=8
                )
    axis.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_xlabel("class told")
    axis.set_ylabel("class")
    figure.colorbar(image, ax=axis, shrink=0.7, label="share of the class (no unit)")
    canvas.set_headline(figure, _finding(counts, names))
    return canvas.save(figure, folder, "confusion.png")


def _finding(counts: np.ndarray, names: tuple[str, ...]) -> str:
    right = float(np.trace(counts) / counts.sum())
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    said = f"Right in {number(right)} of the test windows"
    if not wrong.any():
        return said
    row, column = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    return f"{said}; most often, {names[row]} is told as {names[column]} ({wrong.max():,} windows)"
