"""Figures of the network's outputs: waveforms and spectra."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas
from freqjax.tasks.extraction.figures.findings import strongest_line, tone_finding
from freqjax.tasks.extraction.figures.record import (
    GOAL_MSE,
    EvaluationRecord,
    excerpt_slices,
    first_stream,
    present_indices,
)


def one_frequency(record: EvaluationRecord, index: int, directory: str | Path) -> Path:
    """Draw target, mixture and output of one frequency at both ends of the stream.

    Args:
      record: the evaluation.
      index: into record.frequencies_hz.
      directory: the folder of one_frequency_<f>Hz.png.

    Raises:
      ValueError: if no stream selects that frequency.
    """
    if index not in present_indices(record):
        raise ValueError(f"no stream selects index {index} of {record.frequencies_hz}")
    figure, axes = canvas.subplots(10, 3.9, 1, len(excerpt_slices(record, index)), sharey=True)
    _draw_excerpts(record, index, axes[0], mixture=True)
    for axis in axes[0]:
        axis.set_xlabel("time (s)")
    axes[0, 0].set_ylabel("signal (target peak = 1)")
    legend = figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
    )
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    canvas.set_headline(figure, tone_finding(record, index))
    return canvas.save(figure, directory, f"one_frequency_{record.frequencies_hz[index]:g}Hz.png")


def all_frequencies(record: EvaluationRecord, directory: str | Path) -> Path:
    """Draw output over target for every frequency, one per row, at both ends of the stream.

    Writes all_frequencies.png.
    """
    present = present_indices(record)
    columns = max(len(excerpt_slices(record, index)) for index in present)
    figure, axes = canvas.subplots(
        10, 0.9 + 1.7 * len(present), len(present), columns, sharey="row"
    )
    for row, index in zip(axes, present, strict=True):
        used = _draw_excerpts(record, index, row, mixture=False)
        for axis in row[used:]:
            axis.remove()
        row[0].set_title(tone_finding(record, index), loc="left", fontsize=10)
    for axis in axes[-1]:
        axis.set_xlabel("time (s)")
    figure.supylabel("signal (target peak = 1)", fontsize=10)
    tones = [record.tones[index] for index in present]
    solved = sum(tone.mse is not None and tone.mse < GOAL_MSE for tone in tones)
    canvas.set_headline(
        figure,
        f"{solved} of {len(present)} frequencies below MSE {GOAL_MSE:g}: "
        "output (colour) over target (grey)",
    )
    return canvas.save(figure, directory, "all_frequencies.png")


def spectra(record: EvaluationRecord, directory: str | Path) -> Path:
    """Draw amplitude spectra of mixture, target and output, dB relative to the target's peak of 1.

    Blackman–Harris window, mean removed, first stream of each frequency; the task's lines are
    marked. Writes spectra.png.
    """
    present = present_indices(record)
    rate, samples = record.sampling_rate_hz, record.targets.shape[1]
    # At least eight lines of resolution, so that short streams show more than two points.
    band = min(rate / 2, max(2 * max(record.frequencies_hz), 20.0, 8 * rate / samples))
    figure, axes = canvas.grid(len(present), 2.7, sharey=True, sharex=True)
    correct, loudest = 0, 1.0
    for axis, index in zip(axes, present, strict=True):
        stream, colour = first_stream(record, index), canvas.colour(index)
        for line_hz in record.frequencies_hz:
            own = line_hz == record.frequencies_hz[index]
            axis.axvline(
                line_hz, color=colour if own else canvas.PALE, lw=1, ls="-" if own else ":"
            )
        _draw_spectrum(axis, record.mixture[stream], rate, label="mixture", color=canvas.PALE, lw=1)
        _draw_spectrum(axis, record.targets[stream], rate, label="target", color=canvas.GREY, lw=4)
        if not canvas.say_not_finite(axis, record.outputs[stream]):
            _draw_spectrum(axis, record.outputs[stream], rate, label="output", color=colour, lw=1.5)
            loudest = max(loudest, 2 * float(np.max(np.abs(record.outputs[stream]))))
        finding, right = strongest_line(record, index)
        correct += right
        axis.set_title(f"{record.frequencies_hz[index]:g} Hz: {finding}", loc="left", fontsize=10)
        axis.set_xlim(0, band)
    axes[0].set_ylim(-80, 5 + 20 * math.log10(loudest))
    canvas.outer_labels(axes, "frequency (Hz)", "amplitude (dB re 1)")
    full = max((axis.get_legend_handles_labels() for axis in axes), key=lambda pair: len(pair[0]))
    figure.legend(*full, loc="outside lower center", ncols=3, frameon=False)
    canvas.set_headline(
        figure, f"{correct} of {len(present)} outputs have their strongest line at the selected one"
    )
    return canvas.save(figure, directory, "spectra.png")


def _draw_excerpts(
    record: EvaluationRecord, index: int, axes: Iterable[Axes], mixture: bool
) -> int:
    """Draw the excerpts of one frequency into the first axes, and return their number."""
    stream = first_stream(record, index)
    outputs = np.where(np.isfinite(record.outputs[stream]), record.outputs[stream], np.nan)
    excerpts = excerpt_slices(record, index)
    for axis, cut in zip(axes, excerpts, strict=False):
        time = np.arange(cut.start, cut.stop) / record.sampling_rate_hz
        if mixture:  # a subset, since thousands of noisy points would cover everything
            every = max(1, time.size // 400)
            dots = record.mixture[stream, cut][::every]
            name = "mixture" if every == 1 else f"mixture (one of {every} samples)"
            axis.plot(
                time[::every], dots, ".", color=canvas.GREY, ms=4, alpha=0.45, mew=0, label=name
            )
        axis.plot(time, record.targets[stream, cut], color=canvas.PALE, lw=5, label="target")
        axis.plot(time, outputs[cut], color=canvas.colour(index), lw=1.6, label="output")
        axis.set_xlim(time[0], max(time[-1], time[0] + 1 / record.sampling_rate_hz))
        canvas.say_not_finite(axis, record.outputs[stream, cut])
    return len(excerpts)


def _draw_spectrum(axis: Axes, signal: np.ndarray, rate_hz: float, **style: Any) -> None:
    """Draw the amplitude in dB re 1, zero-padded fourfold for smooth peaks.

    The Blackman–Harris window (Harris 1978) keeps side lobes below -92 dB, off the figure.
    """
    angle = 2 * np.pi * (np.arange(signal.size) + 0.5) / signal.size
    window = 0.35875 - 0.48829 * np.cos(angle) + 0.14128 * np.cos(2 * angle)
    window -= 0.01168 * np.cos(3 * angle)
    centred = signal - np.average(signal, weights=window)
    amplitude = 2 * np.abs(np.fft.rfft(window * centred, 4 * signal.size)) / window.sum()
    frequencies = np.fft.rfftfreq(4 * signal.size, 1 / rate_hz)
    axis.plot(frequencies, 20 * np.log10(np.maximum(amplitude, 1e-8)), **style)
