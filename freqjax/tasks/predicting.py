"""Interface of tasks whose outputs on test rows are results of their own, which may have no targets."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from freqjax.tasks.evaluation import Frozen


@runtime_checkable
class Predicts(Protocol):
    """Task that predicts something of rows whose targets may not be known."""

    @property
    def is_judged(self) -> bool:
        """Whether the targets of all test rows are known."""
        ...

    def predictions(self, frozen: Frozen) -> dict[str, np.ndarray]:
        """Return what is predicted of the test rows, as arrays by name."""
        ...
