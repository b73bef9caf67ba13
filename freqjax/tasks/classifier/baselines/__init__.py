"""Classifiers without a network, which a network is compared with: they are fitted on the same rows.

Each takes features of rows, or those of a row and of its context side by side (`with_context`), so that all
are given what the network is given. Streams that differ in samples have features each, side by side too.
They are written here in NumPy and JAX: the packages that have MiniRocket bring a compiler and many others.
"""

from freqjax.tasks.classifier.baselines.constant import Constant
from freqjax.tasks.classifier.baselines.context import with_context
from freqjax.tasks.classifier.baselines.logistic import Logistic
from freqjax.tasks.classifier.baselines.minirocket import MiniRocket
from freqjax.tasks.classifier.baselines.ridge import Ridge
from freqjax.tasks.classifier.baselines.scaling import Scaler
from freqjax.tasks.classifier.baselines.statistics import summary_statistics

__all__ = [
    "Constant",
    "Logistic",
    "MiniRocket",
    "Ridge",
    "Scaler",
    "summary_statistics",
    "with_context",
]
