"""Probes of a classifier with frozen weights: whether it looks at its inputs, and at which modality.

| probe | what is measured |
|---|---|
| spread | the deviation over test windows of the probability that varies most |
| told | the share of the test windows of the class that is told most often |
| rates | true less false positive rate at a probability of 0.5, of two classes |
| mean | the mean probability of class 1 of two before calibration, and its share |
| without | the score when a modality is missing in every window |

Axes: N windows, C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from freqjax.tasks.classifier import scores
from freqjax.tasks.classifier.judged import Judge, Judged


class Probes(NamedTuple):
    """Results of the probes of the table above.

    Attributes:
      spread, told: of all test windows.
      rate_difference, rate_error: value and standard error; NaN of more classes than two.
      mean_probability, share: of class 1 of two among test windows, told and true; NaN of more.
      without: modality → score; empty if there is one modality alone.
    """

    spread: float
    told: float
    rate_difference: float
    rate_error: float
    mean_probability: float
    share: float
    without: dict[str, float]


def probe(judge: Judge, judged: Judged, without: dict[str, Float[np.ndarray, "N C"]]) -> Probes:
    """Run the probes.

    Args:
      judge: of the dataset.
      judged: probabilities of the network.
      without: modality → probabilities on the test windows where it is missing.
    """
    own, labels = judged.probabilities["test"], judge.dataset.test.label
    told = np.bincount(own.argmax(axis=1), minlength=judge.classes).max() / len(own)
    rates = scores.RateDifference(np.nan, np.nan)
    mean = share = float("nan")
    if judge.is_binary:
        rates = scores.rate_difference(labels, (own[:, 1] >= 0.5).astype(np.int64))
        # Before calibration, which would hide that a correction was made twice.
        mean, share = float(judged.raw["test"][:, 1].mean()), float(labels.mean())
    return Probes(
        spread=float(own.std(axis=0).max()),
        told=float(told),
        rate_difference=rates.value,
        rate_error=rates.error,
        mean_probability=mean,
        share=share,
        without={name: judge.score(labels, found) for name, found in without.items()},
    )
