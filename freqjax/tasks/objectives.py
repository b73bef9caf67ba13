"""Objectives: the loss of a row, its best constant predictor, and its convexity.

| name | row loss of outputs y and targets t |
|---|---|
| squared_error | Σ_o (y_o − t_o)² |
| cosine | 1 − y · t / (‖y‖ ‖t‖) |
| cross_entropy | −Σ_c w_c t_c (1 − p_c)^γ log p_c, p = softmax(y); γ > 0: Lin et al. 2017 |

Weights of rows are not part of a row loss: means apply them.
Axes: N rows, O outputs (or classes).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from freqjax.networks.arrays import AnyArray

# Below this norm a vector has no direction.
_TINY = 1e-12


class Objective(ABC):
    """Base class of objectives, the losses that training minimises.

    Attributes:
      metric: short name, used in the columns `frozen_<metric>` and `test.<metric>`.
      label: name in texts.
      squared: whether it is the squared error, which the native loop requires.
    """

    metric: ClassVar[str]
    label: ClassVar[str]
    squared: ClassVar[bool] = False

    @property
    @abstractmethod
    def convex(self) -> bool:
        """True if the loss is convex in the outputs, as Gauss-Newton steps require."""

    @abstractmethod
    def row_loss(
        self, outputs: Float[AnyArray, "*N O"], targets: Float[AnyArray, "*N O"]
    ) -> Float[Array, "*N"]:
        """Return the loss of every row: [..., O] and [..., O] → [...]; traceable."""

    @abstractmethod
    def constant(
        self, targets: Float[np.ndarray, "N O"], weights: Float[np.ndarray, " N"]
    ) -> Float[np.ndarray, " O"]:
        """Return the output [O] with the least weighted mean row loss on targets [N, O], weights [N]."""


@dataclass(frozen=True)
class SquaredError(Objective):
    """The sum of squared errors over the outputs of a row."""

    metric: ClassVar[str] = "mse"
    label: ClassVar[str] = "MSE"
    squared: ClassVar[bool] = True

    @property
    def convex(self) -> bool:
        """True: the square is convex."""
        return True

    def row_loss(
        self, outputs: Float[AnyArray, "*N O"], targets: Float[AnyArray, "*N O"]
    ) -> Float[Array, "*N"]:
        """Return Σ_o (y_o − t_o)²."""
        return jnp.sum(jnp.square(outputs - targets), axis=-1)

    def constant(
        self, targets: Float[np.ndarray, "N O"], weights: Float[np.ndarray, " N"]
    ) -> Float[np.ndarray, " O"]:
        """Return the weighted mean of the targets."""
        return np.average(np.asarray(targets, np.float64), axis=0, weights=weights)


@dataclass(frozen=True)
class Cosine(Objective):
    """One minus the cosine between output and target; 1 if one of them is zero."""

    metric: ClassVar[str] = "cosine_distance"
    label: ClassVar[str] = "cosine distance"

    @property
    def convex(self) -> bool:
        """False: a quotient of norms is not convex."""
        return False

    def row_loss(
        self, outputs: Float[AnyArray, "*N O"], targets: Float[AnyArray, "*N O"]
    ) -> Float[Array, "*N"]:
        """Return 1 − y · t / (‖y‖ ‖t‖)."""
        # Clipped under the root: at y = 0 the gradient of a norm is not a number.
        norms = [
            jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(a), axis=-1), _TINY**2))
            for a in (outputs, targets)
        ]
        return 1 - jnp.sum(outputs * targets, axis=-1) / (norms[0] * norms[1])

    def constant(
        self, targets: Float[np.ndarray, "N O"], weights: Float[np.ndarray, " N"]
    ) -> Float[np.ndarray, " O"]:
        """Return the weighted mean of the targets' directions, which maximises the mean cosine."""
        targets = np.asarray(targets, np.float64)
        norms = np.maximum(np.linalg.norm(targets, axis=1, keepdims=True), _TINY)
        return np.average(targets / norms, axis=0, weights=weights)


@dataclass(frozen=True)
class CrossEntropy(Objective):
    """The cross-entropy of softmax outputs, with weights of the classes and a focus on hard rows.

    Attributes:
      class_weights: w, one per class; empty for 1 each.
      focus: γ of the focal loss; 0 for the plain cross-entropy.
    """

    class_weights: tuple[float, ...] = ()
    focus: float = 0.0
    metric: ClassVar[str] = "cross_entropy"
    label: ClassVar[str] = "cross-entropy"

    @property
    def convex(self) -> bool:
        """True without focus; a focal loss is not convex."""
        return self.focus == 0

    def row_loss(
        self, outputs: Float[AnyArray, "*N O"], targets: Float[AnyArray, "*N O"]
    ) -> Float[Array, "*N"]:
        """Return −Σ_c w_c t_c (1 − p_c)^γ log p_c; targets are one-hot or probabilities."""
        log_p = jax.nn.log_softmax(outputs, axis=-1)
        terms = targets * log_p
        if self.focus:
            # 1 − p is bounded away from 0, where the derivative of a power below 1 is infinite.
            terms = terms * jnp.maximum(-jnp.expm1(log_p), 1e-7) ** self.focus
        if self.class_weights:
            weights = jnp.asarray(self.class_weights, terms.dtype)
            terms = terms * weights.reshape((1,) * (terms.ndim - 1) + (-1,))
        return -jnp.sum(terms, axis=-1)

    def constant(
        self, targets: Float[np.ndarray, "N O"], weights: Float[np.ndarray, " N"]
    ) -> Float[np.ndarray, " O"]:
        """Return the logits of the best constant distribution.

        It is the distribution of the (class-weighted) targets; with a focus it is found numerically.
        """
        targets = np.asarray(targets, np.float64)
        mass = np.average(targets, axis=0, weights=weights)
        if self.class_weights:
            mass = mass * np.asarray(self.class_weights)
        logits = np.log(np.maximum(mass / mass.sum(), _TINY))
        if not self.focus:
            return logits

        def mean_loss(y: Float[np.ndarray, " O"]) -> float:
            log_p = y - np.logaddexp.reduce(y)
            return float(-np.sum(mass * np.maximum(-np.expm1(log_p), 1e-7) ** self.focus * log_p))

        from scipy import optimize  # slow to import, and needed only for a focal loss

        found = optimize.minimize(mean_loss, logits, method="BFGS")
        return found.x if found.fun < mean_loss(logits) else logits
