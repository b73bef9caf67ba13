"""Figure of the rows of `benchmarks.devices`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.speed import ENGINES, best, growth, micro
from freqjax.figures import canvas

_COLOURS = dict(
    zip(ENGINES, ("#0072B2", "#CC79A7", "#D55E00", "#009E73", "#777777", "#000000"), strict=True)
)
_MARKS = dict(zip(ENGINES, "ovsD^|", strict=True))


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write a PNG: the time of every job by engine, and how time and memory grow with T.

    Every panel has one quantity, on a log axis whose ticks are named with their units. Of several platforms
    the last that JAX lists, an accelerator if there is one, is drawn.
    """
    platform = rows[-1]["platform"]
    rows = [row for row in rows if row["platform"] == platform]
    lengths = [row for row in rows if row["job"].startswith("linear_t_")]
    others = [row for row in rows if row not in lengths]
    panels = [(_draw_jobs, others, 6.6), (_draw_time, lengths, 3.7), (_draw_memory, lengths, 3.7)]
    panels = [panel for panel in panels if panel[1]]
    widths = [width for _, _, width in panels]
    figure, axes = canvas.subplots(sum(widths), 5.6, 1, len(panels), width_ratios=widths)
    for axis, (fill, own, _) in zip(axes[0], panels, strict=True):
        fill(axis, own)
    canvas.set_headline(figure, f"{path.stem}, {platform}: freqjax beside other engines")
    canvas.save(figure, path.parent, path.name)


def _draw_jobs(axis: Axes, rows: Sequence[dict[str, Any]]) -> None:
    jobs = list(dict.fromkeys(row["job"] for row in rows))
    for place, job in enumerate(jobs):
        for engine in ENGINES:
            row = best(rows, job, engine)
            if row is None:
                continue
            colour, y = _COLOURS[engine], place + 0.13 * (ENGINES.index(engine) - 2.5)
            axis.plot([row["min_us"], row["max_us"]], [y, y], color=colour, lw=1.5, alpha=0.5)
            axis.plot(row["median_us"], y, _MARKS[engine], color=colour, ms=6)
            if engine == "freqjax":
                axis.annotate(
                    micro(row["median_us"]), (row["median_us"], y), (0, 5), va="bottom",
                    ha="center", textcoords="offset points", fontsize=8,
                    color=canvas.text_colour(colour),
                )  # fmt: skip
    for engine in ENGINES:
        if any(best(rows, job, engine) for job in jobs):
            axis.plot([], [], _MARKS[engine], color=_COLOURS[engine], label=engine)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(numticks=12))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: micro(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_yticks(range(len(jobs)), jobs)
    axis.set_ylim(len(jobs) - 0.4, -0.8)
    axis.set_xlabel("time of a unit of the job: median, least to most")
    axis.set_ylabel("job")
    axis.legend(loc="best", frameon=False, fontsize=9)


def _draw_time(axis: Axes, rows: Sequence[dict[str, Any]]) -> None:
    _draw_growth(axis, rows, 1)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: micro(value)))
    axis.set_title("loss and gradient: time", loc="left", fontsize=10)
    axis.set_ylabel("time")


def _draw_memory(axis: Axes, rows: Sequence[dict[str, Any]]) -> None:
    _draw_growth(axis, rows, 2)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} MB"))
    axis.set_title("loss and gradient: memory", loc="left", fontsize=10)
    axis.set_ylabel("memory")


def _draw_growth(axis: Axes, rows: Sequence[dict[str, Any]], column: int) -> None:
    """Draw time (`column` 1, µs) or memory (2, MB) over T beside a line in proportion to T."""
    for engine in ("freqjax", "autodiff"):
        points = np.array(growth(rows, engine))
        if points.size:
            mark, colour = _MARKS[engine], _COLOURS[engine]
            axis.plot(points[:, 0], points[:, column], mark + "-", color=colour, label=engine)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("T, samples of one stream, hidden 64")
    low, high = axis.get_xlim()
    measured = growth(rows)
    if measured:
        across, base = np.array([low, high]), measured[0]
        proportional = base[column] * across / base[0]
        axis.plot(
            across, proportional, color=canvas.PALE, lw=1, zorder=0, label="in proportion to T"
        )
    axis.set_xlim(low, high)
    axis.legend(loc="upper left", frameon=False, fontsize=9)
