"""Figures of two runs: the losses of both in a panel, one kind of loss in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bokeh.models
import numpy as np

from freqjax.figures.history import history_of, positive
from freqjax.page.comparison.sides import Side
from freqjax.page.panels import Panels, count_updates, figure

# Bokeh's annotations refuse some of what it takes.
models: Any = bokeh.models

_HEIGHT = 300
# Roles, which give lines their colours: those of the outputs in the figures of signals.
_ROLES, _DASHES = ("output", "second"), ("solid", "dashed")


def losses(sides: Sequence[Side]) -> Panels:
    """Make a figure of the frozen losses and one of the prequential ones; runs of one loss alone.

    The sources are given as "losses": name of the figure → one for each run.
    """
    shared = models.DataRange1d()
    figures: dict[str, Any] = {}
    given: dict[str, Any] = {}
    for kind in ("frozen", "prequential"):
        label = f"{kind} {sides[0].task.objective.label}"
        panel = figure(_HEIGHT, y_axis_type="log", y_axis_label=label, x_range=shared)
        count_updates(panel)
        drawn = [_line(panel, place, side, kind) for place, side in enumerate(sides) if side.rows]
        if any(len(source.data["x"]) for source in drawn):
            figures[kind], given[kind] = panel, drawn
    for one in list(figures.values())[-1:]:
        one.xaxis.axis_label = "update"
    return Panels(figures, {"compared": given} if given else {})


def _line(panel: Any, place: int, side: Side, kind: str) -> Any:
    history = history_of(side.rows, len(side.task.group_names), side.task.columns)
    values = positive(history.frozen if kind == "frozen" else history.loss)
    known = np.isfinite(values)
    source = models.ColumnDataSource(
        {"x": history.updates[known], "loss": values[known], "epoch": history.epochs[known]}
    )
    options: dict[str, Any] = {"source": source, "name": _ROLES[place], "legend_label": side.letter}
    panel.line("x", "loss", line_width=2, line_dash=_DASHES[place], **options)
    if known.sum() < 40:
        panel.scatter("x", "loss", size=5, line_width=0, **options)
    panel.add_tools(
        models.HoverTool(
            tooltips=[("run", side.letter), ("epoch", "@epoch"), ("loss", "@loss")],
            mode="mouse",
            visible=False,
            renderers=panel.renderers[-1:],
        )
    )
    return source
