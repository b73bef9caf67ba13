"""Loss of the classifier: the cross-entropy of its classes, and that of a second label beside it.

Axes: N rows, O outputs, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from freqjax.networks.arrays import AnyArray
from freqjax.tasks.objectives import CrossEntropy, Objective


@dataclass(frozen=True)
class Heads(Objective):
    """Cross-entropy of the first C outputs, plus a weight times that of the others.

    A row without a second label has zeros there, which add nothing.

    Attributes:
      classes: C.
      first: loss of the first C outputs.
      weight: of the others.
    """

    classes: int
    first: CrossEntropy
    weight: float = 0.0
    metric: ClassVar[str] = "cross_entropy"
    label: ClassVar[str] = "cross-entropy"

    @property
    def convex(self) -> bool:
        """True if the loss of the first C outputs is convex in them."""
        return self.first.convex

    def row_loss(
        self, outputs: Float[AnyArray, "*N O"], targets: Float[AnyArray, "*N O"]
    ) -> Float[Array, "*N"]:
        """Return the loss of every row in nats."""
        count = self.classes
        loss = self.first.row_loss(outputs[..., :count], targets[..., :count])
        if not self.weight:
            return loss
        second = CrossEntropy().row_loss(
            jnp.asarray(outputs)[..., count:], jnp.asarray(targets)[..., count:]
        )
        return loss + self.weight * second

    def constant(
        self, targets: Float[np.ndarray, "N O"], weights: Float[np.ndarray, " N"]
    ) -> Float[np.ndarray, " O"]:
        """Return the logits of the best constant distribution of each label."""
        count = self.classes
        found = [self.first.constant(targets[:, :count], weights)]
        if targets.shape[1] > count:
            labelled = weights * targets[:, count:].sum(axis=1)
            some = labelled if labelled.any() else weights
            found.append(CrossEntropy().constant(targets[:, count:], some))
        return np.concatenate(found)
