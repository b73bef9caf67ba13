"""Figures of a network as a clock: its last second, and its phase along the stream."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas
from freqjax.figures.history import last_known
from freqjax.figures.lines import label_ends
from freqjax.figures.words import number
from freqjax.tasks.extraction.figures.record import (
    GOAL_MSE,
    EvaluationRecord,
    duration_s,
    final_second,
    first_stream,
    mse_of,
    present_indices,
    whole_periods,
)
from freqjax.tasks.extraction.tones import phase_over_time

# A sine with a constant phase error p has the MSE 1 − cos p.
TOLERANCE_RAD = math.acos(1 - GOAL_MSE)
FEWEST_SAMPLES = 4  # of a fit of phase, amplitude and a constant
LEAST_AMPLITUDE = 0.1  # of an output relative to its target, from which its phase is measured


class _Drift(NamedTuple):
    """Phase error of one frequency, rad: largest, last, and whether it is known along the whole stream."""

    widest: float
    end: float
    whole: bool


def last_second(record: EvaluationRecord, directory: str | Path) -> Path:
    """Draw output over target for every frequency, one per row, over the last second of the stream.

    A stream shorter than a second is drawn whole. Writes last_second.png.
    """
    present, cut = present_indices(record), final_second(record)
    figure, axes = canvas.subplots(
        10, 0.9 + max(2.0, 1.5 * len(present)), len(present), 1, sharex=True
    )
    errors = {}
    for axis, index in zip(axes[:, 0], present, strict=True):
        name = f"{record.frequencies_hz[index]:g} Hz"
        draw_cut(axis, record, index, cut)
        mse = errors[name] = mse_of(record, index, cut)
        streams = int(np.sum(record.selected == index))
        over = f" over {streams} streams" if streams > 1 else ""
        axis.set_title(f"{name}: MSE {number(mse)}{over}", loc="left", fontsize=10)
    axes[-1, 0].set_xlabel("time since the start of the stream (s)")
    figure.supylabel("signal (target peak = 1)", fontsize=10)
    start, end = cut.start / record.sampling_rate_hz, cut.stop / record.sampling_rate_hz
    solved = sum(mse < GOAL_MSE for mse in errors.values())
    worst = max(errors, key=lambda name: errors[name] if math.isfinite(errors[name]) else math.inf)
    finding = (
        f"From {start:g} to {end:g} s, {solved} of {len(errors)} outputs (colour) follow their "
    )
    finding += f"target (grey) below MSE {GOAL_MSE:g}; worst: {worst}, {number(errors[worst])}"
    canvas.set_headline(figure, finding)
    return canvas.save(figure, directory, "last_second.png")


def draw_cut(axis: Axes, record: EvaluationRecord, index: int, cut: slice) -> None:
    """Draw output over target of one frequency's first stream, on an axis scaled to the target."""
    stream = first_stream(record, index)
    time = np.arange(cut.start, cut.stop) / record.sampling_rate_hz
    outputs = record.outputs[stream, cut].astype(np.float64)
    finite = np.isfinite(outputs)
    axis.plot(time, record.targets[stream, cut], color=canvas.PALE, lw=5)
    axis.plot(time, np.where(finite, outputs, np.nan), color=canvas.colour(index), lw=1.6)
    axis.set_xlim(cut.start / record.sampling_rate_hz, cut.stop / record.sampling_rate_hz)
    # An output of a million must not flatten the target to nothing.
    reach = float(np.max(np.abs(outputs[finite]), initial=1.0))
    axis.set_ylim(-1.15 * min(reach, 3), 1.15 * min(reach, 3))
    if not canvas.say_not_finite(axis, outputs) and reach > 3:
        axis.text(
            0.995, 0.97, f"reaches ±{reach:.2g}", fontsize=9, ha="right",
            color=canvas.text_colour(canvas.colour(index)), va="top", transform=axis.transAxes,
        )  # fmt: skip


def phase_drift(record: EvaluationRecord, directory: str | Path) -> Path:
    """Draw the phase of the output relative to the target along the stream, in windows of whole periods.

    Of an output without a measurable phase the figure says why. Line: median over the streams of a frequency;
    shade: their range. The band is the constant phase error with an MSE of 0.01. Writes phase_drift.png.
    """
    figure, axes = canvas.subplots(9, 4.4)
    axis, labels, lost = axes[0, 0], [], {}
    drifts: dict[str, _Drift] = {}
    for index in present_indices(record):
        name, colour = f"{record.frequencies_hz[index]:g} Hz", canvas.colour(index)
        phase, window = _phases(record, index), whole_periods(record, index)
        known = np.isfinite(phase).any(axis=0)
        if not known.any():
            lost[name] = _why_no_phase(record, index)
            continue
        time = (np.arange(known.size) + 0.5) * window / record.sampling_rate_hz
        middle = np.full(known.size, np.nan)
        middle[known] = np.nanmedian(phase[:, known], axis=0)
        axis.plot(
            time, middle, color=colour, lw=1.8, marker="o" if known.sum() <= 12 else None, ms=3.5
        )
        if len(phase) > 1:
            low, high = np.nanmin(phase[:, known], axis=0), np.nanmax(phase[:, known], axis=0)
            axis.fill_between(time[known], low, high, color=colour, alpha=0.15, lw=0)
        labels.append((last_known(middle), name, colour))
        whole = bool(np.isfinite(phase).all())
        drifts[name] = _Drift(float(np.nanmax(np.abs(phase))), last_known(middle), whole)
        if not whole:
            lost[name] = f"in part: {_why_no_phase(record, index, part=True)}"
    axis.axhspan(-TOLERANCE_RAD, TOLERANCE_RAD, color=canvas.GREY, alpha=0.15, lw=0, zorder=0)
    axis.axhline(0, color=canvas.GREY, lw=0.8, zorder=1)
    low, high = axis.get_ylim()
    reach = max(2 * TOLERANCE_RAD, -low, high)
    axis.set(xlim=(0, duration_s(record)), ylim=(-reach, reach))
    axis.set_xlabel("time since the start of the stream (s)")
    axis.set_ylabel("phase, output − target (rad)")
    band = f"steady error of MSE {GOAL_MSE:g}: ±{TOLERANCE_RAD:.2f} rad"
    axis.annotate(
        band, (0, TOLERANCE_RAD), (4, 2), xycoords=("axes fraction", "data"),
        textcoords="offset points", fontsize=8, color=canvas.text_colour(canvas.GREY),
    )  # fmt: skip
    label_ends(axis, labels)
    _say_lost(axis, lost, alone=not drifts)
    canvas.set_headline(figure, _phase_finding(drifts, len(present_indices(record))))
    return canvas.save(figure, directory, "phase_drift.png")


def _why_no_phase(record: EvaluationRecord, index: int, part: bool = False) -> str:
    """Return why the phase of a frequency is unknown, in the whole stream or in a `part` of it."""
    if not np.isfinite(record.outputs[record.selected == index]).all():
        return "the output is not finite"
    period = record.sampling_rate_hz / record.frequencies_hz[index]
    if whole_periods(record, index) < max(FEWEST_SAMPLES, round(period)):
        return "the stream is shorter than a period"
    if record.tones[index].correlation is None:
        return "the output is constant"
    ratio = record.tones[index].amplitude_ratio
    found = "too small" if part or ratio is None else f"{number(ratio)} of the target's"
    return f"the output's amplitude there is {found}, a phase needs {LEAST_AMPLITUDE:g}"


def _say_lost(axis: Axes, lost: dict[str, str], alone: bool) -> None:
    """Write why outputs have no phase: inside the axis if it is empty, `alone`, else above it."""
    lines = [f"{name}: {reason}" for name, reason in lost.items()]
    if alone:
        axis.text(
            0.5, 0.5, "\n".join(["No phase can be measured.", *lines]), fontsize=9, ha="center",
            va="center", color=canvas.INK, transform=axis.transAxes,
            bbox={"facecolor": "white", "edgecolor": canvas.GREY, "boxstyle": "round"},
        )  # fmt: skip
    elif lost:
        axis.set_title("\n".join(["no phase:", *lines]), loc="left", fontsize=9)


def _phases(record: EvaluationRecord, index: int) -> np.ndarray:
    """Compute phases [B, windows], rad; nan if a stream is too short for one period."""
    window, streams = whole_periods(record, index), record.selected == index
    frequency_hz, rate = record.frequencies_hz[index], record.sampling_rate_hz
    if window < max(FEWEST_SAMPLES, round(rate / frequency_hz)):
        return np.full((int(streams.sum()), 1), np.nan)
    return phase_over_time(
        record.outputs[streams],
        record.targets[streams],
        frequency_hz,
        rate,
        window,
        LEAST_AMPLITUDE,
    )


def _phase_finding(drifts: dict[str, _Drift], count: int) -> str:
    if not drifts:
        return "No output has a measurable phase"
    kept = sum(drift.widest <= TOLERANCE_RAD and drift.whole for drift in drifts.values())
    worst = max(drifts, key=lambda name: drifts[name].widest)
    return (
        f"{kept} of {count} phases stay within ±{TOLERANCE_RAD:.2f} rad; "
        f"widest: {worst}, {drifts[worst].widest:.2f} rad ({drifts[worst].end:+.2f} at the end)"
    )
