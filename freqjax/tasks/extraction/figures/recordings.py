"""Figure of an extraction from a recording: spectra of input and output."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from freqjax.figures import canvas

# Range of a panel below its highest line, dB.
_DEPTH = 70
# Attenuation of the task's other lines in the output, dB, from which the finding is good.
_WELL_BELOW = 20


def extraction(
    before: tuple[np.ndarray, np.ndarray],
    after: tuple[np.ndarray, np.ndarray],
    frequencies_hz: Sequence[float],
    selected: int,
    depends_on_input: bool,
    path: Path,
) -> Path:
    """Draw the amplitude spectra of a recording and of the output, with the selected line marked.

    Args:
      before: frequencies, Hz, and amplitudes of the recording.
      after: the same of the output.
      frequencies_hz: of the task.
      selected: index of the selected frequency.
      depends_on_input: whether the output depends on the recording.
      path: the PNG.
    """
    figure, axes = canvas.subplots(10, 4.2, 1, 2, sharex=True)
    colour = canvas.colour(selected)
    top_hz = min(before[0][-1], max(2 * max(frequencies_hz), 8 * before[0][1]))
    for axis, (hz, amplitude), name in zip(
        axes[0], (before, after), ("recording", "extracted"), strict=True
    ):
        loudest = float(amplitude[hz <= top_hz].max())
        for index, line in enumerate(frequencies_hz):
            own = index == selected
            axis.axvline(
                line,
                color=colour if own else canvas.PALE,
                lw=5 if own else 1,
                alpha=0.3 if own else 1,
                ls="-" if own else ":",
            )
        floor = loudest * 10 ** (-_DEPTH / 20) or 1e-12
        axis.plot(hz, 20 * np.log10(np.maximum(amplitude, floor / 100)), color=canvas.INK, lw=1.2)
        top = 20 * np.log10(max(loudest, floor))
        axis.set(xlim=(0, top_hz), ylim=(top - _DEPTH, top + 6), xlabel="frequency (Hz)")
        axis.set_title(name, loc="left", fontsize=10)
    axes[0, 0].set_ylabel("amplitude (dB re 1)")
    source = "" if depends_on_input else ", from a clock that does not depend on the recording"
    canvas.set_headline(figure, _finding(after, frequencies_hz, selected) + source)
    return canvas.save(figure, path.parent, path.name)


def _finding(
    after: tuple[np.ndarray, np.ndarray], frequencies_hz: Sequence[float], selected: int
) -> str:
    """Describe the output's strongest line, and the level of the task's other lines relative to it."""
    hz, amplitude = after
    wanted, bins = frequencies_hz[selected], hz[1]
    if not amplitude.max() > 0:
        return f"The output for {wanted:g} Hz is zero"
    peak = float(hz[amplitude.argmax()])
    if abs(peak - wanted) > 2 * bins:
        return f"{wanted:g} Hz was selected, but the output's strongest line is at {peak:.4g} Hz"
    # A window spreads a line over two bins to either side.
    others = [
        float(amplitude[np.abs(hz - other) <= 2 * bins].max())
        for other in frequencies_hz
        if abs(other - wanted) > 4 * bins and other < hz[-1]
    ]
    if not others:
        return f"{wanted:g} Hz: the output's strongest line is at the selected frequency"
    below = 20 * np.log10(amplitude.max() / max(*others, 1e-12))
    word = "" if below >= _WELL_BELOW else "only "
    return f"{wanted:g} Hz extracted, the task's other lines {word}{below:.0f} dB below it"
