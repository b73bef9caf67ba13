"""Losses of the autoencoder besides those that any task has.

Axes: N rows, O dimensions of a vector, V rows of a vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from freqjax.networks.arrays import AnyArray
from freqjax.tasks.objectives import Cosine, Objective, SquaredError

# Shares of the cosine distance and of the squared error in the mixed loss.
_MIX = (0.9, 0.1)


@dataclass(frozen=True)
class Mixed(Objective):
    """Nine parts of the cosine distance and one of the squared error."""

    metric: ClassVar[str] = "mixed_loss"
    label: ClassVar[str] = "mixed loss"

    @property
    def convex(self) -> bool:
        """False: the cosine is not."""
        return False

    def row_loss(
        self, outputs: Float[AnyArray, "*N O"], targets: Float[AnyArray, "*N O"]
    ) -> Float[Array, "*N"]:
        """Return 0.9 (1 − cos) + 0.1 Σ_o (y_o − t_o)²."""
        parts = (Cosine().row_loss(outputs, targets), SquaredError().row_loss(outputs, targets))
        return _MIX[0] * parts[0] + _MIX[1] * parts[1]

    def constant(
        self, targets: Float[np.ndarray, "N O"], weights: Float[np.ndarray, " N"]
    ) -> Float[np.ndarray, " O"]:
        """Return the best constant of targets of length 1: their mean direction at the best length.

        Both parts depend on the direction by its product with the mean target alone, so that the best one is
        the mean's; with it the squared error is least at the length of the mean.
        """
        return Cosine().constant(targets, weights)


class Words(Objective):
    """Cross-entropy of the word of a row, by the cosines of an output to all words of a vocabulary.

    With targets of length 1 that are rows v_w of it: log Σ_w exp(cos(y, v_w) / τ) − cos(y, t) / τ.
    """

    metric: ClassVar[str] = "word_entropy"
    label: ClassVar[str] = "cross-entropy of words"

    def __init__(self, vectors: Float[np.ndarray, "V O"], temperature: float) -> None:
        """Store the vocabulary's vectors, of length 1 each, and τ."""
        self._vectors, self._temperature = vectors, temperature

    @property
    def convex(self) -> bool:
        """False: the cosine is not."""
        return False

    def row_loss(
        self, outputs: Float[AnyArray, "*N O"], targets: Float[AnyArray, "*N O"]
    ) -> Float[Array, "*N"]:
        """Return the cross-entropy of each row in nats."""
        norm = jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(outputs), axis=-1, keepdims=True), 1e-24))
        direction = outputs / norm / self._temperature
        right = jnp.sum(direction * targets, axis=-1)
        return jax.nn.logsumexp(direction @ self._vectors.T, axis=-1) - right

    def constant(
        self, targets: Float[np.ndarray, "N O"], weights: Float[np.ndarray, " N"]
    ) -> Float[np.ndarray, " O"]:
        """Return the direction with the least mean loss, found numerically from the mean direction."""
        from scipy import optimize  # slow to import, and needed for this loss alone

        mean = np.average(np.asarray(targets, np.float64), axis=0, weights=weights)
        start = mean / max(float(np.linalg.norm(mean)), 1e-12)

        def loss(y: Float[np.ndarray, " O"]) -> tuple[float, Float[np.ndarray, " O"]]:
            length = float(np.linalg.norm(y))
            unit = y / length
            scores = self._vectors @ unit / self._temperature
            top = scores.max()
            shares = np.exp(scores - top)
            value = top + np.log(shares.sum()) - unit @ mean / self._temperature
            slope = (shares @ self._vectors / shares.sum() - mean) / self._temperature
            return float(value), (slope - unit * (unit @ slope)) / length

        found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B")
        return found.x if found.fun < loss(start)[0] else start
