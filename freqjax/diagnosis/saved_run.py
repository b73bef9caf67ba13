"""Reading of a run for its examination, whether it is finished, running, stopped or killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax

from freqjax import progress
from freqjax.checkpoints import beginnings
from freqjax.checkpoints import store as checkpoints
from freqjax.checkpoints.records import Record
from freqjax.checkpoints.rows import read as read_rows
from freqjax.config import validation
from freqjax.config.sections import Config
from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.errors import UserError
from freqjax.networks.network import Params
from freqjax.report import summary
from freqjax.report.saved import read as read_summary
from freqjax.system import files
from freqjax.tasks.predicting import require_judged
from freqjax.text import printable
from freqjax.training.prepared import Prepared

Say = Callable[[str], None]


def run_config(folder: Path, say: Say | None = None) -> Config:
    """Read the config.json of the run in `folder`; `say` is called if it is of version 0.1.

    Raises:
      UserError: the file is missing or damaged.
    """
    value = files.read_json(folder / "config.json")
    if value is None:
        raise UserError(f"--workdir is {folder}: it holds no config.json of a run.")
    return validation.from_dict(value, f"{folder / 'config.json'}", say)


class SavedRun(NamedTuple):
    """Run read from its folder.

    Attributes:
      run: the run for the examination.
      values: the object of summary.json for the report.
    """

    run: RunUnderExamination
    values: dict[str, Any]


def read(folder: Path, config: Config, say: Say) -> SavedRun:
    """Read the run in `folder` and evaluate its weights, frozen, on its rows.

    If no checkpoint has been saved yet, its initial weights are used.

    Raises:
      UserError: its data or its checkpoints cannot be read.
    """
    prepared = Prepared(config)
    require_judged(prepared.task)
    initial, origin = beginnings.begun(prepared, folder, say)
    kept, last, record = _weights(folder, initial, say)
    with progress.phase("evaluating"):
        evaluation = prepared.task.evaluate(prepared.frozen(kept))
    rows = read_rows(folder / "metrics.jsonl", say)
    run = RunUnderExamination(
        folder=folder,
        prepared=prepared,
        initial_params=initial,
        params=kept,
        last_params=last,
        rows=rows,
        evaluation=evaluation,
        seconds=max(record.spent.wall_seconds, sum(row["seconds"] for row in rows)),
        changed_files=list(record.changed_files(config)) if record.replicas else [],
    )
    values = read_summary(folder / "summary.json", say)
    if values is None or "limit" not in values:  # not ended yet, or a version without limits
        values = summary.assemble(
            evaluation,
            prepared.task,
            kept,
            initializer=origin.initializer if origin else config.network.initializer,
            weights="first" if kept is initial else "best",
            **summary.of_rows(rows, prepared.task, rows[-1]["epoch"] if rows else 0),
            epochs=rows[-1]["epoch"] if rows else 0,
            updates=rows[-1]["step"] if rows else 0,
        )
    return SavedRun(run, values)


def _weights(folder: Path, initial: Params, say: Say) -> tuple[Params, Params, Record]:
    """Return the best weights, the last ones, and the record beside the last."""
    directory = folder / "checkpoints"
    if not directory.is_dir():
        say(f"{printable(str(folder))} holds no checkpoint yet: its first weights are examined.")
        return initial, initial, Record({})
    template = jax.eval_shape(lambda tree: tree, initial)
    with checkpoints.CheckpointStore(directory, warn=say, read_only=True) as store:
        last = store.restore_last_params(template)
        best = store.restore_best(template)
    if last is None or best is None:
        say(
            f"{printable(str(folder))} holds no whole checkpoint yet: its first weights are examined."
        )
        return initial, initial, Record({})
    record = Record.from_json(last.meta, f"the checkpoint {directory / str(last.step)}")
    return best.params, last.params if last.step else initial, record
