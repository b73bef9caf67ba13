"""A task whose likelihood is known: a pattern in white Gaussian noise, present in a share p of the rows.

The posterior is exact, so what the best possible classifier reaches is known, and the gap to it can be told.
The pattern has mean 0 over time in each channel: an average over time alone sees nothing of it.
Axes: N rows, T samples, F channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.integrate
import scipy.optimize
import scipy.stats
from jaxtyping import Bool, Float, Int

from freqjax.errors import UserError

# Standard deviations of noise to both sides of both classes; 1e-19 of the rows lie beyond.
_REACH = 9.0


class Drawn(NamedTuple):
    """Rows of the task.

    Attributes:
      signals: [N, T, F] float32; 0 where nothing is present.
      mask: [N, T], which samples are present.
      labels: [N], 1 where the pattern is present.
    """

    signals: Float[np.ndarray, "N T F"]
    mask: Bool[np.ndarray, "N T"]
    labels: Int[np.ndarray, " N"]


@dataclass(frozen=True, eq=False)
class PatternTask:
    """Rows of noise of variance 1, to which a pattern is added in those of class 1.

    Attributes:
      prevalence: p, the share of rows of class 1.
      pattern: [T, F]; its Euclidean norm is d′, the distance of the classes in standard deviations.
    """

    prevalence: float
    pattern: Float[np.ndarray, "T F"]

    @classmethod
    def make(
        cls, prevalence: float, separation: float, samples: int, channels: int, seed: int = 0
    ) -> PatternTask:
        """Draw a pattern.

        Args:
          prevalence: p, above 0 and below 1.
          separation: d′ of rows that are wholly present, above 0.
          samples: T, at least 2.
          channels: F, at least 1.
          seed: of the pattern.

        Raises:
          UserError: a value is out of its range.
        """
        _check(prevalence, separation)
        if samples < 2 or channels < 1:
            raise UserError(
                f"A pattern has at least 2 samples and 1 channel, not {samples} and {channels}."
            )
        steps = np.random.default_rng(seed).normal(size=(samples, channels))
        # The sum of steps is smooth, as movement is.
        walk = np.cumsum(steps, axis=0)
        walk -= walk.mean(axis=0)
        return cls(prevalence, walk * (separation / np.linalg.norm(walk)))

    @property
    def separation(self) -> float:
        """d′ of rows that are wholly present."""
        return float(np.linalg.norm(self.pattern))

    def draw(self, rows: int, seed: int | list[int], missing: float = 0.0) -> Drawn:
        """Draw rows.

        Args:
          rows: N.
          seed: of labels, noise and gaps.
          missing: the share of samples that are absent, all channels at once, at random.
        """
        random = np.random.default_rng(seed)
        labels = (random.random(rows) < self.prevalence).astype(np.int64)
        signals = random.normal(size=(rows, *self.pattern.shape))
        signals[labels == 1] += self.pattern
        mask = random.random(signals.shape[:2]) >= missing
        return Drawn(np.where(mask[..., None], signals, 0).astype(np.float32), mask, labels)

    def log_odds(
        self, signals: Float[np.ndarray, "N T F"], mask: Bool[np.ndarray, "N T"]
    ) -> Float[np.ndarray, " N"]:
        """Return the exact log-odds of class 1: log (p / (1 − p)) + Σ s x − Σ s² / 2 over what is present.

        Args:
          signals: x.
          mask: what is present of it; the pattern s counts there alone.
        """
        present = np.where(mask[..., None], signals, 0).astype(np.float64)
        match = np.einsum("ntf,tf->n", present, self.pattern)
        power = mask @ np.sum(self.pattern**2, axis=1)
        return math.log(self.prevalence / (1 - self.prevalence)) + match - power / 2


class Bayes(NamedTuple):
    """Scores of the exact posterior on infinitely many rows: the highest possible value of each.

    Attributes:
      f1: F1*, the highest F1.
      threshold: of the posterior, where F1 is that: F1* / 2.
      f1_at_half: F1 at the threshold 0.5.
      average_precision: of the ranking by the posterior.
      roc_area: Φ(d′ / √2).
      accuracy: at the threshold 0.5.
    """

    f1: float
    threshold: float
    f1_at_half: float
    average_precision: float
    roc_area: float
    accuracy: float


def bayes(prevalence: float, separation: float) -> Bayes:
    """Compute the scores of the exact posterior of two Gaussian classes of one variance.

    Along the axis between the classes, x is N(0, 1) or N(d′, 1), and calling rows of x > c positive gives
    TPR = Φ(d′ − c), FPR = Φ(−c) and F1 = 2 p TPR / (p + p TPR + (1 − p) FPR). The best threshold of the
    posterior is half the best F1 (Lipton, Elkan and Naryanaswamy 2014, theorem 1), which gives c as the root
    of one function. Average precision is ∫ precision dTPR, by quadrature.

    Args:
      prevalence: p, above 0 and below 1.
      separation: d′, above 0.

    Raises:
      UserError: a value is out of its range.
    """
    _check(prevalence, separation)
    p, prior = prevalence, math.log(prevalence / (1 - prevalence))
    normal = scipy.stats.norm

    def rates(cut: float) -> tuple[float, float]:
        return float(normal.sf(cut - separation)), float(normal.sf(cut))

    def f1(cut: float) -> float:
        hit, false = rates(cut)
        return 2 * p * hit / (p + p * hit + (1 - p) * false)

    def cut_at(posterior: float) -> float:
        return (math.log(posterior / (1 - posterior)) - prior) / separation + separation / 2

    def beyond(threshold: float) -> float:
        return threshold - f1(cut_at(threshold)) / 2

    def slope_of_precision(cut: float) -> float:
        # Precision as 1 / (1 + odds of a false call), which is defined far out, where both rates are 0.
        logs = normal.logsf(cut) - normal.logsf(cut - separation) - prior
        return float(normal.pdf(cut - separation) / (1 + np.exp(logs)))

    # Below the best threshold, F1 / 2 exceeds it, above it falls short; it is at least p / (1 + p).
    threshold = scipy.optimize.brentq(beyond, p / (1 + p) * 1e-6, 0.5, xtol=1e-14)
    assert isinstance(threshold, float)
    ends = (separation - _REACH, separation + _REACH)
    area, _ = scipy.integrate.quad(slope_of_precision, *ends, epsabs=1e-12, limit=200)
    hit, false = rates(cut_at(0.5))
    return Bayes(
        f1=2 * threshold,
        threshold=threshold,
        f1_at_half=f1(cut_at(0.5)),
        average_precision=float(area),
        roc_area=float(normal.cdf(separation / math.sqrt(2))),
        accuracy=p * hit + (1 - p) * (1 - false),
    )


def _check(prevalence: float, separation: float) -> None:
    """Raise a UserError unless 0 < prevalence < 1 and separation > 0."""
    if not 0 < prevalence < 1:
        raise UserError(f"prevalence is {prevalence}; it must be above 0 and below 1.")
    if not 0 < separation < math.inf:
        raise UserError(f"separation is {separation}; it must be above 0 and finite.")
