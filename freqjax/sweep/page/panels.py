"""Figures of the losses of a sweep: a mean with its interval for each setting, and a thin line a replica.

A panel shows one kind of loss. The page's program draws the replicas that are selected on top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bokeh.models
import numpy as np

from freqjax.page.panels import Panels, count_updates, figure
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
    count_updates(panel)
    floor = floor_of(curves)
    # All replicas first, then what must not be hidden by them.
    thin = [_replicas(panel, place, curve) for place, curve in enumerate(curves)]
    means = [_mean(panel, place, curve, floor) for place, curve in enumerate(curves)]
    given = [
        {"lines": line.data_source, "drawn": [line, *mean]}
        for line, mean in zip(thin, means, strict=True)
    ]
    picked = models.ColumnDataSource({"xs": [], "ys": []})
    panel.multi_line("xs", "ys", source=picked, line_width=2.5, name="ink")
    for name, level in levels.items():
        if level > 0:
            panel.add_layout(models.Span(location=level, dimension="width", line_dash="dashed"))
            place = {"x": 6, "x_units": "screen", "y": level, "y_offset": 2}
            panel.add_layout(models.Label(text=name, text_font_size="11px", **place))
    return panel, {"settings": given, "picked": picked}


def _replicas(panel: Any, place: int, curve: Curve) -> Any:
    """Draw the replicas of a setting, the thinner the more there are."""
    lines = models.ColumnDataSource(
        {
            "xs": [line.updates for line in curve.lines],
            "ys": [line.losses for line in curve.lines],
            "replica": [line.replica for line in curve.lines],
        }
    )
    alpha = min(0.4, max(0.08, 2 / len(curve.lines)))
    role = f"group {place % COLOURS}"
    return panel.multi_line("xs", "ys", source=lines, line_width=1, line_alpha=alpha, name=role)


def _mean(panel: Any, place: int, curve: Curve, floor: float) -> list[Any]:
    """Draw the mean of a setting over its interval; a single epoch as a point."""
    columns = {"x": curve.updates, "mean": curve.mean, "high": curve.high}
    low = np.maximum(curve.low, floor)  # a logarithmic axis has no place for 0 and less
    mean, role = models.ColumnDataSource({**columns, "low": low}), f"group {place % COLOURS}"
    band = panel.varea("x", "low", "high", source=mean, fill_alpha=0.18, name=role)
    line = panel.line("x", "mean", source=mean, line_width=2.4, line_dash=dash_of(place), name=role)
    panel.add_tools(
        models.HoverTool(
            renderers=[line],
            tooltips=[("update", "@x"), ("mean", "@mean"), ("95 %", "@low to @high")],
            visible=False,
        )
    )
    if len(curve.updates) > 1:
        return [band, line]
    return [band, line, panel.scatter("x", "mean", source=mean, size=6, line_width=0, name=role)]
