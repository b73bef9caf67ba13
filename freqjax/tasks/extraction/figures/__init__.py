"""Figures of extraction: outputs against targets, errors, phases and spectra.

A frequency has the same colour in every figure. A figure of an MSE also shows 0.5, the MSE of predicting
zero, as a reference.
"""

from freqjax.tasks.extraction.figures.clock import last_second, phase_drift
from freqjax.tasks.extraction.figures.distribution import error_distribution
from freqjax.tasks.extraction.figures.errors import error_over_time
from freqjax.tasks.extraction.figures.gallery import drawings
from freqjax.tasks.extraction.figures.limits import limit_curves
from freqjax.tasks.extraction.figures.overview import headline
from freqjax.tasks.extraction.figures.pairs import rotors
from freqjax.tasks.extraction.figures.record import Baselines, EvaluationRecord
from freqjax.tasks.extraction.figures.recordings import Drawn, extraction
from freqjax.tasks.extraction.figures.signals import all_frequencies, one_frequency, spectra
from freqjax.tasks.extraction.figures.standing import standing
from freqjax.tasks.extraction.figures.training import chasing_gap, curriculum, learning_curves

__all__ = [
    "Baselines",
    "Drawn",
    "EvaluationRecord",
    "all_frequencies",
    "chasing_gap",
    "curriculum",
    "drawings",
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
