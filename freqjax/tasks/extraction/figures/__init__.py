"""Figures of extraction: what the network says of its sines, and whether to believe it.

A frequency has the same colour in every figure. Wherever an MSE is drawn, so is 0.5, the error of predicting
zero: an MSE says nothing until it is compared with that.
"""

from freqjax.tasks.extraction.figures.clock import last_second, phase_drift
from freqjax.tasks.extraction.figures.errors import error_distribution, error_over_time
from freqjax.tasks.extraction.figures.gallery import draw_all
from freqjax.tasks.extraction.figures.limits import limit_curves
from freqjax.tasks.extraction.figures.overview import headline
from freqjax.tasks.extraction.figures.pairs import rotors
from freqjax.tasks.extraction.figures.record import Baselines, EvaluationRecord
from freqjax.tasks.extraction.figures.recordings import extraction
from freqjax.tasks.extraction.figures.signals import all_frequencies, one_frequency, spectra
from freqjax.tasks.extraction.figures.standing import standing
from freqjax.tasks.extraction.figures.training import chasing_gap, curriculum, learning_curves

__all__ = [
    "Baselines",
    "EvaluationRecord",
    "all_frequencies",
    "chasing_gap",
    "curriculum",
    "draw_all",
    "error_distribution",
    "error_over_time",
    "extraction",
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
