"""Figure of `benchmarks.records`: the lines of each record, from the network and from their reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.samples import Record
from freqjax.figures import canvas

# Periods of the slowest line that are shown.
_PERIODS = 6
# Record → unit of its time axis, and s in it; days for the others.
_UNITS = {"annual": ("years", 365.2425 * 86400), "heart": ("s", 1.0)}


class Panel(NamedTuple):
    """Record and lines that a row of the figure shows.

    Attributes:
      name: of the record.
      names: [F] of its lines.
      record: the record.
      reference: [F, T] lines, or what stands in for them.
      outputs: [F, T] of the network.
    """

    name: str
    names: tuple[str, ...]
    record: Record
    reference: np.ndarray
    outputs: np.ndarray


def draw(panels: Sequence[Panel], path: Path) -> None:
    """Draw a row a record: a stretch of the record, its lines, and what the network put out for them."""
    figure, axes = canvas.subplots(10, 0.6 + 2.4 * len(panels), len(panels), 1)
    for panel, axis in zip(panels, axes[:, 0], strict=True):
        values, reference = panel.record.values, panel.reference
        crossings = np.flatnonzero(np.diff(np.signbit(reference[0])))
        period = 2 * np.mean(np.diff(crossings))
        at = slice(-round(_PERIODS * period), None)
        unit, seconds = _UNITS.get(panel.name, ("days", 86400.0))
        time = np.arange(len(values))[at] * panel.record.step_s / seconds
        axis.plot(
            time, values[at] - values[at].mean(), ".", color=canvas.GREY, ms=2, label="record"
        )
        for number, name in enumerate(panel.names):
            axis.plot(time, reference[number, at], color=canvas.PALE, lw=5)
            output = panel.outputs[number, at]
            axis.plot(time, output, color=canvas.colour(number), lw=1.4, label=name)
        axis.set_xlabel(unit)
        axis.set_ylabel(panel.name)
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    canvas.set_headline(
        figure,
        "Lines of records: a network, one sample at a time (colours), and the lines or what stands in (pale)",
    )
    canvas.save(figure, path.parent, path.name)
