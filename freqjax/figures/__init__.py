"""Figures that a run of any task has: how training went, and what scores were reached.

Every function writes one PNG into a directory and returns its path. A group has the same colour in every
figure. Wherever a loss is drawn, so is that of a predictor without inputs: a loss says nothing until it is
compared with that.
"""

from freqjax.figures.canvas import GROUP_COLOURS, LAYER_COLOURS
from freqjax.figures.chasing import chasing_gap
from freqjax.figures.curves import gradient_norms, learning_curves
from freqjax.figures.history import History, Rows, Scale, history_of
from freqjax.figures.scores import group_scores
from freqjax.figures.stages import curriculum

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
