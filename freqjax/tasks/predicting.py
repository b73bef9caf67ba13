"""Interface of tasks whose outputs on test rows are results of their own, which may have no targets."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from freqjax.errors import UserError
from freqjax.tasks.evaluation import Frozen
from freqjax.tasks.task import Task
from freqjax.text import printable


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


def require_judged(task: Task) -> None:
    """Check that the targets of all test rows are known, where they judge what is trained.

    Raises:
      UserError: some are not.
    """
    if isinstance(task, Predicts) and not task.is_judged:
        raise UserError(
            f"task.test_path is {printable(task.config.test_path)}: all its rows must have a label in train, "
            "sweep and diagnose, which judge by them; evaluate takes rows without one."
        )
