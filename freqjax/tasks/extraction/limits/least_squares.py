"""Sliding least squares: the latest value of the sinusoids that fit the last few seconds best.

The design is that of `freqjax.tasks.extraction.limits.linear`, which corrects the gain and the lag of the
noise; there is no prior and no memory beyond the window. The window holds two periods of the slowest
frequency and of the slowest beat between two: a shorter one cannot separate them. While less than half a
window has been seen, or if the gain of the noise is 0 (phase scale 1, 2, …), 0 is predicted.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from jaxtyping import Float

from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.limits.law import gain_and_lag
from freqjax.tasks.extraction.limits.linear import clean, running_sums

# Periods of the slowest frequency or beat in a window.
_PERIODS = 2


def window_samples(task: ExtractionConfig) -> int:
    """Return the samples of the window, at least four for every component."""
    beats = [abs(a - b) for a, b in combinations(task.frequencies, 2)]
    slowest = min(*task.frequencies, *beats, math.inf)
    return max(math.ceil(_PERIODS * task.sampling_rate / slowest), 4 * len(task.frequencies))


def sliding_least_squares(
    task: ExtractionConfig, mixture: Float[np.ndarray, "N T"], window: int | None = None
) -> Float[np.ndarray, "N T F"]:
    """Estimate all components of mixtures [N, T], sample by sample.

    Args:
      task: frequencies, rate and noise law.
      mixture: the streams.
      window: samples, or None for `window_samples`.
    """
    window = window_samples(task) if window is None else window
    estimates = np.zeros((*mixture.shape, len(task.frequencies)))
    first = math.ceil(window / 2) - 1
    if gain_and_lag(task)[0] == 0 or first >= mixture.shape[1]:
        return estimates
    for sums in running_sums(task, mixture, window):
        skipped = min(max(first - sums.first, 0), len(sums.moments))
        kept = sums._replace(
            first=sums.first + skipped,
            moments=sums.moments[skipped:],
            projections=sums.projections[skipped:],
            turned=sums.turned[skipped:],
        )
        if len(kept.moments):
            end = kept.first + len(kept.moments)
            estimates[:, kept.first : end] = clean(kept, np.linalg.inv(kept.moments))
    return estimates
