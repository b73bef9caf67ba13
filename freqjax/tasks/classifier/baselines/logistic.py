"""Multinomial logistic regression with a squared penalty, whose strength is chosen on validation rows.

Axes: N rows, K features, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.special
from jaxtyping import Float, Int

from freqjax.tasks.classifier.baselines.scaling import Scaler
from freqjax.tasks.classifier.calibration import log_loss, probabilities_of

# λ, from the strongest on: each fit begins at the weights of the one before.
STRENGTHS = tuple(float(s) for s in np.logspace(0, -5, 11))
_MOST_ITERATIONS = 1000


@dataclass(frozen=True, eq=False)
class Logistic:
    """A linear map of scaled features to logits.

    Attributes:
      scaler: of the features.
      weights: [K, C].
      intercept: [C].
      strength: λ of the penalty.
    """

    scaler: Scaler
    weights: Float[np.ndarray, "K C"]
    intercept: Float[np.ndarray, " C"]
    strength: float

    @classmethod
    def fit(
        cls,
        features: Float[np.ndarray, "N K"],
        labels: Int[np.ndarray, " N"],
        classes: int,
        strength: float,
        start: Logistic | None = None,
    ) -> Logistic:
        """Minimise mean log loss + λ / 2 · Σ weights² over training rows by L-BFGS; the intercept is free.

        Args:
          features: NaN is missing.
          labels: 0 to C − 1.
          classes: C.
          strength: λ, above 0; above it the minimum is unique but for a constant in all intercepts.
          start: a fit of the same rows to begin with; None begins at 0.
        """
        scaler = Scaler.fit(features) if start is None else start.scaler
        rows = scaler(features).astype(np.float64)
        truth = np.eye(classes)[labels]
        count, size = rows.shape
        shape = (size + 1, classes)

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weights = flat.reshape(shape)
            logits = rows @ weights[:-1] + weights[-1:]
            logs = np.asarray(scipy.special.log_softmax(logits, axis=1))
            residual = (np.exp(logs) - truth) / count
            slope = np.concatenate([rows.T @ residual, residual.sum(axis=0, keepdims=True)])
            slope[:-1] += strength * weights[:-1]
            value = -np.sum(logs * truth) / count + strength / 2 * np.sum(weights[:-1] ** 2)
            return float(value), slope.ravel()

        first = np.zeros(shape)
        if start is not None:
            first = np.concatenate([start.weights, start.intercept[None]])
        options = {"maxiter": _MOST_ITERATIONS, "maxfun": 2 * _MOST_ITERATIONS, "gtol": 1e-6}
        found = scipy.optimize.minimize(
            loss, first.ravel(), jac=True, method="L-BFGS-B", options=options
        )
        weights = found.x.reshape(shape)
        return cls(scaler, weights[:-1], weights[-1], strength)

    @classmethod
    def choose(
        cls,
        train: tuple[Float[np.ndarray, "N K"], Int[np.ndarray, " N"]],
        validation: tuple[Float[np.ndarray, "M K"], Int[np.ndarray, " M"]],
        classes: int,
        strengths: Sequence[float] = STRENGTHS,
    ) -> Logistic:
        """Fit training rows with each strength and return the fit of the least log loss on validation rows.

        Args:
          train: features and labels.
          validation: features and labels of other persons.
          classes: C.
          strengths: λ, falling; at least one. Two in a row that do worse than the best end the search.
        """
        best, least, worse, fitted = None, np.inf, 0, None
        for strength in strengths:
            fitted = cls.fit(*train, classes, strength, fitted)
            loss = log_loss(validation[1], fitted.logits(validation[0]))
            worse = 0 if loss < least else worse + 1
            if loss < least:
                best, least = fitted, loss
            if worse == 2:
                break
        assert best is not None
        return best

    def logits(self, features: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N C"]:
        """Return the logits of rows."""
        return self.scaler(features) @ self.weights + self.intercept[None]

    def probabilities(self, features: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N C"]:
        """Return the probabilities of rows."""
        return probabilities_of(self.logits(features))
