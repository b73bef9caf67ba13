"""Writing of the page of a sweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from freqjax.page import writing
from freqjax.sweep.page.contents import MOST_SETTINGS, contents_of
from freqjax.sweep.page.curves import curves_of
from freqjax.sweep.page.reading import read
from freqjax.sweep.page.settings import settings_of
from freqjax.system.files import write_text


def attempt(folder: Path, say: Callable[[str], None]) -> None:
    """Write page.html of the sweep in `folder`; `say` is told where it is, or why there is none."""
    place = folder / writing.NAME
    writing.attempt_at(place, lambda path: write_text(path, page_of(folder)), say)


def page_of(folder: Path) -> str:
    """Return the page of a sweep as HTML, whether it has ended or not.

    Raises:
      ImportError: Bokeh is not installed.
      UserError: its config or its results are missing or damaged.
    """
    from freqjax.sweep.page import panels

    swept = read(folder)
    settings, names = settings_of(swept), swept.names
    keys = {"frozen": names.frozen, "prequential": "loss"}
    kinds = {kind: curves_of(swept, settings[:MOST_SETTINGS], key) for kind, key in keys.items()}
    constants = {row[names.constant] for row in swept.rows if names.constant in row}
    levels = {f"{names.constant_name}, test rows": constants.pop()} if len(constants) == 1 else {}
    made = panels.losses(kinds, names.label, levels)
    return writing.render("sweep.html", contents_of(swept, settings), made.figures, made.given)
