"""Figures of a page that can be zoomed: signals with their error and spectrum, and losses over the updates.

What is drawn first is empty: the page's own program fills each figure with as many points as its width can
show, from arrays that are part of the page. Colours are set by it too, for a light or a dark page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import bokeh.models
import bokeh.plotting
import numpy as np
from jaxtyping import Float

from freqjax.figures.history import History, Scale, positive
from freqjax.page.snapshots import Snapshots
from freqjax.page.spectra import FLOOR, spectrum_of
from freqjax.page.traces import Trace

# Bokeh's annotations refuse some of what it takes.
models: Any = bokeh.models

_HEIGHT = 300
# Rows that are marked one by one, and groups that have a line.
_FEW, _MOST_GROUPS = 40, 8


class Panels(NamedTuple):
    """Figures by name, and what the page's program is given by name.

    Attributes:
      figures: name → figure.
      given: name → Bokeh models, or values ready for JSON.
    """

    figures: dict[str, Any]
    given: dict[str, Any]


def signals(
    traces: Sequence[Trace],
    snapshots: Snapshots | None,
    unit: str,
    rate: float,
    labels: Mapping[str, str] | None = None,
) -> Panels:
    """Make the figures of signals: the signals themselves, the error below them, and spectra.

    Args:
      traces: at least one.
      snapshots: outputs during training, or None.
      unit: of time.
      rate: samples in one.
      labels: name of a series → its name in the legend, where that is another; a series "second" is the
        output of a second network.
    """
    names, labels = [s.name for s in traces[0].series], labels or {}
    two = {"error": "output", "error second": "second"}
    errors = two if "second" in names else {"error": "error"}
    seconds = max(len(trace.series[0].integers) for trace in traces) / rate
    time = models.Range1d(0, seconds, bounds=(0, seconds))
    shown = models.ColumnDataSource({key: [] for key in ("x", *errors, *names)}, name="shown")
    top = figure(_HEIGHT, x_range=time, y_range=_heights(traces))
    for name in names:
        role = "input" if name.startswith("input") else name
        _line(top, shown, name, role, 1.0 if role == "input" else 1.6, label=labels.get(name))
    height = models.Range1d(-1, 1)
    error = figure(150, x_range=time, y_range=height, y_axis_label="output − target")
    for column, role in errors.items():
        _line(error, shown, column, role, 1.0, legend=False)
    error.yaxis.formatter = models.PrintfTickFormatter(format="%.2g")
    error.xaxis.axis_label = unit
    spectra, columns = _spectra(traces, names, unit, rate, labels)
    return Panels(
        {"signal": top, "error": error, "spectrum": spectra},
        {
            "shown": shown,
            "range": time,
            "height": height,
            "spectrum": columns[0],
            "spectra": columns,
            "traces": [
                models.ColumnDataSource({s.name: s.integers for s in trace.series})
                for trace in traces
            ],
            "scales": [{s.name: s.scale for s in trace.series} for trace in traces],
            "snapshots": None if snapshots is None else _stored(snapshots),
            "rate": rate,
        },
    )


def _stored(snapshots: Snapshots) -> dict[str, Any]:
    flat = snapshots.integers.reshape(len(snapshots.epochs), -1)
    return {
        "outputs": models.ColumnDataSource({str(i): row for i, row in enumerate(flat)}),
        "scales": snapshots.scales.tolist(),
        "epochs": snapshots.epochs.tolist(),
        "first": snapshots.first,
        "samples": snapshots.integers.shape[2],
    }


def _spectra(
    traces: Sequence[Trace],
    names: Sequence[str],
    unit: str,
    rate: float,
    labels: Mapping[str, str],
) -> tuple[Any, list[Any]]:
    found = [spectrum_of(trace, rate) for trace in traces]
    columns = [
        models.ColumnDataSource(
            {
                "x": spectrum.cycles.astype(np.float32),
                **{name: values.astype(np.float32) for name, values in spectrum.power.items()},
            }
        )
        for spectrum in found
    ]
    panel = figure(
        240,
        x_range=models.Range1d(*_limits(found[0].cycles)),
        y_range=models.Range1d(FLOOR, 5),
        x_axis_type="log",
        y_axis_label="dB of the strongest",
    )
    panel.xaxis.axis_label = f"cycles per {unit.removesuffix('s') or unit}"
    # The first trace's columns are what is shown; the program puts the others' into them.
    drawn = models.ColumnDataSource(dict(columns[0].data))
    for name in names:
        role = "input" if name.startswith("input") else name
        _line(panel, drawn, name, role, 1.0, label=labels.get(name))
    return panel, [drawn, *columns]


def _limits(cycles: np.ndarray) -> tuple[float, float]:
    """Return the limits of an axis of all bins."""
    return (float(cycles[0]), float(cycles[-1])) if cycles.size > 1 else (0.5, 1.0)


def _heights(traces: Sequence[Trace]) -> Any:
    """Return the limits of the signals, of the target and the output if the inputs are much larger."""
    low, high = 0.0, 0.0
    for trace in traces:
        for s in trace.series:
            if not s.name.startswith("input"):
                low = min(low, float(s.integers.min()) * s.scale)
                high = max(high, float(s.integers.max()) * s.scale)
    room = 0.08 * (high - low or 1.0)
    return models.Range1d(low - room, high + room)


def loss_columns(history: History) -> dict[str, Float[np.ndarray, " E"]]:
    """Return the columns of the figure of losses; nan where a logarithm has no value."""
    columns = {"x": history.updates, "epoch": history.epochs}
    columns["prequential"] = positive(history.loss)
    columns["frozen"] = positive(history.frozen)
    columns["horizon"] = positive(history.horizon)
    for index in range(history.losses.shape[1]):
        columns[f"frozen {index}"] = positive(history.frozen_losses[:, index])
    return {name: np.asarray(values, np.float64) for name, values in columns.items()}


def losses(history: History, scale: Scale, *, has_ended: bool = True) -> Panels:
    """Make the figures of losses over the updates, and of horizons if there are any.

    Args:
      history: of at least one row.
      scale: names and reference levels.
      has_ended: whether a loss that no row has has no line; else rows that have it may follow.
    """
    columns = loss_columns(history)
    source = models.ColumnDataSource(columns)
    panel = figure(_HEIGHT, y_axis_type="log", y_axis_label=scale.name)

    def is_wanted(name: str) -> bool:
        return not has_ended or bool(np.isfinite(columns[name]).any())

    for name, label in (
        ("prequential", "while training"),
        ("frozen", f"frozen, {scale.everything}"),
    ):
        if is_wanted(name):
            _line(panel, source, name, name, 2.0, label=label, marked=len(history.updates) < _FEW)
    several = enumerate(scale.groups) if len(scale.groups) > 1 else ()
    wanted = [(index, group) for index, group in several if is_wanted(f"frozen {index}")]
    for index, group in wanted[:_MOST_GROUPS]:
        _line(panel, source, f"frozen {index}", f"group {index}", 1.2, label=f"frozen, {group}")
    levels = [(scale.constant, scale.constant_name), *scale.possible]
    if scale.goal is not None:
        levels.append((scale.goal, "goal"))
    for level, name in levels:
        if level > 0:
            panel.add_layout(
                models.Span(location=level, dimension="width", line_dash="dashed"),
            )
            panel.add_layout(
                models.Label(
                    x=6, x_units="screen", y=level, y_offset=2, text=name, text_font_size="11px"
                )
            )
    panel.add_tools(
        models.HoverTool(
            tooltips=[("epoch", "@epoch"), ("update", "@x"), ("loss", "$y")],
            mode="mouse",
            line_policy="nearest",
        )
    )
    figures = {"losses": panel}
    if history.is_staged:
        label = f"horizon, {scale.unit}"
        horizon = figure(140, y_axis_type="log", x_range=panel.x_range, y_axis_label=label)
        _line(horizon, source, "horizon", "ink", 1.6, legend=False)
        figures["horizon"] = horizon
    for one in figures.values():
        count_updates(one)
    list(figures.values())[-1].xaxis.axis_label = "update"
    return Panels(figures, {"losses": source})


def count_updates(panel: Any) -> None:
    """Let the axis below a figure count updates: whole numbers, however few there are."""
    panel.xaxis.ticker = models.BasicTicker(min_interval=1)
    panel.xaxis.formatter = models.NumeralTickFormatter(format="0,0")


def figure(height: int, **options: Any) -> Any:
    """Make an empty figure of `height` px, as wide as the page and transparent, with a legend above."""
    wheel = models.WheelZoomTool(dimensions="width")
    drag = models.BoxZoomTool(dimensions="width")
    panel: Any = bokeh.plotting.figure(
        height=height,
        sizing_mode="stretch_width",
        tools=[
            drag,
            models.PanTool(dimensions="width"),
            wheel,
            models.ResetTool(),
            models.SaveTool(),
        ],
        active_drag=drag,
        toolbar_location="right",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        lod_threshold=None,
        min_border_left=84,
        **options,
    )
    panel.toolbar.logo = None
    panel.toolbar.autohide = True
    panel.add_layout(
        models.Legend(orientation="horizontal", click_policy="hide", padding=2), "above"
    )
    return panel


def _line(
    panel: Any,
    source: Any,
    column: str,
    role: str,
    width: float,
    *,
    label: str | None = None,
    legend: bool = True,
    marked: bool = False,
) -> None:
    """Draw a column of a source over its column x; its role gives the line its colour."""
    options: dict[str, Any] = {"legend_label": label or column} if legend else {}
    if role == "second":  # told apart by more than its colour
        options["line_dash"] = "dashed"
    panel.line("x", column, source=source, line_width=width, name=role, **options)
    if marked:
        panel.scatter("x", column, source=source, size=5, line_width=0, name=role, **options)
