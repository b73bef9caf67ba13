"""Common parts of all figures: axes, headline, PNG.

pyplot is not used, so that there is no display and no global state, and figures can be drawn in any thread.
"""

import io
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from freqjax.figures import processes
from freqjax.figures.layout import GridLayout
from freqjax.figures.palette import (
    GREY,
    GROUP_COLOURS,
    INK,
    LAYER_COLOURS,
    PALE,
    colour,
    text_colour,
)
from freqjax.system.files import replacing

__all__ = [
    "GREY",
    "GROUP_COLOURS",
    "INK",
    "LAYER_COLOURS",
    "PALE",
    "blank",
    "colour",
    "dress",
    "grid",
    "outer_labels",
    "png",
    "save",
    "say_not_finite",
    "set_headline",
    "subplots",
    "text_colour",
    "write",
]

# Sixteen shades per channel, with an error of at most 8 of 255: most figures then have few enough colours for
# a PNG with a palette, which is smaller and quicker to compress.
_SHADES, _MOST_COLOURS = 16, 256
_SHADE = ((np.arange(256) + 8) // 17).astype(np.uint16)


def blank(width: float, height: float) -> Figure:
    """Create a figure of width × height inches without pyplot."""
    return Figure(figsize=(width, height), dpi=140, layout=GridLayout(), facecolor="white")


def dress(axis: Axes) -> None:
    """Draw a pale grid behind the data, and remove the frame."""
    axis.grid(True, color="#E6E6E6", lw=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=9)


def subplots(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, np.ndarray]:
    """Create a figure of width × height inches and its axes [rows, columns]."""
    figure = blank(width, height)
    axes = figure.subplots(
        rows, columns, squeeze=False, sharex=options.pop("sharex", False),
        sharey=options.pop("sharey", False), gridspec_kw=options or None,
    )  # fmt: skip
    for axis in axes.flat:
        dress(axis)
    return figure, axes


def grid(panels: int, height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """Create a figure with a panel for each group, at most four in a row."""
    columns = _columns(panels)
    rows = math.ceil(panels / columns)
    figure, axes = subplots(max(7.0, 3.1 * columns), 0.9 + height * rows, rows, columns, **options)
    for column, spare in enumerate(axes.flat[panels:], start=panels):
        spare.remove()
        axes.flat[column - columns].tick_params(labelbottom=True)
    return figure, list(axes.flat[:panels])


def _columns(panels: int) -> int:
    """Return the panels per row: the fewest rows of at most four, filled evenly, such as 3 + 2 for 5."""
    return math.ceil(panels / math.ceil(panels / 4))


def outer_labels(axes: Sequence[Axes], x: str, y: str) -> None:
    """Label the lowest panel of each column and the first of each row."""
    columns = _columns(len(axes))
    for panel, axis in enumerate(axes):
        axis.set_xlabel(x if panel + columns >= len(axes) else "")
        axis.set_ylabel("" if panel % columns else y)


def set_headline(figure: Figure, text: str) -> None:
    """Write the finding in bold above everything, in lines of about equal length."""
    most = int(figure.get_figwidth() * 9.8)
    lines = max(1, len(textwrap.wrap(text, most)))
    widths = range(max(1, len(text) // lines), most)
    width = next((w for w in widths if len(textwrap.wrap(text, w)) <= lines), most)
    wrapped = textwrap.fill(text, width)
    figure.suptitle(wrapped, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)


def save(figure: Figure, directory: str | Path, name: str) -> Path:
    """Write the figure as a PNG; the directory is created if it is missing.

    Within `freqjax.figures.processes.drawing` another process draws it, and it may be written later.
    """
    path = Path(directory) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    drawers = processes.current()
    if drawers is None or not drawers.take(figure, path, write):
        write(figure, path)
    return path


def write(figure: Figure, path: Path) -> None:
    """Draw the figure here and write it as a PNG."""
    content = png(figure)
    with replacing(path) as file:
        file.write(content)


def png(figure: Figure) -> bytes:
    """Lay the figure out, draw it and return it as a PNG."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    content = io.BytesIO()
    _few_colours(np.asarray(canvas.buffer_rgba())).save(content, format="png", compress_level=5)
    return content.getvalue()


def _few_colours(pixels: np.ndarray) -> Image.Image:
    """Reduce the colours of pixels [height, width, 4] to a few shades per channel; alpha is dropped."""
    red, green, blue = (_SHADE[pixels[..., channel]] for channel in range(3))
    colours = (red * _SHADES + green) * _SHADES + blue
    used = np.flatnonzero(np.bincount(colours.ravel(), minlength=_SHADES**3))
    table = np.stack(np.unravel_index(used, (_SHADES,) * 3), axis=1).astype(np.uint8) * 17
    place = np.zeros(_SHADES**3, np.uint16)
    place[used] = np.arange(len(used))
    if len(used) > _MOST_COLOURS:
        return Image.fromarray(table[place[colours]])
    image = Image.fromarray(place[colours].astype(np.uint8))
    image.putpalette(table.tobytes())
    return image


def say_not_finite(axis: Axes, values: np.ndarray) -> bool:
    """Write the share of the output that is not finite onto the axis, and return whether there is any."""
    share = float(np.mean(~np.isfinite(values)))
    if share:
        box = {"facecolor": "white", "edgecolor": INK, "boxstyle": "round", "alpha": 0.9}
        part = "all" if share == 1 else f"{100 * share:.3g} % of the"
        axis.text(
            0.5, 0.5, f"output not finite\nin {part} samples", fontsize=9, bbox=box,
            ha="center", va="center", transform=axis.transAxes,
        )  # fmt: skip
    return share > 0
