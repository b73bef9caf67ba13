"""Figures of a run: what the network says, how it came to say it, and whether to believe it.

Every function writes one PNG into a directory and returns its path. A frequency has the same colour
in every figure. Wherever an MSE is drawn, so is 0.5, the error of predicting zero: an MSE says
nothing until it is compared with that.
"""

from freqjax.figures.canvas import FREQUENCY_COLOURS, LAYER_COLOURS
from freqjax.figures.chasing import chasing_gap
from freqjax.figures.clock import last_second, phase_drift
from freqjax.figures.curves import gradient_norms, learning_curves
from freqjax.figures.errors import error_distribution, error_over_time
from freqjax.figures.extraction import extraction
from freqjax.figures.gallery import draw_all
from freqjax.figures.limits import limit_curves
from freqjax.figures.overview import headline
from freqjax.figures.pairs import rotors
from freqjax.figures.record import Baselines, EvaluationRecord, Rows
from freqjax.figures.signals import all_frequencies, one_frequency, spectra
from freqjax.figures.stages import curriculum
from freqjax.figures.standing import standing

__all__ = [
    "FREQUENCY_COLOURS",
    "LAYER_COLOURS",
    "Baselines",
    "EvaluationRecord",
    "Rows",
    "all_frequencies",
    "chasing_gap",
    "curriculum",
    "draw_all",
    "error_distribution",
    "error_over_time",
    "extraction",
    "gradient_norms",
    "headline",
    "last_second",
    "learning_curves",
    "limit_curves",
    "one_frequency",
    "phase_drift",
    "rotors",
    "spectra",
    "standing",
]
