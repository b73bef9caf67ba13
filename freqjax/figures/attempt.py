"""Figures that may fail: no result is lost for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path

from freqjax import progress
from freqjax.figures import processes
from freqjax.text import printable

Draw = Callable[[], Sequence[Path]]
Say = Callable[[str], None]

# Who is told of a figure that fails while others are made; None where its error is raised.
_TOLD: ContextVar[Say | None] = ContextVar("told", default=None)


def attempt(draw: Draw, say: Say) -> list[Path]:
    """Return the figures that `draw` gives, all written, without those that could not be drawn.

    One fails for lack of memory or by a bug. There are none where `draw` itself fails. `say` is told why.
    """
    return arrived(made(draw, say), say)


def made(draw: Draw, say: Say) -> list[Path]:
    """Return the figures that `draw` gives, as `attempt`, but do not wait for processes that draw them."""
    token = _TOLD.set(say)
    try:
        return list(draw())
    except Exception as error:
        say(_none(error))
        return []
    finally:
        _TOLD.reset(token)


def each(drawings: Iterable[Callable[[], Path]]) -> list[Path]:
    """Draw figures one by one; within `made` one that fails is told and costs no other.

    Elsewhere, and if none can be drawn, the first error is raised.
    """
    say = _TOLD.get()
    found: list[Path] = []
    failures: list[tuple[str, Exception]] = []
    for draw in drawings:
        try:
            found.append(draw())
        except Exception as error:
            if say is None:
                raise
            name = getattr(getattr(draw, "func", draw), "__name__", type(draw).__name__)
            failures.append((f"figure {name}", error))
    if failures and not found:
        raise failures[0][1]
    for name, error in failures:
        assert say is not None
        say(_one(name, error))
    return found


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
        say(_one(path.name, error))
    return kept


def _one(name: str, error: Exception) -> str:
    """Say why there is no figure of a name."""
    return f"no {printable(name)}: it could not be drawn ({_reason(error)}); all else is as it should be."


def _none(error: Exception) -> str:
    """Say why there are no figures."""
    return f"no figures: they could not be drawn ({_reason(error)}); all else is as it should be."


def _reason(error: Exception) -> str:
    told = isinstance(error, processes.DrawingError)
    reason = str(error) if told else f"{type(error).__name__}: {str(error).strip()}"
    return printable(reason.partition("\n")[0].rstrip(".: "))
