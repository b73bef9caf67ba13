"""Process that draws figures for another, one after the other, until its input ends.

    python -m freqjax.figures.worker

It reads pickles of (figure, path, settings of Matplotlib) from its standard input, of which the figure is a
pickle of its own, and answers each with a pickle of None, or of what went wrong.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import matplotlib

from freqjax.figures import canvas
from freqjax.system import memory


def main() -> None:
    """Draw until the input ends."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    with memory.collecting_rarely():
        while True:
            try:
                content, path, settings = pickle.load(requests)
            except EOFError:
                return
            pickle.dump(_draw(content, path, settings), answers)
            answers.flush()


def _draw(content: bytes, path: str, settings: Any) -> str | None:
    """Draw a figure, and return None, or what went wrong."""
    try:
        with matplotlib.rc_context(settings):
            canvas.write(pickle.loads(content), Path(path))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    main()
