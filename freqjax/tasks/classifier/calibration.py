"""Calibration of a classifier's outputs: what is fitted sees validation rows alone, never those judged.

Outputs are logits: their softmax over classes, or their sigmoid for one number a row, gives probabilities.
Axes: N rows, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.special
from jaxtyping import Float, Int

from freqjax.tasks.classifier.scores import best_threshold

# Temperatures beyond these come from classes that are separated, or logits that say nothing.
_LEAST, _MOST = 1e-2, 1e2
_STEPS, _CLOSE = 100, 1e-10


@dataclass(frozen=True)
class Threshold:
    """The probability from which on a row is called positive.

    Attributes:
      value: between 0 and 1.
    """

    value: float

    @classmethod
    def fit(
        cls, labels: Int[np.ndarray, " N"], probabilities: Float[np.ndarray, " N"]
    ) -> Threshold:
        """Take the threshold of the best F1 on validation rows, or 0.5 if none of them is positive.

        Args:
          labels: 0 or 1.
          probabilities: of class 1.
        """
        found = best_threshold(labels, probabilities).threshold
        return cls(0.5 if np.isnan(found) else found)

    def __call__(self, probabilities: Float[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
        """Return 1 for each row that is called positive, else 0."""
        return (probabilities >= self.value).astype(np.int64)


@dataclass(frozen=True)
class Temperature:
    """A divisor of all logits, which leaves every ranking of classes as it is (Guo et al. 2017, section 4.2).

    Attributes:
      value: above 0; above 1 it makes probabilities less certain.
    """

    value: float

    @classmethod
    def fit(cls, labels: Int[np.ndarray, " N"], logits: Float[np.ndarray, "N C"]) -> Temperature:
        """Minimise the mean log loss of validation rows, which is convex in 1 / temperature.

        The temperature is kept between 0.01 and 100: with rows that are all right it would become 0.

        Args:
          labels: 0 to C − 1.
          logits: of the validation rows.
        """

        def loss(log_scale: float) -> float:
            return log_loss(labels, logits * np.exp(log_scale))

        bounds = (-np.log(_MOST), -np.log(_LEAST))
        log_scale = scipy.optimize.fminbound(loss, *bounds, xtol=1e-6)
        return cls(float(np.exp(-np.asarray(log_scale))))

    def __call__(self, logits: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "N C"]:
        """Return the logits, divided."""
        return logits / self.value


@dataclass(frozen=True)
class Platt:
    """A line through the log-odds of two classes (Platt 1999).

    Attributes:
      slope: 1 changes nothing; a negative one reverses the ranking.
      intercept: 0 changes nothing.
    """

    slope: float
    intercept: float

    @classmethod
    def fit(cls, labels: Int[np.ndarray, " N"], log_odds: Float[np.ndarray, " N"]) -> Platt:
        """Minimise the log loss of validation rows, with the targets of Platt, by Newton's method.

        The targets are (P + 1) / (P + 2) for each of P positive rows and 1 / (Q + 2) for each of Q negative
        ones, so that slope and intercept stay finite for classes that are separated. A step is halved
        until the loss falls (Lin, Lin and Weng 2007).

        Args:
          labels: 0 or 1.
          log_odds: of class 1.
        """
        positive = labels == 1
        hits, misses = int(positive.sum()), int((~positive).sum())
        targets = np.where(positive, (hits + 1) / (hits + 2), 1 / (misses + 2))
        centre, spread = float(log_odds.mean()), float(log_odds.std()) or 1.0
        columns = np.stack([(log_odds - centre) / spread, np.ones(len(labels))], axis=1)
        # log1p(e^z) − t z is the log loss of target t.
        weights = _newton(columns.astype(np.float64), targets)
        slope = float(weights[0]) / spread
        return cls(slope, float(weights[1]) - slope * centre)

    def __call__(self, log_odds: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
        """Return slope · log-odds + intercept."""
        return self.slope * log_odds + self.intercept


def _newton(columns: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Minimise Σ log1p(e^z) − t z over weights [2] of z = columns · weights."""

    def loss(weights: np.ndarray) -> float:
        z = columns @ weights
        return float(np.sum(np.logaddexp(0, z) - targets * z))

    weights = np.array([0.0, scipy.special.logit(targets.mean())])
    now = loss(weights)
    for _ in range(_STEPS):
        p = scipy.special.expit(columns @ weights)
        slope = columns.T @ (p - targets)
        # The least ridge keeps a column of zeros, log-odds that are all the same, solvable.
        curvature = (columns * (p * (1 - p))[:, None]).T @ columns + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        if slope @ step < _CLOSE:
            break
        share = 1.0
        while share > _CLOSE and loss(weights - share * step) > now:
            share /= 2
        weights = weights - share * step
        now = loss(weights)
    return weights


def log_loss(labels: Int[np.ndarray, " N"], logits: Float[np.ndarray, "N C"]) -> float:
    """Return the mean of −log softmax(logits) at the labels, in nats."""
    found = logits[np.arange(len(labels)), labels]
    return float(np.mean(scipy.special.logsumexp(logits, axis=1) - found))


def probabilities_of(logits: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "N C"]:
    """Return the softmax over classes."""
    return scipy.special.softmax(logits, axis=1)


def sampler_shift(
    shares: Float[np.ndarray, " C"], sampled: Float[np.ndarray, " C"]
) -> Float[np.ndarray, " C"]:
    """Return what a sampler adds to the logits of a network that fits its rows: log (sampled / shares).

    By Bayes' rule with class shares q for p, P(c | x) becomes proportional to P(c | x) q_c / p_c (Elkan 2001,
    theorem 2; Saerens, Latinne and Decaestecker 2002, equation 2.4).

    Args:
      shares: of each class among training rows, above 0.
      sampled: of each class among the rows drawn, above 0.
    """
    return np.log(sampled) - np.log(shares)


def weight_shift(weights: Float[np.ndarray, " C"]) -> Float[np.ndarray, " C"]:
    """Return what class weights in the log loss add to the logits of a network that fits it: log weights.

    Σ w_c P(c | x) log q_c is highest at q_c proportional to w_c P(c | x). Together with a sampler, both
    shifts add up: the correction is made twice.

    Args:
      weights: of the loss of each class, above 0; their scale does not matter.
    """
    return np.log(weights)


def undo_shift(
    logits: Float[np.ndarray, "N C"], *shifts: Float[np.ndarray, " C"]
) -> Float[np.ndarray, "N C"]:
    """Return logits less the shifts: the log posterior at the shares of training rows, up to a constant.

    Args:
      logits: of a network trained with a sampler, class weights or both.
      shifts: of `sampler_shift` and `weight_shift`.
    """
    return logits - sum((shift for shift in shifts), np.zeros(logits.shape[1]))[None]
