"""summary.json of a run that a signal ended: what is known without an evaluation, which may take long."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freqjax.networks import count_parameters
from freqjax.system import devices
from freqjax.tasks import Task
from freqjax.text import duration, number
from freqjax.training.monitors import finite_or_null


def assemble(
    task: Task,
    params: Any,
    rows: Sequence[dict[str, Any]],
    *,
    initializer: str,
    epochs: int,
    updates: int,
    wall_seconds: float,
    distinct_rows: int | None,
) -> dict[str, Any]:
    """Return the object of summary.json, with the losses of the last of the `rows` of metrics.jsonl.

    It has the keys that `freqjax.report.summary.assemble` gives these values; `test` is empty.
    """
    last, metric, label = rows[-1] if rows else {}, task.objective.metric, task.group_label
    values = {
        "parameters": count_parameters(params),
        **task.describe(),
        "initializer": initializer,
        "weights": "last",
        "metric": metric,
        "test": {},
        "frozen_loss": last.get(task.columns.frozen),
        f"prequential_{metric}": last.get("loss"),
        f"prequential_{metric}_per_{label}": last.get(task.columns.loss),
        "epochs": epochs,
        "updates": updates,
        "distinct_rows": distinct_rows,
        "wall_seconds": wall_seconds,
        "stop_reason": "interrupted",
        "versions": devices.versions(),
        "device": devices.describe(),
    }
    return finite_or_null(values)


def text(values: dict[str, Any], folder: Path) -> str:
    """Return the summary as a person reads it, and what to do next."""
    frozen = values["frozen_loss"]
    known = "" if frozen is None else f"; the last frozen loss was {number(frozen)}"
    return (
        f"interrupted after {values['updates']} updates, {values['epochs']} epochs, "
        f"{duration(values['wall_seconds'])}{known}\n"
        f"--resume --workdir {folder} goes on; --mode evaluate --checkpoint {folder} evaluates what was "
        f"learned so far\neverything: {folder}"
    )
