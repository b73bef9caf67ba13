"""Causal estimators of one line, with its harmonics, in additive noise: no learning, NumPy and SciPy alone.

Each is a function of signals [N, T] and of what is known of the line, and returns estimates [N, T] of the
line, harmonics included, at its true strength. The estimate at a sample depends on the samples up to it.
The parameters are keyword arguments whose units are those of the line, its period or its frequency, so that
their defaults serve a line of any frequency.
"""

from freqjax.tasks.lines.baselines.adaptive import adaptive_notch
from freqjax.tasks.lines.baselines.fixed import lock_in, notch
from freqjax.tasks.lines.baselines.kalman import extended_kalman, kalman_bank
from freqjax.tasks.lines.baselines.line import Estimator, Line
from freqjax.tasks.lines.baselines.regression import harmonic_regression

# Name → the estimator.
BASELINES: dict[str, Estimator] = {
    "lock_in": lock_in,
    "notch": notch,
    "adaptive_notch": adaptive_notch,
    "harmonic_regression": harmonic_regression,
    "extended_kalman": extended_kalman,
    "kalman_bank": kalman_bank,
}

__all__ = [
    "BASELINES",
    "Estimator",
    "Line",
    "adaptive_notch",
    "extended_kalman",
    "harmonic_regression",
    "kalman_bank",
    "lock_in",
    "notch",
]
