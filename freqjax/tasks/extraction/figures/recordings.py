"""Figure of an extraction from a recording: waveforms, and spectra about the line, with and without it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from freqjax.figures import canvas
from freqjax.tasks.extraction.periods import frequency, frequency_unit
from freqjax.text import shown_unit

Spectrum = tuple[np.ndarray, np.ndarray]  # frequencies, Hz, and amplitudes under a Hann window

# Range of the axis below the highest line of the spectra, dB.
_DEPTH = 70
# The zoom reaches this share of the selected frequency to either side, or as many bins if they are wider.
_ZOOM, _ZOOM_BINS = 0.05, 4
# Periods of the line that can be told apart in a waveform as wide as the figure.
_MOST_PERIODS = 50


class Drawn(NamedTuple):
    """Content of the figure of one component of a channel.

    Attributes:
      selected_hz, others_hz: the selected component and the others of the task.
      colour_index: index of its colour.
      verdict: a clause without a full stop: how much of the line is left.
      stands: whether the recording has a line there.
      source: what the output comes from if it is not the recording; else empty.
      channel: name of the channel if there are several; else empty.
      unit: of time.
      sampling_rate: of the waveforms, Hz.
      begin: of the waveforms.
      waveforms: recording and component; None if the recording is too short.
      part: "I of " if they are one part of complex signals; else empty.
      recording, component: whole spectra.
      near: about the line: frequencies and the amplitudes of recording, component and residual.
      found_hz: frequency of the line in the recording; nan if it was not found.
    """

    selected_hz: float
    others_hz: tuple[float, ...]
    colour_index: int
    verdict: str
    stands: bool
    source: str
    channel: str
    unit: str
    sampling_rate: float
    begin: float
    waveforms: tuple[np.ndarray, np.ndarray] | None
    recording: Spectrum
    component: Spectrum
    part: str
    near: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    found_hz: float


def extraction(drawn: Drawn, path: Path) -> Path:
    """Draw what was taken out of a recording and what remains of it.

    The upper panels have the waveforms of recording and component, and of the residual, on one scale; the
    lower ones the spectra: the whole range, and the neighbourhood of the line before and after, on one scale.
    """
    figure = canvas.blank(13, 9)
    grid = figure.add_gridspec(3, 3, height_ratios=(1, 1, 1.5))
    _draw_waveforms(figure, [grid[0, :], grid[1, :]], drawn)
    _draw_spectra(figure, [grid[2, place] for place in range(3)], drawn)
    of = f" in {drawn.channel}" if drawn.channel else ""
    source = f", by {drawn.source}" if drawn.source else ""
    canvas.set_headline(figure, f"{frequency(drawn.selected_hz)}{of}{source}: {drawn.verdict}")
    return canvas.save(figure, path.parent, path.name)


def _draw_waveforms(figure: Figure, places: Sequence, drawn: Drawn) -> None:
    upper = figure.add_subplot(places[0])
    lower = figure.add_subplot(places[1], sharex=upper, sharey=upper)
    for axis in (upper, lower):
        canvas.dress(axis)
        axis.set_ylabel("recording's unit")
    lower.set_title(f"{drawn.part}residual: the recording without it", loc="left", fontsize=10)
    if drawn.waveforms is None:
        upper.set_title(f"{drawn.part}recording and component", loc="left", fontsize=10)
        lower.set_xlabel(f"time ({drawn.unit})")
        for axis in (upper, lower):
            _say(axis, "the recording is shorter than five periods of the line")
        return
    most = round(_MOST_PERIODS * drawn.sampling_rate / drawn.selected_hz)
    recording, component = (samples[:most] for samples in drawn.waveforms)
    time = drawn.begin + np.arange(len(recording)) / drawn.sampling_rate
    unit, seconds = shown_unit(len(recording) / drawn.sampling_rate, drawn.unit)
    time = time / seconds
    lower.set_xlabel(f"time ({unit})")
    line = "where the line stands above the noise" if drawn.stands else "without a line"
    length = f"{len(recording) / drawn.sampling_rate / seconds:.3g} {unit}"
    upper.set_title(
        f"{drawn.part}recording (grey) and component, {length} {line}", loc="left", fontsize=10
    )
    upper.plot(time, recording, color=canvas.GREY, lw=1.0)
    upper.plot(time, component, color=canvas.colour(drawn.colour_index), lw=1.4)
    lower.plot(time, recording - component, color=canvas.INK, lw=1.0)
    upper.set_xlim(
        time[0], time[-1] if len(time) > 1 else time[0] + 1 / drawn.sampling_rate / seconds
    )


def _draw_spectra(figure: Figure, places: Sequence, drawn: Drawn) -> None:
    """Draw three panels of one scale: the whole spectra, and those about the line before and after."""
    name = frequency(drawn.selected_hz)
    unit, factor = frequency_unit(drawn.selected_hz)
    drawn = _scaled(drawn, factor)
    whole = figure.add_subplot(places[0])
    axes = [whole, *(figure.add_subplot(place, sharey=whole) for place in places[1:])]
    hz, recording, component, residual = drawn.near
    bins = float(hz[1] - hz[0]) if len(hz) > 1 else 1.0
    reach = max(_ZOOM * drawn.selected_hz, _ZOOM_BINS * bins)
    top_hz = min(
        drawn.recording[0][-1],
        max(
            2 * max(drawn.selected_hz, *drawn.others_hz, 0.0),
            8 * float(np.diff(drawn.recording[0][:2])[0]),
        ),
    )
    # Complex signals have negative frequencies too.
    low_hz = max(-top_hz, float(drawn.recording[0][0]))
    shown = [amplitude[np.abs(f) <= top_hz] for f, amplitude in (drawn.recording, drawn.component)]
    loudest = max(float(part.max(initial=0.0)) for part in (*shown, recording, component, residual))
    loudest = loudest or 1e-12
    floor, top = loudest * 10 ** (-_DEPTH / 20), 20 * math.log10(loudest)
    colour = canvas.colour(drawn.colour_index)
    curves = (
        [(drawn.recording, canvas.GREY, "recording"), (drawn.component, colour, "component")],
        [((hz, recording), canvas.GREY, "recording"), ((hz, component), colour, "component")],
        [((hz, residual), canvas.INK, "residual")],
    )
    share = f"±{100 * reach / drawn.selected_hz:.2g} % around {name}"
    titles = "spectra", f"{share}, before", f"{share}, after"
    for axis, parts, title in zip(axes, curves, titles, strict=True):
        canvas.dress(axis)
        _mark_lines(axis, drawn)
        for spectrum, ink, name in parts:
            _draw(axis, spectrum, floor, ink, name)
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_xlabel(f"frequency ({unit})")
        axis.legend(loc="lower right", fontsize=8, framealpha=0.9)
    whole.set_xlim(low_hz, top_hz)
    whole.set_ylim(top - _DEPTH, top + 12)  # room for a line of words above the curves
    whole.set_ylabel("amplitude (dB re 1)")
    for axis in axes[1:]:
        axis.set_xlim(drawn.selected_hz - reach, drawn.selected_hz + reach)
    _mark_found(axes[1], drawn, reach, unit)


def _scaled(drawn: Drawn, factor: float) -> Drawn:
    """Return what is drawn with all frequencies of its spectra multiplied by `factor`."""
    (whole, recording), (same, component), (near, *rest) = (
        drawn.recording,
        drawn.component,
        drawn.near,
    )
    return drawn._replace(
        selected_hz=factor * drawn.selected_hz,
        others_hz=tuple(factor * hz for hz in drawn.others_hz),
        recording=(factor * whole, recording),
        component=(factor * same, component),
        near=(factor * near, *rest),
        found_hz=factor * drawn.found_hz,
    )


def _mark_lines(axis: Axes, drawn: Drawn) -> None:
    """Mark the task's lines: the selected one broad, in its colour."""
    axis.axvline(drawn.selected_hz, color=canvas.colour(drawn.colour_index), lw=5, alpha=0.3)
    for line in drawn.others_hz:
        axis.axvline(line, color=canvas.PALE, lw=1, ls=":")


def _draw(axis: Axes, spectrum: Spectrum, floor: float, colour: str, name: str) -> None:
    """Draw amplitudes in dB; what is far below the axis is cut."""
    hz, amplitude = spectrum
    decibels = 20 * np.log10(np.maximum(amplitude, floor / 100))
    axis.plot(hz, decibels, color=colour, lw=1.3, label=name)


def _mark_found(axis: Axes, drawn: Drawn, reach: float, unit: str) -> None:
    """Mark the frequency at which the recording's line was found."""
    off = drawn.found_hz - drawn.selected_hz
    if not abs(off) <= reach:  # nan as well
        said = "no line of the recording here"
    else:
        axis.axvline(drawn.found_hz, color=canvas.INK, lw=1, ls="--")
        said = f"line at {drawn.found_hz:.5g} {unit} ({100 * off / drawn.selected_hz:+.2g} %)"
    axis.text(
        0.02, 0.98, said, fontsize=9, va="top",
        color=canvas.text_colour(canvas.colour(drawn.colour_index)), transform=axis.transAxes,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )  # fmt: skip


def _say(axis: Axes, words: str) -> None:
    axis.text(0.5, 0.5, words, ha="center", va="center", fontsize=9, transform=axis.transAxes)
