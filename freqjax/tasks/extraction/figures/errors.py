"""Figure of the network's errors along the stream."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from freqjax.figures import canvas
from freqjax.figures.history import last_known
from freqjax.figures.lines import finish_loss_axis
from freqjax.figures.words import number
from freqjax.tasks.extraction.figures.record import (
    GOAL_MSE,
    ZERO_MSE,
    EvaluationRecord,
    present_indices,
    whole_periods,
)
from freqjax.tasks.extraction.figures.training import mse_scale
from freqjax.tasks.extraction.tones import mse_over_time


def error_over_time(record: EvaluationRecord, directory: str | Path) -> Path:
    """Draw the MSE of each frequency in windows of whole periods along the stream.

    In whole periods the zero predictor has an MSE of 0.5 in every window. Baselines and the least possible
    MSE are drawn as means over the frequencies, so that they do not hide the network's lines.
    Writes error_over_time.png.
    """
    figure, axes = canvas.subplots(9, 4.2)
    axis, labels, ends = axes[0, 0], [], {}
    samples, rate = record.targets.shape[1], record.sampling_rate_hz
    drawn: list[np.ndarray] = []
    for index in present_indices(record):
        name, window = f"{record.frequencies_hz[index]:g} Hz", whole_periods(record, index)
        streams = record.selected == index
        mse = mse_over_time(record.outputs[streams], record.targets[streams], window)
        time = (np.arange(mse.size) + 0.5) * window / rate
        ends[name] = float(mse[-1]) if np.isfinite(mse).all() else math.inf
        mse = np.where(np.isfinite(mse), np.maximum(mse, 1e-15), np.nan)
        marker = "o" if mse.size <= 12 else None
        axis.plot(time, mse, color=canvas.colour(index), lw=1.8, marker=marker, ms=3.5)
        drawn.append(mse)
        labels.append((last_known(mse), name, canvas.colour(index)))
    for name, time, mse, style in _baseline_curves(record):
        axis.plot(time, mse, color=canvas.GREY, lw=1.3, ls=style, zorder=1.5)
        labels.append((last_known(mse), name, canvas.GREY))
        drawn.append(mse)
    if record.baselines is not None and record.baselines.bayes_over_time is not None:
        seen, least = record.baselines.bayes_over_time
        # It does not set the limits of the axis, since it may be far below everything else.
        axis.plot(seen / rate, np.maximum(least, 1e-15), color=canvas.INK, lw=1.3, zorder=1.5)
        labels.append((max(float(least[-1]), 1e-15), "least possible", canvas.INK))
    axis.set_xlim(0, samples / rate)
    axis.set(xlabel="time since the start of the stream (s)", ylabel="MSE in the window (no unit)")
    finish_loss_axis(axis, mse_scale(record.frequencies_hz), drawn, labels)
    lost = [name for name, end in ends.items() if math.isinf(end)]
    if lost:
        axis.set_title(f"not finite: {', '.join(lost)}", loc="left", fontsize=10)
    good = sum(end < GOAL_MSE for end in ends.values())
    worst = max(ends, key=ends.__getitem__)
    finding = (
        f"After {samples / rate:g} s, {good} of {len(ends)} frequencies are below {GOAL_MSE:g}; "
    )
    canvas.set_headline(figure, finding + f"worst: {worst}, {number(ends[worst])}")
    return canvas.save(figure, directory, "error_over_time.png")


def _baseline_curves(
    record: EvaluationRecord,
) -> list[tuple[str, np.ndarray, np.ndarray, Any]]:
    """Return name, time (s), MSE over all streams in windows, and line style; curves at 0.5 are merged."""
    if record.baselines is None:
        return []
    slowest = min(present_indices(record), key=record.frequencies_hz.__getitem__)
    window = whole_periods(record, slowest)
    curves = {
        name: np.maximum(mse_over_time(outputs, record.targets, window), 1e-15)
        for name, outputs in record.baselines.outputs.items()
    }
    time = (np.arange(record.targets.shape[1] // window) + 0.5) * window / record.sampling_rate_hz
    if all(np.allclose(mse, ZERO_MSE, rtol=0.1) for mse in curves.values()):
        name, mse = " and ".join(curves), next(iter(curves.values()))
        return [(name, time, mse, "-.")]
    styles = ("-.", (0, (1, 1.2)), "--")
    return [
        (name, time, mse, styles[i % len(styles)]) for i, (name, mse) in enumerate(curves.items())
    ]
