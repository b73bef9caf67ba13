"""The constant predictor: the shares of the classes among training rows, whatever the input.

Axes: N rows, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Constant:
    """Probabilities that are the same for every row.

    Attributes:
      shares: [C], of training rows.
    """

    shares: Float[np.ndarray, " C"]

    @classmethod
    def fit(cls, labels: Int[np.ndarray, " N"], classes: int) -> Constant:
        """Count the labels of training rows, 0 to C − 1 with C = `classes`; there is at least one."""
        return cls(np.bincount(labels, minlength=classes) / len(labels))

    def probabilities(self, rows: int) -> Float[np.ndarray, "N C"]:
        """Return the shares, once for each of N = `rows` rows."""
        return np.tile(self.shares, (rows, 1))
