"""Figures that may fail: no result is lost for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from freqjax.figures import processes
from freqjax.text import printable


def attempt(draw: Callable[[], Sequence[Path]], say: Callable[[str], None]) -> list[Path]:
    """Return the figures that `draw` gives; none where it fails, for lack of memory or by a bug.

    `say` is told why.
    """
    try:
        figures = list(draw())
        drawers = processes.current()
        if drawers is not None:
            drawers.wait()
        return figures
    except Exception as error:
        told = isinstance(error, processes.DrawingError)
        reason = str(error) if told else f"{type(error).__name__}: {str(error).strip()}"
        reason = reason.partition("\n")[0].rstrip(".: ")
        say(
            f"no figures: they could not be drawn ({printable(reason)}); all else is as it should be."
        )
        return []
