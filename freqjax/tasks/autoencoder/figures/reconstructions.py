"""Figure of some test sequences and their outputs: words, or the first dimensions over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from freqjax.figures import canvas
from freqjax.figures.words import number
from freqjax.tasks.autoencoder.figures.record import Record, brief, cosines, sequence_means
from freqjax.tasks.autoencoder.vocabulary import Vocabulary

# Sequences that are drawn, words in a line, lines of a sequence, and letters of a word.
_SEQUENCES, _WORDS, _LINES, _LETTERS = 4, 12, 2, 12
# Dimensions that are drawn of vectors that are no words.
_DIMENSIONS = 4
# Cosines from 0 (or less) to 1, pale enough for numbers on them, in the shades that a PNG holds.
_SHADES = ListedColormap(
    ["#FFFFFF", "#EEEEFF", "#DDEEFF", "#CCDDFF", "#BBDDFF", "#AACCFF", "#99CCFF", "#88BBFF"]
)
_RIGHT = "#007755"


def reconstructions(record: Record, folder: Path) -> Path:
    """Draw inputs beside outputs of the best, the worst and some test sequences between."""
    each = cosines(record.outputs, record.dataset.test)
    means = sequence_means(each)
    # Outputs that are not finite come last.
    order = np.argsort(-means, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, min(_SEQUENCES, len(order))).astype(int))
    titles = [_title(record, int(order[p]), int(p), float(means[order[p]])) for p in places]
    words = record.dataset.vocabulary is not None and record.dataset.test.rows is not None
    draw = _draw_words if words else _draw_lines
    figure, said = draw(record, each, order[places], titles)
    canvas.set_headline(figure, said)
    return canvas.save(figure, folder, "reconstructions.png")


def _title(record: Record, sequence: int, place: int, mean: float) -> str:
    test, names = record.dataset.test, record.dataset.group_names
    name = brief(names[test.group[sequence]], 24)
    count = len(test.mask)
    rank = f", place {place + 1} of {count}" if count > 1 else ""
    return f"group {name}{rank}: mean cosine {number(mean)}"


def _draw_words(
    record: Record, each: Float[np.ndarray, "N T"], chosen: np.ndarray, titles: list[str]
) -> tuple[canvas.Figure, str]:
    """Draw a panel for each line of words: in, out, and the cosine as colour and number."""
    test, vocabulary = record.dataset.test, record.dataset.vocabulary
    assert vocabulary is not None and test.rows is not None
    lines = []
    for sequence, title in zip(chosen, titles, strict=True):
        there = np.flatnonzero(test.mask[sequence])
        for first in range(0, min(len(there), _WORDS * _LINES), _WORDS):
            if len(there) > _WORDS * _LINES:
                title = f"{title}; {_WORDS * _LINES} of {len(there)} words"
            lines.append((sequence, there[first : first + _WORDS], "" if first else title))
    wide = max(len(there) for _, there, _ in lines)
    figure, axes = canvas.subplots(max(7.0, 1.4 + 0.95 * wide), 0.9 + 1.15 * len(lines), len(lines))
    for axis, (sequence, there, title) in zip(axes[:, 0], lines, strict=True):
        outputs = record.outputs[sequence, there]
        rows = (test.rows[sequence, there], nearest_rows(vocabulary, outputs))
        _draw_table(axis, vocabulary, rows, each[sequence, there], there + 1, wide)
        axis.set_title(title, loc="left", fontsize=10, color=canvas.INK)
    axes[-1, 0].set_xlabel("position in the sequence (words)")
    figure.supylabel("words in and out, and their cosine (no unit)", fontsize=10)
    if not np.isfinite(each).any():
        return figure, "The output is not finite: no word is near it"
    right = share_right(record)
    return figure, (
        f"The nearest word of an output is the right one (green) at {100 * right:.0f} % of the test "
        "words; blue: cosine"
    )


def _draw_table(
    axis: Axes,
    vocabulary: Vocabulary,
    rows: tuple[np.ndarray, np.ndarray],
    each: Float[np.ndarray, " n"],
    positions: np.ndarray,
    wide: int,
) -> None:
    numbers = (values.tolist() for values in (*rows, each))
    for place, (given, found, cosine) in enumerate(zip(*numbers, strict=True)):
        shade = canvas.text_colour(canvas.GREY)
        if given == found:
            shade = _RIGHT
        texts = (_spelled(vocabulary, given), _spelled(vocabulary, found), _cosine(cosine))
        colours = (canvas.INK, shade, canvas.INK)
        for line, (text, colour) in enumerate(zip(texts, colours, strict=True)):
            weight = "bold" if line == 1 and given == found else "normal"
            axis.text(
                place, line, text, fontsize=9, ha="center", va="center", color=colour, weight=weight
            )
    axis.imshow(
        np.where(np.isfinite(each), each, 0)[None], cmap=_SHADES, vmin=0, vmax=1, aspect="auto",
        extent=(-0.5, len(each) - 0.5, 2.5, 1.5), interpolation="nearest",
    )  # fmt: skip
    axis.set(xlim=(-0.5, wide - 0.5), ylim=(2.5, -0.5))
    axis.set_xticks(range(len(each)), [str(position) for position in positions])
    axis.set_yticks(range(3), ["in", "out", "cosine"])
    axis.grid(False)
    axis.tick_params(length=0)
    axis.spines[["left", "bottom"]].set_visible(False)


def nearest_rows(
    vocabulary: Vocabulary, outputs: Float[np.ndarray, "n D"]
) -> Int[np.ndarray, " n"]:
    """Return the row nearest to each output; −1 where the output is not finite."""
    finite = np.asarray(np.isfinite(outputs).all(axis=1))
    found = vocabulary.nearest(np.where(finite[:, None], outputs, 0))[0][:, 0]
    return np.where(finite, found, -1)


def share_right(record: Record) -> float:
    """Return the share of the test words whose output is nearest to them."""
    test, vocabulary = record.dataset.test, record.dataset.vocabulary
    assert vocabulary is not None and test.rows is not None
    found = nearest_rows(vocabulary, record.outputs[test.mask])
    return float(np.mean(found == test.rows[test.mask]))


def _spelled(vocabulary: Vocabulary, row: int) -> str:
    return brief(vocabulary.words_of(row)[0], _LETTERS) if row >= 0 else "–"


def _cosine(value: float) -> str:
    # What is rounded to 0 has no sign.
    return f"{round(value, 2) + 0.0:.2f}" if np.isfinite(value) else "not finite"


def _draw_lines(
    record: Record, each: Float[np.ndarray, "N T"], chosen: np.ndarray, titles: list[str]
) -> tuple[canvas.Figure, str]:
    """Draw a panel for each sequence and each of the first dimensions: input grey, output in colour."""
    test = record.dataset.test
    dimensions = min(_DIMENSIONS, test.vectors.shape[2])
    figure, axes = canvas.subplots(
        max(7.0, 4.2 * dimensions), 1.2 + 1.7 * len(chosen), len(chosen), dimensions, sharex=True
    )
    for line, sequence in enumerate(chosen):
        there = test.mask[sequence]
        times = np.arange(1, len(there) + 1)
        marker = "o" if len(there) <= _WORDS else None
        for dimension, axis in enumerate(axes[line]):
            given, found = (a[sequence, :, dimension] for a in (test.vectors, record.outputs))
            finite = there & np.isfinite(found)
            shown = {"marker": marker, "ms": 4}
            axis.plot(
                times, np.where(there, given, np.nan), color=canvas.PALE, lw=4, label="in", **shown
            )
            axis.plot(
                times, np.where(finite, found, np.nan), color=canvas.colour(dimension), lw=1.5,
                label="out", **shown,
            )  # fmt: skip
            if len(there) == 1:
                axis.set_xticks([1])
            canvas.say_not_finite(axis, found[there])
        axes[line, 0].set_title(titles[line], loc="left", fontsize=10)
        axes[line, 0].set_ylabel("value (that of the data)")
    for dimension, axis in enumerate(axes[-1]):
        axis.set_xlabel(f"time (samples), dimension {dimension + 1}")
    mean = float(np.nanmean(each)) if np.isfinite(each).any() else np.nan
    every = test.vectors.shape[2]
    some = f", the first {dimensions} of {every} dimensions" if dimensions < every else ""
    return figure, f"Test sequences (grey) and outputs (colour){some}: cosine {number(mean)}"
