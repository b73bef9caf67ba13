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
    """Return the figures that `draw` gives, all written, without those that a process could not draw.

    There are none where `draw` itself fails, for lack of memory or by a bug. `say` is told why.
    """
    return arrived(made(draw, say), say)


def made(draw: Draw, say: Say) -> list[Path]:
    """Return the figures that `draw` gives, as `attempt`, but do not wait for processes that draw them."""
    try:
        return list(draw())
    except Exception as error:
        say(_none(error))
        return []


def arrived(figures: Sequence[Path], say: Say) -> list[Path]:
    """Return the figures once the processes that draw them are done, without those that cannot be drawn."""
    drawers = processes.current()
    if drawers is None or not figures:
        return list(figures)
    failures: dict[Path, Exception] = {}
    others = [path for path in drawers.pending if path not in figures]
    for path in progress.each("figures", [*figures, *others]):
        try:
            drawers.wait_for(path)
        except Exception as error:
            failures[path] = error
    kept = [path for path in figures if path not in failures]
    if failures and not kept:
        say(_none(next(iter(failures.values()))))
        return kept
    for path, error in failures.items():
        why = f"it could not be drawn ({_reason(error)})"
        say(f"no {printable(path.name)}: {why}; all else is as it should be.")
    return kept


def _none(error: Exception) -> str:
    """Say why there are no figures."""
    return f"no figures: they could not be drawn ({_reason(error)}); all else is as it should be."


def _reason(error: Exception) -> str:
    told = isinstance(error, processes.DrawingError)
    reason = str(error) if told else f"{type(error).__name__}: {str(error).strip()}"
    return printable(reason.partition("\n")[0].rstrip(".: "))
