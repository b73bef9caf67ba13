"""Figures that may fail: no result is lost for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from freqjax.text import printable


def attempt(draw: Callable[[], Sequence[Path]], say: Callable[[str], None]) -> list[Path]:
    """Return the figures that `draw` gives; none where it fails, for lack of memory or by a bug.

    `say` is told why.
    """
    try:
        return list(draw())
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).strip()}".partition("\n")[0].rstrip(".: ")
        say(
            f"no figures: they could not be drawn ({printable(reason)}); all else is as it should be."
        )
        return []
