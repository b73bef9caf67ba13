"""Reading of two runs that are compared, and of their outputs where both have the same test rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from freqjax.checkpoints.rows import read_lines
from freqjax.checkpoints.store import CheckpointStore
from freqjax.config import validation
from freqjax.config.sections import Config, context_of
from freqjax.errors import UserError
from freqjax.networks.network import Params
from freqjax.page.traces import MOST_SAMPLES, Series, Trace, traces_of
from freqjax.report.saved import read as read_summary
from freqjax.system import files
from freqjax.tasks import Batch, Task, make_task
from freqjax.text import printable
from freqjax.training.prepared import Prepared, param_shapes

SECOND = "second"


class Side(NamedTuple):
    """One of two runs.

    Attributes:
      letter: A or B.
      folder: of the run.
      config: its config.
      task: names its groups and losses.
      values: of summary.json; without a score if a signal ended it, empty if it has not ended.
      rows: of metrics.jsonl.
    """

    letter: str
    folder: Path
    config: Config
    task: Task
    values: dict[str, Any]
    rows: Sequence[dict[str, Any]]


class Tested(NamedTuple):
    """Test rows of both runs.

    Attributes:
      are_same: whether they are the same; None if they could not be read.
      traces: signals with the outputs of both; none if the rows differ, or are no signals.
      words: why there are none; empty if there are.
    """

    are_same: bool | None
    traces: Sequence[Trace]
    words: str


def read(letter: str, folder: Path) -> Side:
    """Read a run by its files.

    Raises:
      UserError: it is no run, or its config is damaged.
    """
    saved, shown = files.read_json(folder / "config.json"), printable(str(folder))
    if saved is None:
        raise UserError(f"{shown} holds no config.json of a run.")
    config = validation.from_dict(saved, f"{shown}/config.json", None)
    if config.sweep.axes:
        raise UserError(f"{shown} is a sweep: two runs are compared, and it has a page of its own.")
    lines = read_lines(folder / "metrics.jsonl")
    return Side(
        letter,
        folder,
        config,
        make_task(config.task, context_of(config)),
        read_summary(folder / "summary.json", lambda line: None) or {},
        [line.row for line in lines if line.row is not None],
    )


def tested(first: Side, second: Side) -> Tested:
    """Run both networks on the test rows, if these are the same."""
    try:
        prepared = Prepared(first.config), Prepared(second.config)
    except UserError as error:
        return Tested(None, [], f"Test rows cannot be read: {error}")
    if not are_same(prepared[0], prepared[1]):
        return Tested(False, [], "The test rows of the two runs differ: no outputs are overlaid.")
    weights = [_kept(side, p) for side, p in zip((first, second), prepared, strict=True)]
    if weights[0] is None or weights[1] is None:
        return Tested(True, [], "A run without a checkpoint has no outputs yet.")
    task, most = prepared[0].task, MOST_SAMPLES // 2
    ours = traces_of(task, prepared[0].frozen(weights[0]), most)
    others = traces_of(prepared[1].task, prepared[1].frozen(weights[1]), most)
    found = [_joined(one, other) for one, other in zip(ours, others, strict=True)]
    words = "" if found else "The outputs of this task are no signals, which could be overlaid."
    return Tested(True, found, words)


def are_same(first: Prepared, second: Prepared) -> bool:
    """Return whether two runs have the same test rows, value for value, and the same groups."""
    a, b = first.batches["test"], second.batches["test"]
    if list(first.task.group_names) != list(second.task.group_names):
        return False
    return jax.tree.structure(_arrays(a)) == jax.tree.structure(_arrays(b)) and all(
        np.array_equal(x, y)
        for x, y in zip(jax.tree.leaves(_arrays(a)), jax.tree.leaves(_arrays(b)), strict=True)
    )


def _arrays(batch: Batch) -> Any:
    return batch._asdict()


def _kept(side: Side, prepared: Prepared) -> Params | None:
    directory = side.folder / "checkpoints"
    if not directory.is_dir():
        return None
    with CheckpointStore(directory, warn=lambda line: None, read_only=True) as store:
        best = store.restore_best(param_shapes(prepared.network))
    return None if best is None else best.params


def _joined(one: Trace, other: Trace) -> Trace:
    """Add the output of the second run to the signals of the first."""
    output = next(s for s in other.series if s.name == "output")
    return one._replace(series=[*one.series, Series(SECOND, output.integers, output.scale)])
