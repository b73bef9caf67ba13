"""Figures of a run of any task: the course of training, and the scores.

Every function writes one PNG into a directory and returns its path. A group has the same colour in every
figure. Every figure of a loss also shows that of a predictor without inputs, as a reference.
"""

from freqjax.figures.canvas import GROUP_COLOURS, LAYER_COLOURS
from freqjax.figures.chasing import chasing_gap
from freqjax.figures.curves import learning_curves
from freqjax.figures.gradients import gradient_norms
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
