"""Reading of the files of a sweep, of one that has ended and of one that still trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from freqjax.checkpoints.rows import read_lines
from freqjax.config import validation
from freqjax.config.axes import laws_of
from freqjax.config.laws import Law
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.sweep.axes import replicas
from freqjax.sweep.standards import Names, names_of
from freqjax.system import files
from freqjax.text import printable
from freqjax.training.prepared import assemble

Row = dict[str, Any]


class Swept(NamedTuple):
    """Sweep as its files tell.

    Attributes:
      folder: of the sweep.
      config: its config, with the axes.
      names: names in its rows.
      axes: fields that were swept.
      laws: field → law of those of them whose values were drawn.
      rows: of sweep.json, in the order of replicas; the values of the axes alone while it trains.
      chosen: the best replica; None if there is none, or none yet.
      has_ended: whether there is a sweep.json.
      metrics: replica → its rows of metrics.jsonl, in the order of epochs.
      values: of summary.json; empty while it trains.
    """

    folder: Path
    config: Config
    names: Names
    axes: list[str]
    laws: Mapping[str, Law]
    rows: list[Row]
    chosen: int | None
    has_ended: bool
    metrics: Mapping[int, list[Row]]
    values: Row

    @property
    def choosing(self) -> str:
        """Key of the loss that chose the best replica: of validation rows, else of training rows."""
        validation_key, train = self.names.choosing
        return validation_key if any(validation_key in row for row in self.rows) else train

    @property
    def split(self) -> str:
        """Rows of that loss, in words."""
        return "validation" if self.choosing == self.names.choosing[0] else "training"


def read(folder: Path) -> Swept:
    """Read a sweep.

    Raises:
      UserError: its config or its results are missing or damaged.
    """
    saved = files.read_json(folder / "config.json")
    shown = printable(str(folder))
    if saved is None:
        raise UserError(f"{shown} holds no config.json of a sweep.")
    config = validation.from_dict(saved, f"{shown}/config.json", None)
    results = files.read_json(folder / "sweep.json")
    found = {"axes": list(config.sweep.axes), "rows": [], "best_replica": None, **(results or {})}
    rows = found["rows"] or [{"replica": m.index, **m.values} for m in replicas(config)]
    return Swept(
        folder=folder,
        config=config,
        names=names_of(assemble(_first(config)).task),
        axes=list(found["axes"]),
        laws=laws_of(config),
        rows=rows,
        chosen=found["best_replica"],
        has_ended=results is not None,
        metrics=_metrics(folder / "metrics.jsonl"),
        values=files.read_json(folder / "summary.json") or {},
    )


def _first(config: Config) -> Config:
    """Return the config of the first replica; making all of them takes seconds where there are many."""
    laws = laws_of(config)
    axes = {f: v if f in laws else v[:1] for f, v in config.sweep.axes.items()}
    sweep = dataclasses.replace(config.sweep, axes=axes, draws=1 if laws else 0)
    return replicas(dataclasses.replace(config, sweep=sweep))[0].config


def _metrics(path: Path) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for line in read_lines(path):
        if line.row is not None and line.row.get("replica") is not None:
            found.setdefault(line.row["replica"], []).append(line.row)
    for rows in found.values():
        rows.sort(key=lambda row: row["epoch"])
    return found
