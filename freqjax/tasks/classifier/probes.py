"""Probes of a classifier with frozen weights: whether it looks at its inputs, and at which modality.

| probe | what is measured |
|---|---|
| spread | the deviation over test windows of the probability that varies most |
| told | the share of the test windows of the class that is told most often |
| rates | true less false positive rate at a probability of 0.5, of two classes |
| mean | the mean probability of class 1 of two before calibration, and its share |
| without | the score when a modality is missing in every window |
| shuffled | the score when every window has a modality of another window, drawn at random |

A network that never saw a modality missing may be disturbed by that alone, also by the absence of noise; a
shuffled one looks as always, and only what it told of the class is gone (Breiman 2001).

Axes: N windows, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from freqjax.tasks.batch import Batch
from freqjax.tasks.classifier import scores
from freqjax.tasks.classifier.judged import Judge, Judged


class Probes(NamedTuple):
    """Results of the probes of the table above.

    Attributes:
      spread, told: of all test windows.
      rate_difference, rate_error: value and standard error; NaN of more classes than two.
      mean_probability, share: of class 1 of two among test windows, told and true; NaN of more.
      without, shuffled: modality → score; empty if there is one modality alone.
    """

    spread: float
    told: float
    rate_difference: float
    rate_error: float
    mean_probability: float
    share: float
    without: dict[str, float]
    shuffled: dict[str, float]


class Changed(NamedTuple):
    """Probabilities of the test windows after a change of one modality in all of them, by modality.

    Attributes:
      without: where it is missing.
      shuffled: where it is that of another window.
    """

    without: dict[str, Float[np.ndarray, "N C"]]
    shuffled: dict[str, Float[np.ndarray, "N C"]]


def missing(batch: Batch, name: str) -> Batch:
    """Return a batch in which no window has a modality."""
    return _changed(batch, name, np.zeros_like)


def shuffled(batch: Batch, name: str, seed: int = 0) -> Batch:
    """Return a batch in which each window that is there has a modality of another one."""
    assert batch.mask is not None and not isinstance(batch.mask, Mapping)
    there = np.asarray(batch.mask)
    order = np.random.default_rng(seed).permutation(int(there.sum()))

    def shuffle(values: np.ndarray) -> np.ndarray:
        found = values.copy()
        found[there] = values[there][order]
        return found

    return _changed(batch, name, shuffle)


def _changed(batch: Batch, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Batch:
    """Change the values of a modality, and which of them are present."""
    keys = (name, f"{name}_present")
    new = {key: change(np.asarray(batch.inputs[key])) for key in keys}
    return batch._replace(inputs={**batch.inputs, **new})


def probe(judge: Judge, judged: Judged, changed: Changed) -> Probes:
    """Run the probes.

    Args:
      judge: of the dataset.
      judged: probabilities of the network.
      changed: probabilities where a modality is.
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
        without={name: judge.score(labels, found) for name, found in changed.without.items()},
        shuffled={name: judge.score(labels, found) for name, found in changed.shuffled.items()},
    )
