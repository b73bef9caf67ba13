"""Parts of a run that its documents are made of, and the writing of those that need nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from freqjax.config.sections import Config
from freqjax.tasks import Task
from freqjax.tasks.evaluation import Evaluation, Frozen

if TYPE_CHECKING:
    from freqjax.diagnosis import Diagnosis


class Run(NamedTuple):
    """Parts that report, card and page are made of.

    Attributes:
      folder: of the run.
      config: its config.
      values: the object of summary.json.
      evaluation: of the weights that the run kept.
      task: names groups and columns.
      rows: of metrics.jsonl.
      figures: the PNGs of the run, in reading order.
      diagnosis: the causes; None if the run was not diagnosed.
      frozen: the network with the weights that the run kept.
    """

    folder: Path
    config: Config
    values: dict[str, Any]
    evaluation: Evaluation
    task: Task
    rows: Sequence[dict[str, Any]]
    figures: Sequence[Path]
    diagnosis: Diagnosis | None
    frozen: Frozen
