"""Figure of the rows of `benchmarks.devices`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks import speed
from benchmarks.speed import ENGINES, best, growth, micro
from freqjax.figures import canvas

_COLOURS = dict(
    zip(ENGINES, ("#0072B2", "#CC79A7", "#D55E00", "#009E73", "#777777", "#000000"), strict=True)
)
_MARKS = dict(zip(ENGINES, "ovsD^|", strict=True))


# Units of time and the µs at which they begin; the first begins anywhere.
_UNITS = (("microseconds, µs", 0.0), ("milliseconds, ms", 1e3), ("seconds, s", 1e6))
# Inches: the height of a job, of what stands above and below all jobs, and the least of a figure.
_JOB, _FRAME, _LEAST = 0.34, 1.6, 5.6


def write_beside(path: Path) -> None:
    """Write NAME.md and NAME.png beside NAME.json, a file of `benchmarks.devices`."""
    path.with_suffix(".md").write_text(speed.page(path), encoding="utf-8")
    draw(json.loads(path.read_text(encoding="utf-8"))["rows"], path.with_suffix(".png"))


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write a PNG: the time of every job by engine, and how time and memory grow with T.

    Every panel has one quantity, on a log axis whose ticks are named with their units. Of several platforms
    the last that JAX lists, an accelerator if there is one, is drawn.
    """
    platform = rows[-1]["platform"]
    rows = [row for row in rows if row["platform"] == platform and row["median_us"] is not None]
    lengths = [row for row in rows if row["job"].startswith("linear_t_")]
    others = [row for row in rows if row not in lengths]
    jobs = len({row["job"] for row in others})
    widths = [9.0] * bool(others) + [5.0] * bool(lengths)
    figure = canvas.blank(sum(widths), max(_LEAST, _JOB * jobs + _FRAME))
    columns = figure.add_gridspec(2, len(widths), width_ratios=widths)
    panels = [(_draw_jobs, others, columns[:, 0])] * bool(others)
    if lengths:
        panels += [(_draw_time, lengths, columns[0, -1]), (_draw_memory, lengths, columns[1, -1])]
    for fill, own, place in panels:
        axis = figure.add_subplot(place)
        canvas.dress(axis)
        fill(axis, own)
    canvas.set_headline(figure, f"{path.stem}, {platform}: freqjax beside other engines")
    canvas.save(figure, path.parent, path.name)


def _draw_jobs(axis: Axes, rows: Sequence[dict[str, Any]]) -> None:
    """Draw the times of a unit, a job a line, with that of freqjax in words at the right."""
    jobs = list(dict.fromkeys(row["job"] for row in rows))
    beside = axis.get_yaxis_transform()
    for place, job in enumerate(jobs):
        if place % 2 == 0:
            axis.axhspan(place - 0.5, place + 0.5, color="#F4F4F4", lw=0, zorder=0)
        for engine in ENGINES:
            row = best(rows, job, engine)
            if row is None:
                continue
            colour, y = _COLOURS[engine], place + 0.12 * (ENGINES.index(engine) - 2.5)
            axis.plot([row["min_us"], row["max_us"]], [y, y], color=colour, lw=1.5, alpha=0.5)
            axis.plot(row["median_us"], y, _MARKS[engine], color=colour, ms=6)
            if engine == "freqjax":
                axis.text(
                    1.02, place, micro(row["median_us"]), transform=beside, va="center",
                    fontsize=9, color=canvas.text_colour(colour),
                )  # fmt: skip
    axis.text(
        1.02, -0.9, "freqjax", transform=beside, va="center", fontsize=9, fontweight="bold",
        color=canvas.text_colour(_COLOURS["freqjax"]),
    )  # fmt: skip
    for engine in ENGINES:
        if any(best(rows, job, engine) for job in jobs):
            axis.plot([], [], _MARKS[engine], color=_COLOURS[engine], label=engine)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(numticks=12))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: micro(value)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_yticks(range(len(jobs)), jobs)
    axis.grid(visible=False, axis="y")
    axis.set_ylim(len(jobs) - 0.5, -1.3)
    _mark_units(axis)
    axis.set_xlabel("time of a unit of the job, logarithmic: median, least to most")
    axis.set_ylabel("job")
    axis.figure.legend(
        *axis.get_legend_handles_labels(), loc="outside lower left", ncols=len(ENGINES),
        frameon=False, fontsize=9,
    )  # fmt: skip


def _mark_units(axis: Axes) -> None:
    """Draw where a unit of time ends, and name those in sight above the jobs."""
    low, high = axis.get_xlim()
    ends = [start for _, start in _UNITS[1:]] + [math.inf]
    for (name, start), end in zip(_UNITS, ends, strict=True):
        left, right = max(low, start), min(high, end)
        if left >= right:
            continue
        if low < start < high:
            axis.axvline(start, color=canvas.GREY, lw=1, zorder=1)
        # A narrow stretch has room for the symbol alone.
        wide = math.log(right / left) > 0.2 * math.log(high / low)
        axis.text(
            math.sqrt(left * right), -0.9, name if wide else name.rpartition(" ")[2],
            ha="center", va="center", fontsize=9, color=canvas.INK,
        )  # fmt: skip
    axis.set_xlim(low, high)


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
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for one in (axis.xaxis, axis.yaxis):
        one.set_minor_formatter(NullFormatter())
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
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
