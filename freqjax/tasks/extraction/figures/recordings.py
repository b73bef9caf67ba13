"""What came out of a recording: spectra before and after."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from freqjax.figures import canvas

# dB below the highest line of a panel that are shown.
_DEPTH = 70
# The finding: other lines of the task against the selected one, in the output.
_WELL_BELOW = 20


def extraction(
    before: tuple[np.ndarray, np.ndarray],
    after: tuple[np.ndarray, np.ndarray],
    frequencies_hz: Sequence[float],
    selected: int,
    listens: bool,
    path: Path,
) -> Path:
    """Amplitude spectra of a recording and of what was extracted, the selected line marked.

    Args:
      before: frequencies, Hz, and amplitudes of the recording.
      after: the same of the output.
      frequencies_hz: of the task.
      selected: index of the one asked for.
      listens: whether the output depends on the recording.
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
    deaf = "" if listens else ", from a clock that does not listen to the recording"
    canvas.set_headline(figure, _finding(after, frequencies_hz, selected) + deaf)
    return canvas.save(figure, path.parent, path.name)


def _finding(
    after: tuple[np.ndarray, np.ndarray], frequencies_hz: Sequence[float], selected: int
) -> str:
    """Where the output's strongest line is, and how far below it the task's others are."""
    hz, amplitude = after
    wanted, bins = frequencies_hz[selected], hz[1]
    if not amplitude.max() > 0:
        return f"Nothing came out where {wanted:g} Hz was asked for"
    peak = float(hz[amplitude.argmax()])
    if abs(peak - wanted) > 2 * bins:
        return f"{wanted:g} Hz was asked for, and the output's strongest line is at {peak:.4g} Hz"
    # A window spreads a line over two bins to either side.
    others = [
        float(amplitude[np.abs(hz - other) <= 2 * bins].max())
        for other in frequencies_hz
        if abs(other - wanted) > 4 * bins and other < hz[-1]
    ]
    if not others:
        return f"{wanted:g} Hz: the output's strongest line is where it was asked for"
    below = 20 * np.log10(amplitude.max() / max(*others, 1e-12))
    word = "" if below >= _WELL_BELOW else "only "
    return f"{wanted:g} Hz came out, and the task's other lines {word}{below:.0f} dB below it"
