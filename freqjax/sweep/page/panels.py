"""Figures of the losses of a sweep: a mean with its interval for each setting, and a thin line a replica.

A panel shows one kind of loss. The page's program draws the replicas that are selected on top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bokeh.models
import numpy as np

from freqjax.page.panels import Panels, figure
from freqjax.sweep.page.curves import Curve, floor_of

# Bokeh's annotations refuse some of what it takes.
models: Any = bokeh.models

_HEIGHT = 300
# Settings are told apart by colour and by dash.
COLOURS, DASHES = 8, ("solid", "dashed", "dotted", "dotdash")


def dash_of(setting: int) -> str:
    """Return the dash of the mean of a setting; with its colour it is that of no other of 32."""
    return DASHES[(setting + setting // COLOURS) % len(DASHES)]


def losses(kinds: Mapping[str, Sequence[Curve]], label: str, levels: Mapping[str, float]) -> Panels:
    """Make a figure for each kind of loss that was measured.

    Args:
      kinds: name of the figure → the curves of the settings.
      label: of the loss.
      levels: name → a loss that the figures show as a line, such as that of a constant.
    """
    shared = models.DataRange1d()
    figures, given = {}, {}
    for kind, curves in kinds.items():
        if any(line.losses.size for curve in curves for line in curve.lines):
            figures[kind], given[kind] = _panel(kind, curves, label, levels, shared)
    for one in list(figures.values())[-1:]:
        one.xaxis.axis_label = "update"
    return Panels(figures, {"curves": given} if given else {})


def _panel(
    kind: str, curves: Sequence[Curve], label: str, levels: Mapping[str, float], shared: Any
) -> tuple[Any, dict[str, Any]]:
    panel = figure(_HEIGHT, y_axis_type="log", y_axis_label=f"{kind} {label}", x_range=shared)
    panel.xaxis.formatter = models.NumeralTickFormatter(format="0,0")
    floor, given = floor_of(curves), []
    for place, curve in enumerate(curves):
        given.append(_setting(panel, place, curve, floor))
    picked = models.ColumnDataSource({"xs": [], "ys": []})
    panel.multi_line("xs", "ys", source=picked, line_width=2.5, name="ink")
    for name, level in levels.items():
        if level > 0:
            panel.add_layout(models.Span(location=level, dimension="width", line_dash="dashed"))
            place = {"x": 6, "x_units": "screen", "y": level, "y_offset": 2}
            panel.add_layout(models.Label(text=name, text_font_size="11px", **place))
    return panel, {"settings": given, "picked": picked}


def _setting(panel: Any, place: int, curve: Curve, floor: float) -> dict[str, Any]:
    """Draw a setting; return its sources and what is hidden with it."""
    role = f"group {place % COLOURS}"
    lines = models.ColumnDataSource(
        {
            "xs": [line.updates for line in curve.lines],
            "ys": [line.losses for line in curve.lines],
            "replica": [line.replica for line in curve.lines],
        }
    )
    mean = models.ColumnDataSource(
        {
            "x": curve.updates,
            "mean": curve.mean,
            "low": np.maximum(curve.low, floor),
            "high": curve.high,
        }
    )
    thin = panel.multi_line("xs", "ys", source=lines, line_width=1, line_alpha=0.35, name=role)
    band = panel.varea("x", "low", "high", source=mean, fill_alpha=0.18, name=role)
    line = panel.line("x", "mean", source=mean, line_width=2.2, line_dash=dash_of(place), name=role)
    panel.add_tools(
        models.HoverTool(
            renderers=[line],
            tooltips=[("update", "@x"), ("mean", "@mean"), ("95 %", "@low to @high")],
            visible=False,
        )
    )
    drawn = [thin, band, line]
    if len(curve.updates) == 1:
        drawn.append(panel.scatter("x", "mean", source=mean, size=6, line_width=0, name=role))
    return {"lines": lines, "mean": mean, "drawn": drawn}
