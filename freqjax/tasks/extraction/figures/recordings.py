"""Figure of an extraction from a recording: spectra of input and output on one scale."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas

Spectrum = tuple[np.ndarray, np.ndarray]  # frequencies, Hz, and amplitudes under a Hann window

# Range of the axis below the highest line of both spectra, dB.
_DEPTH = 70
# Attenuation of the task's other lines in the output, dB, from which the finding is good.
_WELL_BELOW = 20
# The zoom reaches this share of the selected frequency to either side, or as many bins if they are wider.
_ZOOM, _ZOOM_BINS = 0.05, 4
# A line farther from the selected frequency than both a share of it and a share of a bin is named.
_OFF, _OFF_BINS = 0.001, 0.1


def extraction(
    before: Spectrum,
    after: Spectrum,
    frequencies_hz: Sequence[float],
    selected: int,
    depends_on_input: bool,
    path: Path,
) -> Path:
    """Draw the amplitude spectra of a recording and of the output, and a zoom on the selected line.

    All panels have the same scale. In the zoom the frequency of the output's own line is marked, which is
    interpolated between the bins of the spectrum.

    Args:
      before: frequencies, Hz, and amplitudes of the recording, under a Hann window.
      after: the same of the output.
      frequencies_hz: of the task.
      selected: index of the selected frequency.
      depends_on_input: whether the output depends on the recording.
      path: the PNG.
    """
    figure, axes = canvas.subplots(13, 4.4, 1, 3, sharey=True, width_ratios=(1.2, 1.2, 1))
    whole, extracted, zoom = axes[0]
    top_hz = min(before[0][-1], max(2 * max(frequencies_hz), 8 * before[0][1]))
    loudest = (
        max(float(amplitude[hz <= top_hz].max()) for hz, amplitude in (before, after)) or 1e-12
    )
    floor, top = loudest * 10 ** (-_DEPTH / 20), 20 * math.log10(loudest)
    curves = (before, canvas.GREY, "recording"), (after, canvas.INK, "extracted")
    for axis, (spectrum, colour, name) in zip((whole, extracted), curves, strict=True):
        _mark_lines(axis, frequencies_hz, selected)
        _draw(axis, spectrum, floor, colour, name)
        axis.set_xlim(0, top_hz)
        axis.set_title(name, loc="left", fontsize=10)
    _mark_lines(zoom, frequencies_hz, selected)
    for spectrum, colour, name in curves:
        _draw(zoom, spectrum, floor, colour, name, marker="o", ms=3)
    _zoom_in(zoom, after, frequencies_hz[selected], canvas.colour(selected))
    for axis in axes[0]:
        axis.set_ylim(top - _DEPTH, top + 6)
        axis.set_xlabel("frequency (Hz)")
    whole.set_ylabel("amplitude (dB re 1)")
    zoom.legend(loc="lower right", fontsize=8, framealpha=0.9)
    source = "" if depends_on_input else ", from a clock that does not depend on the recording"
    canvas.set_headline(figure, _finding(after, frequencies_hz, selected) + source)
    return canvas.save(figure, path.parent, path.name)


def _mark_lines(axis: Axes, frequencies_hz: Sequence[float], selected: int) -> None:
    """Mark the task's lines: the selected one broad, in its colour."""
    for index, line in enumerate(frequencies_hz):
        if index == selected:
            axis.axvline(line, color=canvas.colour(index), lw=5, alpha=0.3)
        else:
            axis.axvline(line, color=canvas.PALE, lw=1, ls=":")


def _draw(
    axis: Axes, spectrum: Spectrum, floor: float, colour: str, name: str, **style: str | float
) -> None:
    """Draw amplitudes in dB; what is far below the axis is cut."""
    hz, amplitude = spectrum
    decibels = 20 * np.log10(np.maximum(amplitude, floor / 100))
    axis.plot(hz, decibels, color=colour, lw=1.2, label=name, **style)  # pyright: ignore[reportArgumentType]


def _zoom_in(axis: Axes, after: Spectrum, wanted_hz: float, colour: str) -> None:
    """Set the axis to the neighbourhood of the selected frequency, and mark the output's own line there."""
    reach = max(_ZOOM * wanted_hz, _ZOOM_BINS * float(after[0][1]))
    axis.set_xlim(wanted_hz - reach, wanted_hz + reach)
    axis.set_title(
        f"±{100 * reach / wanted_hz:.2g} % around {wanted_hz:g} Hz", loc="left", fontsize=10
    )
    line = line_hz(*after)
    if line is None or abs(line - wanted_hz) > reach:
        said = "no line of the output here"
    else:
        axis.axvline(line, color=canvas.INK, lw=1, ls="--")
        said = f"output at {line:.5g} Hz ({100 * (line / wanted_hz - 1):+.2g} %)"
    axis.text(
        0.02, 0.98, said, fontsize=9, va="top", color=canvas.text_colour(colour),
        transform=axis.transAxes, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )  # fmt: skip


def line_hz(hz: np.ndarray, amplitude: np.ndarray) -> float | None:
    """Return the frequency of the highest line, Hz, interpolated between the bins; None if all is zero.

    A sine under a Hann window that lies δ bins above a bin has there and in the next bin amplitudes of the
    ratio r = (1 + δ) / (2 − δ), so that δ = (2 r − 1) / (1 + r); in the same way below.
    """
    if not amplitude.max() > 0:
        return None
    peak = int(amplitude.argmax())
    if not 0 < peak < amplitude.size - 1:
        return float(hz[peak])
    side = 1 if amplitude[peak + 1] >= amplitude[peak - 1] else -1
    ratio = float(amplitude[peak + side] / amplitude[peak])
    return float(hz[peak] + side * max(0.0, (2 * ratio - 1) / (1 + ratio)) * hz[1])


def _finding(after: Spectrum, frequencies_hz: Sequence[float], selected: int) -> str:
    """Describe the output's strongest line, and the level of the task's other lines relative to it."""
    hz, amplitude = after
    wanted, bins, peak = frequencies_hz[selected], float(hz[1]), line_hz(hz, amplitude)
    if peak is None:
        return f"The output for {wanted:g} Hz is zero"
    if abs(peak - wanted) > 2 * bins:
        return f"{wanted:g} Hz was selected, but the output's strongest line is at {peak:.4g} Hz"
    exact = abs(peak - wanted) <= max(_OFF * wanted, _OFF_BINS * bins)
    at = "" if exact else f" at {peak:.4g} Hz ({100 * (peak / wanted - 1):+.2g} %)"
    # A window spreads a line over two bins to either side.
    others = [
        float(amplitude[np.abs(hz - other) <= 2 * bins].max())
        for other in frequencies_hz
        if abs(other - wanted) > 4 * bins and other < hz[-1]
    ]
    if not others:
        where = f"{at[1:]}" if at else "at the selected frequency"
        return f"{wanted:g} Hz: the output's strongest line is {where}"
    below = 20 * np.log10(amplitude.max() / max(*others, 1e-12))
    word = "" if below >= _WELL_BELOW else "only "
    return f"{wanted:g} Hz extracted{at}, the task's other lines {word}{below:.0f} dB below it"
