"""Figure of the codes of sequences in a plane: on their principal axes, and by t-SNE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from freqjax.figures import canvas
from freqjax.figures.words import number
from freqjax.tasks.autoencoder.figures.embedding import on_axes, perplexity_of, tsne
from freqjax.tasks.autoencoder.figures.record import Record, brief, spaced

# Points of t-SNE, whose time grows with their square.
_TEST, _ALL = 216, 600
# Colours are the same again after so many labels, with another marker.
_COLOURS = len(canvas.GROUP_COLOURS)
_MARKERS = "osD"


def latent(record: Record, folder: Path) -> Path:
    """Draw codes of test sequences (large) and of training sequences (small), by label and by length."""
    dataset = record.dataset
    chosen = spaced(len(record.codes), _TEST)
    train = record.train_rows[: _ALL - len(chosen)]
    codes = np.concatenate([record.codes[chosen], record.train_codes[: len(train)]])
    parts = ((dataset.test, chosen), (dataset.train, train))
    lengths = np.concatenate([part.mask[rows].sum(axis=1) for part, rows in parts])
    labels = np.concatenate([part.label[rows] for part, rows in parts])
    is_test = np.arange(len(codes)) < len(chosen)
    known = np.isfinite(codes).all(axis=1)
    figure, axes = canvas.subplots(14.5, 5.4, 1, 3)
    first, second, third = axes[0]
    if not known.any():
        for axis in axes[0]:
            canvas.say_not_finite(axis, codes)
            axis.set(xlabel="code (no unit)", ylabel="code (no unit)")
        canvas.set_headline(figure, "The codes are not finite")
        return canvas.save(figure, folder, "latent.png")
    codes, lengths, labels, is_test = (a[known] for a in (codes, lengths, labels, is_test))
    places, shares = on_axes(codes)
    by_label = "no labels" if not record.labels else "by label"
    for axis, where, title in (
        (first, places, f"principal axes, {by_label}"),
        (third, tsne(codes), f"t-SNE (perplexity {perplexity_of(len(codes)):.3g}), {by_label}"),
    ):
        _draw_labels(axis, where, labels, is_test, record.labels)
        axis.set_title(title, loc="left", fontsize=10)
    _draw_lengths(second, places, lengths, is_test)
    for axis in (first, second):
        axis.set_xlabel(f"first principal axis ({100 * shares[0]:.0f} % of the variance)")
        axis.set_ylabel(f"second principal axis ({100 * shares[1]:.0f} % of the variance)")
    third.set(xlabel="t-SNE, first dimension (no unit)", ylabel="t-SNE, second dimension (no unit)")
    figure.legend(
        *first.get_legend_handles_labels(), loc="outside lower center", ncols=8, frameon=False,
        fontsize=9,
    )  # fmt: skip
    used = number(record.probes.geometry.participation)
    canvas.set_headline(
        figure,
        f"Codes of {is_test.sum()} test sequences (large) and {(~is_test).sum()} training sequences "
        f"(small): {used} of {codes.shape[1]} numbers in use",
    )
    return canvas.save(figure, folder, "latent.png")


def _draw_labels(
    axis: Axes,
    places: Float[np.ndarray, "P 2"],
    labels: Int[np.ndarray, " P"],
    is_test: np.ndarray,
    names: tuple[str, ...],
) -> None:
    """Draw points in the colour of their label; without labels test and training have a colour each."""
    if not names:
        for chosen, index, name in ((~is_test, 1, "training"), (is_test, 0, "test")):
            _points(axis, places[chosen], bool(index == 0), canvas.colour(index), "o", name)
        return
    for label, name in enumerate(names):
        marker = _MARKERS[label // _COLOURS % len(_MARKERS)]
        for chosen, large in ((~is_test, False), (is_test, True)):
            named = brief(name, 16) if large else None
            own = places[chosen & (labels == label)]
            _points(axis, own, large, canvas.colour(label), marker, named)


def _points(
    axis: Axes,
    places: Float[np.ndarray, "P 2"],
    large: bool,
    shade: str,
    marker: str,
    name: str | None,
) -> None:
    style = {"s": 26, "alpha": 0.9} if large else {"s": 9, "alpha": 0.4}
    axis.scatter(*places.T, color=shade, marker=marker, lw=0, label=name, **style)


def _draw_lengths(
    axis: Axes,
    places: Float[np.ndarray, "P 2"],
    lengths: Int[np.ndarray, " P"],
    is_test: np.ndarray,
) -> None:
    low, high = int(lengths.min()), int(lengths.max())
    axis.set_title("principal axes, by length", loc="left", fontsize=10)
    if low == high:
        axis.set_title(f"principal axes, all of length {low}", loc="left", fontsize=10)
    for chosen, size, alpha in ((~is_test, 9, 0.4), (is_test, 26, 0.9)):
        axis.scatter(
            *places[chosen].T, c=lengths[chosen], s=size, alpha=alpha, lw=0, cmap="viridis",
            vmin=low, vmax=max(high, low + 1),
        )  # fmt: skip
    if low < high:
        scale = ScalarMappable(Normalize(low, high), "viridis")
        bar = axis.figure.colorbar(scale, ax=axis, fraction=0.05, pad=0.02)
        bar.set_label("length (vectors)", fontsize=9)
        bar.ax.tick_params(labelsize=8)
        bar.locator = MaxNLocator(integer=True, min_n_ticks=1)
        bar.update_ticks()
