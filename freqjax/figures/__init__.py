"""Figures of a run of any task: the course of training, and the scores.

Every function writes one PNG into a directory and returns its path. A group has the same colour in every
figure. Every figure of a loss also shows that of a predictor without inputs, as a reference.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from freqjax.figures.history import History, Rows, Scale, history_of

if TYPE_CHECKING:
    from freqjax.figures.canvas import GROUP_COLOURS, LAYER_COLOURS
    from freqjax.figures.chasing import chasing_gap
    from freqjax.figures.curves import learning_curves
    from freqjax.figures.gradients import gradient_norms
    from freqjax.figures.scores import group_scores
    from freqjax.figures.stages import curriculum

# Name → its module, imported on first use: these bring Matplotlib with them, which takes most of a second.
_LATER = {
    "GROUP_COLOURS": "canvas",
    "LAYER_COLOURS": "canvas",
    "chasing_gap": "chasing",
    "curriculum": "stages",
    "gradient_norms": "gradients",
    "group_scores": "scores",
    "learning_curves": "curves",
}

__all__ = [
    "GROUP_COLOURS",
    "LAYER_COLOURS",
    "History",
    "Rows",
    "Scale",
    "chasing_gap",
    "curriculum",
    "gradient_norms",
    "group_scores",
    "history_of",
    "learning_curves",
]


def __getattr__(name: str) -> Any:
    """Import what is not imported yet."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
