"""Names of the columns of metrics.jsonl that depend on the task."""

from __future__ import annotations

from typing import NamedTuple


class Columns(NamedTuple):
    """Names of columns.

    Attributes:
      loss: prequential loss of each group.
      frozen: frozen loss.
      frozen_per_group: frozen loss of each group.
      horizon: how far the curriculum has come, in the task's unit of time.
      settled: loss of each group after a step of the curriculum.
      per_group: what the test and training objects of a summary call the frozen loss of each group.
      constant: what the rows of a sweep call the loss of a predictor without inputs.
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
