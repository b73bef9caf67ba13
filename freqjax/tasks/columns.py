"""Names of the columns of metrics.jsonl that depend on the task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Columns(NamedTuple):
    """Names of the columns that depend on the task.

    Attributes:
      loss: prequential loss of each group.
      frozen: frozen loss.
      frozen_per_group: frozen loss of each group.
      horizon: horizon of the curriculum, in the task's unit of time.
      settled: loss of each group after a step of the curriculum.
      per_group: name of the frozen loss of each group in the test and training objects of a summary.
      constant: name of the loss of a predictor without inputs in the rows of a sweep.
    """

    loss: str
    frozen: str
    frozen_per_group: str
    horizon: str
    settled: str
    per_group: str
    constant: str


def columns_of(group_label: str, metric: str, unit: str) -> Columns:
    """Return the names for groups called `group_label`, an objective's `metric` and a unit of time."""
    return Columns(
        loss=f"loss_per_{group_label}",
        frozen=f"frozen_{metric}",
        frozen_per_group=f"frozen_{metric}_per_{group_label}",
        horizon=f"horizon_{unit}",
        settled=f"settled_loss_per_{group_label}",
        per_group=f"{metric}_per_{group_label}",
        constant=f"constant_{metric}",
    )


def is_filtered(rows: Sequence[dict[str, Any]]) -> bool:
    """Return whether `rows` are those of a Kalman filter, which has no gradients.

    Its frozen losses are the lowest so far, of weights from which a block began: they are not those of the
    weights whose prequential loss stands beside them.
    """
    return any("covariance_trace" in row for row in rows)
