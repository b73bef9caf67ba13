"""Lower bounds on the error of a task, and simple baselines.

An MSE must be compared with what is possible. `bayes` computes the least MSE of any estimator, `linear` that
of any linear estimator; `linear` and `least_squares` run two classical baselines on given streams.
"""

from freqjax.tasks.extraction.limits.bayes import Curve, StreamLimit, bayes_curve, stream_limit
from freqjax.tasks.extraction.limits.law import NoBayesLimit

__all__ = ["Curve", "NoBayesLimit", "StreamLimit", "bayes_curve", "stream_limit"]
