"""What is possible at all: the least error that anybody can have on a task, and simple baselines.

An MSE says little by itself. `bayes` gives the least that any estimator can reach, `linear` what a linear
one can, and `linear` and `least_squares` the estimates of two classical baselines on given streams.
"""

from freqjax.tasks.extraction.limits.bayes import Curve, StreamLimit, bayes_curve, stream_limit
from freqjax.tasks.extraction.limits.law import NoBayesLimit

__all__ = ["Curve", "NoBayesLimit", "StreamLimit", "bayes_curve", "stream_limit"]
