"""Figures that may fail: no result is lost for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from freqjax import progress
from freqjax.figures import processes
from freqjax.text import printable

Draw = Callable[[], Sequence[Path]]
Say = Callable[[str], None]


def attempt(draw: Draw, say: Say) -> list[Path]:
    """Return the figures that `draw` gives, all written; none where it fails, for lack of memory or by a bug.

    `say` is told why.
    """
    return arrived(made(draw, say), say)


def made(draw: Draw, say: Say) -> list[Path]:
    """Return the figures that `draw` gives, as `attempt`, but do not wait for processes that draw them."""
    try:
        return list(draw())
    except Exception as error:
        return _none(error, say)


def arrived(figures: Sequence[Path], say: Say) -> list[Path]:
    """Return the figures once the processes that draw them have written them; none where one cannot be."""
    drawers = processes.current()
    if drawers is None or not figures:
        return list(figures)
    try:
        for path in progress.each("figures", figures):
            drawers.wait_for(path)
        drawers.wait()
        return list(figures)
    except Exception as error:
        return _none(error, say)


def _none(error: Exception, say: Say) -> list[Path]:
    """Say why there are no figures, and return none."""
    told = isinstance(error, processes.DrawingError)
    reason = str(error) if told else f"{type(error).__name__}: {str(error).strip()}"
    reason = reason.partition("\n")[0].rstrip(".: ")
    say(f"no figures: they could not be drawn ({printable(reason)}); all else is as it should be.")
    return []
