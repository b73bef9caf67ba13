"""Ridge regression to ±1 for each class, whose strength is chosen by leaving out one training row at a time.

All N fits without one row follow from a single one: the residual of the row that is left out is its residual
divided by 1 − h, where h is its leverage (Golub, Heath and Wahba 1979).
Axes: N rows, K features, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float, Int

from freqjax.tasks.classifier.baselines.scaling import Scaler

# λ divided by K, rising. Below the least one the products of float32 have noise alone.
STRENGTHS = tuple(float(s) for s in np.logspace(-3, 3, 13))
# Rows whose leverages are computed at once, which bounds memory.
_PIECE = 4096


class Fitted(NamedTuple):
    """A ridge regression of one strength.

    Attributes:
      solution: A⁻¹ Y or A⁻¹ Xᵀ Y, of which `_Rows.weights` makes weights.
      error: mean square, over rows and classes, of the residual of a row that was left out.
    """

    solution: Float[np.ndarray, "S C"]
    error: float


class _Rows:
    """Scaled training rows with the product of the smaller size: X Xᵀ or Xᵀ X."""

    def __init__(self, rows: np.ndarray, targets: np.ndarray) -> None:
        """Store rows X [N, K] and targets Y [N, C], both of mean 0 over rows, and multiply."""
        self.rows, self.targets = rows, targets
        self.dual = len(rows) <= rows.shape[1]
        product = rows @ rows.T if self.dual else rows.T @ rows
        self.product = product.astype(np.float64)

    def fit(self, strength: float) -> Fitted:
        """Solve with λ = `strength` and measure the error of rows left out.

        With A = X Xᵀ + λ, the residuals are λ A⁻¹ Y and 1 − h = λ (A⁻¹)ₙₙ − 1 / N; with A = Xᵀ X + λ, they
        are Y − X A⁻¹ Xᵀ Y and h = xₙᵀ A⁻¹ xₙ + 1 / N. The term 1 / N is the leverage of the intercept.
        """
        damped = self.product.copy()
        damped[np.diag_indices_from(damped)] += strength
        factor = scipy.linalg.cholesky(damped, lower=True, overwrite_a=True, check_finite=False)
        right = self.targets if self.dual else self.rows.T @ self.targets
        found = scipy.linalg.cho_solve((factor, True), right.astype(np.float64))
        count = len(self.rows)
        if self.dual:
            (inverted,) = scipy.linalg.get_lapack_funcs(("trtri",), (factor,))
            inverse = inverted(factor, lower=1, overwrite_c=1)[0]
            # (A⁻¹)ₙₙ is the sum of squares of column n of the inverse of the factor.
            free = strength * np.einsum("mn,mn->n", inverse, inverse) - 1 / count
            residuals = strength * found
        else:
            free = 1 - self._leverages(factor) - 1 / count
            residuals = self.targets - self.rows @ found
        left_out = residuals / np.maximum(free, 1e-12)[:, None]
        return Fitted(found, float(np.mean(left_out**2)))

    def _leverages(self, factor: np.ndarray) -> np.ndarray:
        """Return xₙᵀ A⁻¹ xₙ [N] from the lower factor of A."""
        found = np.empty(len(self.rows))
        for start in range(0, len(self.rows), _PIECE):
            part = self.rows[start : start + _PIECE].T
            half = scipy.linalg.solve_triangular(factor, part, lower=True)
            found[start : start + _PIECE] = np.einsum("kn,kn->n", half, half)
        return found

    def weights(self, fitted: Fitted) -> np.ndarray:
        """Return the weights [K, C] of a fit."""
        if self.dual:
            return self.rows.T @ fitted.solution.astype(self.rows.dtype)
        return fitted.solution


@dataclass(frozen=True, eq=False)
class Ridge:
    """A linear map of scaled features to a score of each class, about 1 for the right one and −1 else.

    Attributes:
      scaler: of the features.
      weights: [K, C].
      intercept: [C].
      strength: λ.
      error: mean square of the residuals of training rows, each left out in turn.
    """

    scaler: Scaler
    weights: Float[np.ndarray, "K C"]
    intercept: Float[np.ndarray, " C"]
    strength: float
    error: float

    @classmethod
    def fit(
        cls,
        features: Float[np.ndarray, "N K"],
        labels: Int[np.ndarray, " N"],
        classes: int,
        strengths: Sequence[float] = STRENGTHS,
    ) -> Ridge:
        """Fit training rows with the strength of the least error of rows left out.

        A strength costs one Cholesky factor of size min(N, K) and its inverse. The search begins in the
        middle and goes downhill, so it takes the error to have one minimum over the strengths.

        Args:
          features: NaN is missing.
          labels: 0 to C − 1.
          classes: C.
          strengths: λ / K, rising.
        """
        scaler = Scaler.fit(features)
        scaled = scaler(features)
        # What is missing was set to 0, which leaves the means as they are.
        targets = (2.0 * np.eye(classes)[labels] - 1).astype(scaled.dtype)
        intercept = targets.mean(axis=0)
        rows = _Rows(scaled, targets - intercept[None])
        size = scaled.shape[1]
        place, best = _lowest(len(strengths), lambda n: rows.fit(strengths[n] * size))
        strength = strengths[place] * size
        return cls(scaler, rows.weights(best), intercept, strength, best.error)

    def scores(self, features: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N C"]:
        """Return the score of each class."""
        return self.scaler(features) @ self.weights + self.intercept[None]


def _lowest(count: int, fit: Callable[[int], Fitted]) -> tuple[int, Fitted]:
    """Find the lowest error of fits 0 to count − 1 by walking downhill from the middle."""
    place = count // 2
    best = fit(place)
    for direction in (1, -1):
        moved = False
        while 0 <= place + direction < count:
            found = fit(place + direction)
            if found.error >= best.error:
                break
            place, best, moved = place + direction, found, True
        if moved:
            break
    return place, best
