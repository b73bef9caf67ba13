"""Layout of a figure: the panels of a grid, with as much space around each as its labels need.

Matplotlib's constrained layout measures every panel twice, as its labels depend on its size; to measure takes
most of the time. Here the panels get about their final size first, and after the measurement only those are
measured again whose ticks have changed, or that have texts and another size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import Bbox

# Inches around a panel before it is measured: left, bottom, right, top.
_FIRST_GUESS = (0.4, 0.2, 0.05, 0.1)
# Share of the figure that its panels keep where labels leave no space.
_LEAST = 0.1
# Inches by which axes with texts change before they are measured again.
_SMALL_CHANGE = 0.15

Places = dict[Axes, SubplotSpec]


class _State(NamedTuple):
    """State of axes on which their decorations depend."""

    ticks: list[list[float]]
    size: np.ndarray


class GridLayout(ConstrainedLayoutEngine):
    """Layout of the panels of one grid, below the headline and right of the vertical label of the figure.

    A legend of the figure is below them. If axes have an aspect, or belong to no grid or to several, as
    colour bars do, Matplotlib's constrained layout is used, with the same pads.
    """

    def execute(self, fig: Figure) -> None:
        """Set the positions of the axes, the headline and the vertical label."""
        if not fig.axes:
            return
        places = _places(fig)
        if places is None:
            super().execute(fig)
            return
        for axes in places:
            _hold_empty_labels(axes)
        w_pad, h_pad = self.get()["w_pad"], self.get()["h_pad"]
        pads = np.array([w_pad, h_pad, w_pad, h_pad])
        frame = _frame(fig, w_pad, h_pad)
        margins = dict.fromkeys(places, np.array(_FIRST_GUESS) + pads)
        measured: dict[Axes, _State] = {}
        for last in (False, False, True):
            _place(fig, places, frame, margins)
            states = {axes: _state(axes) for axes in places}
            changed = [axes for axes in places if not _is_like(states[axes], measured.get(axes))]
            if not changed:
                return
            for axes in changed:
                needed = _decorations(axes) + pads
                # Ticks that come and go with the size of the axes get space for both cases.
                margins[axes] = np.maximum(needed, margins[axes]) if last else needed
                measured[axes] = states[axes]
        _place(fig, places, frame, margins)


def _places(figure: Figure) -> Places | None:
    """Return the cells of all axes; None unless all are of one grid of the figure."""
    places: Places = {}
    for axes in figure.axes:
        place = axes.get_subplotspec()
        if place is None or axes.get_aspect() != "auto":
            return None
        places[axes] = place
    grids = [place.get_gridspec() for place in places.values()]
    single = isinstance(grids[0], GridSpec) and grids.count(grids[0]) == len(grids)
    return places if single else None


def _hold_empty_labels(axes: Axes) -> None:
    """Give labels without text a fixed place: to find another, Matplotlib measures all ticks once more."""
    for axis in (axes.xaxis, axes.yaxis):
        if not axis.get_label_text():
            axis.set_label_coords(0, 0)


def _state(axes: Axes) -> _State:
    """Return the ticks of the axes, and their size in inches if texts are at places within them."""
    ticks = [
        np.asarray(axis.get_majorticklocs(), float).tolist() for axis in (axes.xaxis, axes.yaxis)
    ]
    return _State(ticks, np.divide(axes.bbox.size, axes.figure.dpi) if axes.texts else np.zeros(2))


def _is_like(state: _State, other: _State | None) -> bool:
    """Return whether decorations are the same in both states."""
    return (
        other is not None
        and state.ticks == other.ticks
        and bool((abs(state.size - other.size) < _SMALL_CHANGE).all())
    )


def _frame(figure: Figure, w_pad: float, h_pad: float) -> np.ndarray:
    """Set the positions of headline and vertical label, and measure them and the legends.

    Returns:
      [4] inches that they take at the left, bottom, right and top of the figure, with pads.
    """
    frame = np.zeros(4)
    width, height = figure.get_size_inches()
    for text in figure.texts:
        box = text.get_window_extent()
        if text.get_text() == figure.get_suptitle():
            text.set_y(1 - h_pad / height)
            frame[3] = box.height / figure.dpi + 2 * h_pad
        elif text.get_text() == figure.get_supylabel():
            text.set_x(w_pad / width)
            frame[0] = box.width / figure.dpi + 2 * w_pad
    for legend in figure.legends:
        frame[1] = max(frame[1], legend.get_window_extent().height / figure.dpi + 2 * h_pad)
    return frame


def _decorations(axes: Axes) -> np.ndarray:
    """Measure how many inches [4] all that belongs to the axes reaches beyond each side.

    The lengths of titles and labels along the axes do not count, as no layout would change them.
    """
    box = axes.get_tightbbox(for_layout_only=True)
    if box is None:  # invisible
        return np.zeros(4)
    beyond = np.subtract(box.extents, axes.bbox.extents) * (-1, -1, 1, 1)
    return beyond / axes.figure.dpi


def _place(
    figure: Figure, places: Places, frame: np.ndarray, margins: Mapping[Axes, np.ndarray]
) -> None:
    """Set the positions of the axes such that all have their margins, inches [4], within the frame."""
    grid = next(iter(places.values())).get_gridspec()
    left, right = np.zeros((2, grid.ncols))
    bottom, top = np.zeros((2, grid.nrows))
    for axes, place in places.items():
        columns, rows = place.colspan, place.rowspan
        lines = columns.start, rows.stop - 1, columns.stop - 1, rows.start
        for side, line, margin in zip(
            (left, bottom, right, top), lines, margins[axes], strict=True
        ):
            side[line] = max(side[line], margin)
    width, height = figure.get_size_inches()
    x0, x1 = _spans(width, frame[[0, 2]], left, right, grid.get_width_ratios())
    y0, y1 = _spans(height, frame[[3, 1]], top, bottom, grid.get_height_ratios())
    for axes, place in places.items():
        columns, rows = place.colspan, place.rowspan
        corners = [
            (x0[columns.start] / width, 1 - y1[rows.stop - 1] / height),
            (x1[columns.stop - 1] / width, 1 - y0[rows.start] / height),
        ]
        axes.set_position(Bbox(corners))


def _spans(
    size: float, frame: np.ndarray, before: np.ndarray, after: np.ndarray, ratios: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the panels of each column, or row from the top, begin and end, in inches.

    Args:
      size: of the figure, inches.
      frame: [2] inches before and after all panels.
      before: margins of each column or row, inches.
      after: the same, at the other side.
      ratios: of the sizes of the panels.
    """
    space = size - frame.sum() - before.sum() - after.sum()
    sizes = max(space, _LEAST * size) * np.asarray(ratios) / np.sum(ratios)
    ends = frame[0] + np.cumsum(before + sizes + after) - after
    return ends - sizes, ends
