"""Figure of the curve that a number of the code is a place on: how alike its nodes are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator

from freqjax.figures import canvas
from freqjax.figures.words import number
from freqjax.tasks.autoencoder.figures.record import Record, brief, spaced
from freqjax.tasks.autoencoder.vocabulary import unit

# Nodes whose words are spelled.
_NAMED = 24


def curve(record: Record, nodes: Float[np.ndarray, "P L D"], folder: Path) -> Path:
    """Draw the cosine of every two nodes of the first curve, the mean over the samples of a segment.

    Near the diagonal are nodes of codes that differ little. Words are those nearest to a node's vectors.
    """
    alike = similarity(nodes)
    figure, axes = canvas.subplots(8.5, 6.4)
    axis = axes[0, 0]
    axis.grid(False)
    count = len(nodes)
    image = axis.imshow(
        alike, aspect="auto", cmap="viridis", vmax=1, interpolation="nearest", extent=(0.5, count + 0.5,
        count + 0.5, 0.5),
    )  # fmt: skip
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_xlabel("node of the curve (place of a number of the code)")
    named = spaced(count, _NAMED)
    words = _words(record, nodes[named])
    labels = [str(node + 1) for node in named]
    if words:
        labels = [f"{word} {label}" for word, label in zip(words, labels, strict=True)]
    axis.set_yticks([node + 1 for node in named], labels, fontsize=8)
    axis.set_ylabel("node, with the nearest words of its vectors" if words else "node")
    bar = figure.colorbar(image, ax=axis, fraction=0.05, pad=0.02)
    bar.set_label("cosine of two nodes", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    axis.set_title("near the diagonal: codes that differ little", loc="left", fontsize=10)
    canvas.say_not_finite(axis, alike)
    canvas.set_headline(figure, _finding(alike))
    return canvas.save(figure, folder, "curve.png")


def similarity(nodes: Float[np.ndarray, "P L D"]) -> Float[np.ndarray, "P P"]:
    """Return the mean cosine of every two nodes over the samples of a segment."""
    directions = unit(nodes)
    return np.einsum("pld,qld->pq", directions, directions) / nodes.shape[1]


def _words(record: Record, nodes: Float[np.ndarray, "P L D"]) -> list[str]:
    """Return the nearest words of each node; none if the vectors are no words."""
    vocabulary = record.dataset.vocabulary
    if vocabulary is None or not np.isfinite(nodes).all():
        return []
    return [brief(vocabulary.spell(vocabulary.nearest(node)[0][:, 0]), 28) for node in nodes]


def _finding(alike: Float[np.ndarray, "P P"]) -> str:
    if not np.isfinite(alike).all():
        return "The nodes of the curve are not finite"
    beside = float(np.mean(np.diagonal(alike, 1)))
    others = float(np.mean(alike[~np.eye(len(alike), dtype=bool)]))
    return f"Nodes beside each other have the cosine {number(beside)}, any two {number(others)}"
