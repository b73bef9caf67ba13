"""Recursive least squares with forgetting: sines of all harmonics, an offset and a trend.

The weight of a sample falls by a factor exp(−1/w) a sample, w the window. Offset and slope are those at the
latest sample, so that the recursion stays well conditioned however long the signals are: from sample to
sample the offset advances by the slope. The design is known beforehand and is that of all streams, and so is
the information matrix. It is carried in place of its inverse, whose recursion is unstable with forgetting:
here an error of rounding is forgotten as a sample is.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from jaxtyping import Float

from freqjax.tasks.lines.baselines.line import Line, check, require_parameter, turned

# The prior information of every coefficient, in samples: the first estimates are bounded.
_PRIOR = 1e-7


def harmonic_regression(
    signals: Float[np.ndarray, "N T"], line: Line, *, window: float = 0.75, trend: bool = True
) -> Float[np.ndarray, "N T"]:
    """Fit all harmonics at their nominal frequencies to the past, with exponential forgetting.

    Other lines of the signals are fitted with them, and left out of the estimate.

    Args:
      signals: [N, T].
      line: what is known of it.
      window: time constant of the forgetting, in periods; infinite for none. The default is for a line whose
        frequency is known to 2 %; the better it is known, the longer a window is good.
      trend: whether a straight line is fitted with the harmonics; else an offset.

    Raises:
      UserError: the line, a sample or the window is not allowed.
    """
    check(signals, line)
    require_parameter(window > 0, "window", window, "above 0")
    streams, samples = signals.shape
    length = window * line.period
    kept = math.exp(-1 / length)
    own, every = 2 * len(line.harmonics), (line.hz, *line.others_hz)
    sines = own * len(every)
    design = np.zeros((samples, sines + 1 + trend))
    for place, (hz, order) in enumerate(itertools.product(every, line.harmonics)):
        carrier = turned(line._replace(hz=hz), order, 0, samples)
        design[:, 2 * place : 2 * place + 2] = np.stack(
            [np.real(carrier), np.imag(carrier)], axis=1
        )
    design[:, sines] = 1
    backward = np.eye(design.shape[1])
    if trend:
        # The slope is counted over a window, so that all coefficients have one scale; seen from the next
        # sample, the offset was less by the slope.
        backward[sines, sines + 1] = -1 / min(length, samples)
    information = _PRIOR * np.eye(len(backward))
    projected, estimates = np.zeros((len(backward), streams)), np.empty((samples, streams))
    for t, sample in enumerate(np.ascontiguousarray(signals.T)):
        row = design[t]
        information = kept * (backward.T @ information @ backward) + np.outer(row, row)
        projected = kept * (backward.T @ projected) + row[:, None] * sample[None]
        line_row = np.where(np.arange(row.size) < own, row, 0.0)
        estimates[t] = np.linalg.solve(information, line_row) @ projected
    return estimates.T
