"""Inspection of figures in the tests: artists and legibility."""

import io
import pickle
from pathlib import Path

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread, imsave
from matplotlib.text import Text

from freqjax.figures import canvas


def keep_figures(monkeypatch, *, sent=True):
    """Store figures by file name instead of saving them, since layout and encoding take most of the time.

    Those of a benchmark are drawn where they are made, so that they need not be `sent`.
    """
    kept = {}

    def keep(figure, directory, name):
        if sent:
            assert_quick_to_send(figure)
        kept[name] = figure
        return Path(directory, name)

    monkeypatch.setattr(canvas, "save", keep)
    return kept


class _Naming(pickle.Unpickler):
    """Reader of a pickle that remembers which modules it names."""

    def __init__(self, content):
        super().__init__(io.BytesIO(content))
        self.modules = set()

    def find_class(self, module, name):
        self.modules.add(module)
        return super().find_class(module, name)


def assert_quick_to_send(figure):
    """Check that a process can draw it without JAX, which takes longer to import than a figure to draw."""
    reader = _Naming(pickle.dumps(figure))
    reader.load()
    own = {module for module in reader.modules if module.startswith(("freqjax", "jax"))}
    assert all(module.startswith("freqjax.figures.") for module in own), own


# What draws a figure, where tests have put a PIXEL in its place.
PNG = canvas.png
_CONTENT = io.BytesIO()
imsave(_CONTENT, np.ones((1, 1, 3)), format="png")
PIXEL = _CONTENT.getvalue()


def assert_good_png(figure, directory, name="figure.png"):
    """Write it: a small PNG that can be read."""
    path = Path(directory, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PNG(figure))
    assert path.stat().st_size < 300_000
    height, width, _ = imread(path, format="png").shape
    assert width >= 900 and height >= 300
    assert_legible(figure)
    return path


def assert_legible(figure):
    """Check that all text is on the page and dark enough, no labels beside an axis overlap, and every axis
    is labelled."""
    for text in visible_texts(figure):
        assert contrast(text.get_color()) >= 4.5, (text.get_text(), text.get_color())
    for axis in figure.axes:
        for text in [*axis.texts, axis.title, axis.xaxis.label, axis.yaxis.label]:
            box = Text.get_window_extent(text)  # an Annotation's own box has its connector
            assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1, text.get_text()
            assert box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1, text.get_text()
        names = sorted(Text.get_window_extent(text).y0 for text in axis.texts
                       if text.get_position()[0] == 1.035)  # fmt: skip
        assert np.all(np.diff(names) > 9)
    assert any(axis.get_xlabel() for axis in figure.axes)
    assert figure.get_supylabel() or any(axis.get_ylabel() for axis in figure.axes)


def contrast(colour):
    """Return the contrast of a colour with white, by the definition of WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (1 + 0.05) / (luminance + 0.05)


def headline(figure):
    return figure.get_suptitle().replace("\n", " ")


def visible_texts(figure: Figure):
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def curve(axis, colour, least=2):
    """Return the line of one colour with the most points."""
    lines = [line for line in axis.lines if to_hex(line.get_color()).upper() == colour]
    best = max(lines, key=lambda line: len(line.get_xdata()))
    assert len(best.get_xdata()) >= least
    return np.asarray(best.get_xdata()), np.asarray(best.get_ydata())


def levels(axis):
    """Return the heights of the horizontal lines across an axis."""
    return {float(y[0]) for y in (np.asarray(line.get_ydata(), float) for line in axis.lines)
            if len(y) == 2 and y[0] == y[1]}  # fmt: skip
