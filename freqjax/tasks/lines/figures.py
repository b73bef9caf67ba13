"""Figures of the task lines: errors against the ratio of line to noise, and one recording.

Axes: B sequences, T samples, G lines.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from freqjax.figures import canvas
from freqjax.tasks.lines.judged import Judged
from freqjax.text import number, shown_unit

# Periods of the line that the waveform shows.
_PERIODS = 8
# Points of the curve of a method, each the median of as many recordings as lie in its part of the axis.
_PARTS = 8


def errors(judged: Judged, folder: Path) -> Path:
    """Draw the relative error power of every test recording against its ratio of line to noise."""
    figure, axes = canvas.subplots(8.0, 4.6)
    axis = axes[0, 0]
    shown = {name: values for name, values in judged.errors.items() if name != "constant"}
    for place, (name, values) in enumerate(shown.items()):
        shade = canvas.INK if place == 0 else canvas.colour(place - 1)
        axis.scatter(judged.ratios, values, s=9, color=shade, alpha=0.35, lw=0)
        x, y = _medians(judged.ratios, values)
        axis.plot(x, y, color=shade, lw=2.4 if place == 0 else 1.4, label=name.replace("_", " "))
    axis.axhline(1.0, color=canvas.GREY, lw=1, ls="--")
    axis.text(
        0.995, 1.0, "predicting zero", fontsize=8, color=canvas.GREY, ha="right", va="bottom",
        transform=axis.get_yaxis_transform(),
    )  # fmt: skip
    axis.set_yscale("log")
    axis.set_xlabel("power of the line / power of everything else (dB)")
    axis.set_ylabel("relative error power")
    axis.legend(fontsize=8, loc="lower left", framealpha=0.9)
    values = judged.errors["network"]
    canvas.set_headline(
        figure,
        f"Test recordings: {number(float(np.median(values)))} of a line's power is wrong in the median "
        f"(network); points are recordings, lines medians",
    )
    return canvas.save(figure, folder, "errors.png")


def _medians(
    x: Float[np.ndarray, " B"], y: Float[np.ndarray, " B"]
) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, " P"]]:
    """Return medians of `x` and `y` over parts of as many recordings each, in the order of `x`."""
    parts = np.array_split(np.argsort(x), min(_PARTS, len(x)))
    return (
        np.array([np.median(x[part]) for part in parts]),
        np.array([np.median(y[part]) for part in parts]),
    )


def recordings(judged: Judged, folder: Path) -> Path:
    """Draw, for the middle test recording of every line, its end and the error over time."""
    figure, axes = canvas.subplots(11.0, 0.8 + 2.5 * len(judged.names), len(judged.names), 2)
    network = judged.errors["network"]
    output = judged.estimates["network"]
    samples = judged.signals.shape[1]
    unit, length = shown_unit(samples / judged.sampling_rate, "s")
    times, label = np.arange(samples) / judged.sampling_rate / length, f"time ({unit})"
    for line, (left, right) in enumerate(axes):
        own = np.flatnonzero(judged.group == line)
        if not own.size:
            left.set_title(f"{judged.names[line]}: no test recording", loc="left", fontsize=10)
            continue
        shown = own[np.argsort(network[own])[len(own) // 2]]
        shade = canvas.colour(line)
        count = min(samples, round(_PERIODS * judged.sampling_rate / judged.frequencies[line]))
        end = slice(samples - count, None)
        left.plot(
            times[end], judged.signals[shown, end], color=canvas.PALE, lw=1, label="recording"
        )
        left.plot(times[end], judged.targets[shown, end], color=canvas.GREY, lw=3, label="line")
        left.plot(times[end], output[shown, end], color=shade, lw=1.4, label="output")
        left.set_title(
            f"{judged.names[line]}, {judged.ratios[shown]:+.0f} dB: the last {_PERIODS} periods",
            loc="left", fontsize=10,
        )  # fmt: skip
        left.set_xlabel(label)
        window = max(1, round(judged.sampling_rate / judged.frequencies[line]))
        right.plot(
            times, _smoothed(output[shown] - judged.targets[shown], window)
            / np.mean(judged.targets[shown] ** 2), color=shade, lw=1.2,
        )  # fmt: skip
        right.axhline(1.0, color=canvas.GREY, lw=1, ls="--")
        if judged.first:
            right.axvspan(0, times[judged.first], color=canvas.PALE, alpha=0.4, lw=0)
        right.set_yscale("log")
        right.set_title("error power over a period / the line's power", loc="left", fontsize=10)
        right.set_xlabel(f"{label}; grey is not judged" if judged.first else label)
    axes[0, 0].legend(fontsize=8, loc="upper left", framealpha=0.9)
    canvas.set_headline(figure, "The test recording of median error of each line")
    return canvas.save(figure, folder, "recordings.png")


def _smoothed(error: Float[np.ndarray, " T"], window: int) -> Float[np.ndarray, " T"]:
    """Return the mean square over the last `window` samples, of those that there are at the start."""
    total = np.concatenate([[0.0], np.cumsum(np.square(error, dtype=np.float64))])
    count = np.minimum(np.arange(1, len(error) + 1), window)
    later = total[1:]
    return np.maximum((later - total[np.arange(1, len(error) + 1) - count]) / count, 1e-12)
