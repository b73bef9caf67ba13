"""Panels have space for all that belongs to them, where Matplotlib's own layout has them too."""

import io
import itertools
import pickle
from typing import Any, cast

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread
from matplotlib.ticker import Locator

from freqjax.figures import canvas, layout
from tests.figures.reading import PNG

LONG = "a label that is long enough to need more than a line of its own"


def plain():
    figure, axes = canvas.subplots(6, 3)
    axes[0, 0].plot([0, 1], [0.25, 1e3])
    axes[0, 0].set(xlabel="time (s)", ylabel="signal")
    return figure


def spare():
    """Five panels of two rows, each with a title, an outside legend and a long headline."""
    figure, axes = canvas.grid(5, 2.0, sharex=True, sharey=True)
    for axis in axes:
        axis.plot([0, 1], [1e4, 2e6], label="output")
        axis.set_title("a panel", loc="left", fontsize=10)
    canvas.outer_labels(axes, "time since the start (s)", "signal")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", frameon=False)
    canvas.set_headline(figure, f"{LONG}, {LONG}, {LONG}")
    return figure


def ratios():
    """Panels of different sizes, one across all rows, with names of ticks and texts beyond their edges."""
    figure = canvas.blank(9, 5)
    cells = figure.add_gridspec(3, 2, width_ratios=(2, 1), height_ratios=(1, 2, 1))
    for row in range(3):
        axis = figure.add_subplot(cells[row, 0])
        axis.text(1.035, 0.5, "beside the panel", transform=axis.transAxes)
        axis.set_ylabel("signal\nin two lines")
    axis = figure.add_subplot(cells[:, 1])
    axis.set_yticks(range(3), ["short", "a longer name", "another"])
    axis.set_xlabel("share")
    axis.legend(axis.plot([0, 1], [0, 2]), ["line"], loc="center left", bbox_to_anchor=(1, 0.5))
    canvas.set_headline(figure, "Ratios")
    return figure


def supylabel():
    figure, axes = canvas.subplots(8, 6, 4, 1, sharex=True, height_ratios=(1, 2, 1, 1))
    for axis in axes[:, 0]:
        axis.set_title("two\nlines", loc="left", fontsize=9)
    figure.supylabel("signal (no unit)")
    canvas.set_headline(figure, "A label for all rows")
    return figure


class EndsWhereWide(Locator):
    """A tick at 1 only if the axis is longer than 5.7 inches."""

    def __call__(self):
        axis = cast(Axis, self.axis)
        return [0.0, 1.0] if axis.axes.bbox.width > 5.7 * 140 else [0.0]


def name_of_end(value, place):
    return LONG[:20] if value else ""


def changing():
    """A panel that is wide until its last tick is named, and then too short for that tick."""
    figure, axes = canvas.subplots(6, 3)
    axes[0, 0].set(yticks=[], xlabel="time (s)")
    axes[0, 0].xaxis.set_major_locator(EndsWhereWide())
    axes[0, 0].xaxis.set_major_formatter(name_of_end)
    return figure


FIGURES = [plain, spare, ratios, supylabel, changing]


def drawn(figure, engine=None):
    if engine is not None:
        figure.set_layout_engine("none")
        figure.set_layout_engine(engine)
    FigureCanvasAgg(figure).draw()
    return figure


def edges(figure):
    """Return [panels, 4] the positions of all panels in inches."""
    size = np.tile(figure.get_size_inches(), 2)
    return np.array([axes.get_position().extents * size for axes in figure.axes])


@pytest.mark.parametrize("make", FIGURES)
def test_nothing_is_cut_and_no_panels_overlap(make):
    figure = drawn(make())
    width, height = figure.get_size_inches()
    left, bottom, right, top = figure.get_tightbbox().extents
    assert min(left, bottom, width - right, height - top) >= 0
    if make is not changing:  # no space is wasted either
        assert max(left, bottom, width - right, height - top) < 0.15
    headline = [text.get_window_extent() for text in figure.texts if text.get_rotation() == 0]
    legends = [legend.get_window_extent() for legend in figure.legends]
    panels = [axes.get_tightbbox(for_layout_only=True) for axes in figure.axes]
    for one, other in itertools.combinations([*headline, *legends, *panels], 2):
        assert not one.overlaps(other)


@pytest.mark.parametrize("make", [make for make in FIGURES if make is not changing])
def test_panels_are_where_matplotlib_has_them(make):
    ours, theirs = edges(drawn(make())), edges(drawn(make(), "constrained"))
    np.testing.assert_allclose(ours, theirs, atol=0.1)


@pytest.mark.parametrize("make", FIGURES)
def test_a_figure_is_drawn_alike_each_time(make):
    figure = make()
    again = pickle.loads(pickle.dumps(figure))
    assert PNG(figure) == PNG(figure) == PNG(again)


def test_sizes_of_panels_have_their_ratios():
    sizes = np.diff(edges(drawn(ratios())).reshape(-1, 2, 2), axis=1)[:, 0]
    np.testing.assert_allclose(sizes[:3, 1] / sizes[0, 1], (1, 2, 1))
    np.testing.assert_allclose(sizes[:3, 0] / sizes[3, 0], 2)


def test_panels_are_measured_again_only_if_that_may_differ(monkeypatch):
    measured = []
    measure = layout._decorations
    monkeypatch.setattr(layout, "_decorations", lambda axes: measured.append(axes) or measure(axes))
    figure, axes = canvas.subplots(8, 5, 2, 2)
    for axis in axes.flat:
        axis.set(xticks=[0, 1], yticks=[0, 1], xlabel="time (s)")
    axes[0, 1].text(1.02, 0.5, "a text beside the panel", transform=axes[0, 1].transAxes)
    assert measured == [*drawn(figure).axes, axes[0, 1]]


def test_panels_keep_some_space_where_labels_leave_none():
    figure, axes = canvas.subplots(3, 1, 4, 1)
    for axis in axes[:, 0]:
        axis.set_title("three\nmore\nlines")
    assert (np.diff(edges(drawn(figure)).reshape(-1, 2, 2), axis=1) > 0).all()


def test_a_colour_bar_is_laid_out_by_matplotlib():
    def make():
        figure, axes = canvas.subplots(5, 4)
        image = axes[0, 0].imshow(np.eye(3), aspect="auto")
        figure.colorbar(image, ax=axes[0, 0], label="share")
        canvas.set_headline(figure, "Shares")
        return figure

    np.testing.assert_array_equal(edges(drawn(make())), edges(drawn(make(), "constrained")))


def test_a_figure_of_words_alone_needs_no_layout():
    figure = canvas.blank(5, 2)
    canvas.set_headline(figure, "No panel")
    drawn(figure)  # Matplotlib's own layout warns


@pytest.mark.parametrize("colours", [3, 256, 257, 4096])
def test_a_png_has_sixteen_shades_per_channel(colours):
    shades = np.stack(np.unravel_index(np.arange(colours), (16, 16, 16)), axis=1) * 17
    near = np.clip(shades + np.random.default_rng(0).integers(-8, 9, shades.shape), 0, 255)
    figure = canvas.blank(colours / 140, 1 / 140)
    pixels = np.concatenate([near, np.full((colours, 1), 255)], axis=1).astype(np.uint8)
    figure.figimage(pixels[None])
    content = io.BytesIO(PNG(figure))
    read = cast(Any, imread(content, format="png"))
    np.testing.assert_array_equal(np.rint(255 * read[0, :, :3]), shades)
