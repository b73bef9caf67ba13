"""Record beside the arrays of a checkpoint: the replicas of a sweep, or the single one of a run.

    {"format": 2,
     "config":      of the run or the sweep
     "replicas":    [{"index", "trainer", "stopping", "best_epoch", "origin"}, ...]
     "results":     rows of sweep.json, once all replicas of a bucket are done
     "spent":       {"wall_seconds", "training_seconds", "compilations"}
     "data_hashes": path of a file of rows → its SHA-256}

The record of a checkpoint with only weights has no replicas. Records of version 0.1, which had no format
number, are translated by `freqjax.checkpoints.versions`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freqjax.checkpoints.versions import FORMAT, upgrade
from freqjax.config.network import NetworkConfig
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.system import files
from freqjax.training.stopping import Stopping


def data_hashes(configs: Iterable[Config]) -> dict[str, str]:
    """Return the SHA-256 of every file that rows of `configs` come from, by path."""
    paths = {path for c in configs for path in c.task.named_files.values()}
    return {path: files.file_hash(Path(path)) for path in sorted(paths)}


@dataclass(frozen=True)
class Origin:
    """The checkpoint that `train.init_from` names.

    Attributes:
      path: as the config names it.
      step: updates that its weights had.
      initializer: what the weights were before any training, as `network.initializer`.
    """

    path: str
    step: int
    initializer: str

    def to_json(self) -> dict[str, Any]:
        """Return what a summary says of it."""
        return {"path": self.path, "step": self.step}


@dataclass
class ReplicaRecord:
    """State of a replica on the host; a run has one replica, of index 0.

    Attributes:
      index: its index among the replicas of a sweep.
      trainer: the state of its trainer on the host, with `epoch` and `step`.
      stopping: state of the stopping rules; its `reason` is why training stopped, if it has.
      best_epoch: the epoch of the best weights; None before the first evaluation.
      origin: the checkpoint of its initial weights; None if they were drawn.
    """

    index: int
    trainer: dict[str, Any]
    stopping: Stopping
    best_epoch: int | None = None
    origin: Origin | None = None

    @property
    def epoch(self) -> int:
        """Number of completed epochs."""
        return self.trainer["epoch"]

    @staticmethod
    def from_json(values: dict[str, Any]) -> ReplicaRecord:
        """Return the record whose fields are `values`.

        Raises:
          LookupError, TypeError: they are not those of a record.
        """
        origin, trainer = values.get("origin"), values["trainer"]
        if type(trainer["epoch"]) is not int or type(trainer["step"]) is not int:
            raise TypeError("epoch and step must be whole numbers")
        return ReplicaRecord(
            index=values["index"],
            trainer=trainer,
            stopping=Stopping(**values["stopping"]),
            best_epoch=values["best_epoch"],
            origin=None if origin is None else Origin(**origin),
        )


@dataclass
class Spent:
    """Time that training has taken, over all resumes.

    Attributes:
      wall_seconds: total.
      training_seconds: in chunks of updates and their compilation (sweeps).
      compilations: programs compiled by one process (sweeps).
    """

    wall_seconds: float = 0.0
    training_seconds: float = 0.0
    compilations: int = 0


@dataclass
class Record:
    """Record of a checkpoint; the module's docstring lists its fields."""

    config: dict[str, Any]
    replicas: list[ReplicaRecord] = dataclasses.field(default_factory=list)
    results: list[dict[str, Any]] | None = None
    spent: Spent = dataclasses.field(default_factory=Spent)
    data_hashes: dict[str, str] = dataclasses.field(default_factory=dict)
    format: int = FORMAT

    @property
    def origin(self) -> Origin | None:
        """The checkpoint of a run's initial weights; None if they were drawn."""
        return self.replicas[0].origin if self.replicas else None

    @property
    def initializer(self) -> str:
        """The initialiser of a run's weights before any training, as in `network.initializer`."""
        origin = self.origin
        if origin is not None:
            return origin.initializer
        # What a config leaves out is as a config of today begins.
        return self.config.get("network", {}).get("initializer", NetworkConfig().initializer)

    def changed_files(self, config: Config) -> dict[str, str]:
        """Return the fields of `config` whose file differs from the one trained on, with its path."""
        return {
            f"task.{name}": path
            for name, path in config.task.named_files.items()
            if self.data_hashes.get(path) != files.file_hash(Path(path))
        }

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON-serialisable dictionary."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(values: Any, source: str) -> Record:
        """Read a record of this version or of version 0.1.

        Args:
          values: the record as read from JSON.
          source: its origin, for error messages.

        Raises:
          UserError: it is not a record, or has a later format.
        """
        if not isinstance(values, dict):
            raise UserError(f"{source} has no record of a training: it must be an object.")
        found = values.get("format", 1)
        if not isinstance(found, int) or found > FORMAT:
            raise UserError(
                f"{source} has a record of format {found}, but this freqjax reads up to {FORMAT}: update it."
            )
        try:
            values = upgrade(values)
            return Record(
                config=values["config"],
                replicas=[ReplicaRecord.from_json(replica) for replica in values["replicas"]],
                results=values["results"],
                spent=Spent(**values["spent"]),
                data_hashes=values["data_hashes"],
            )
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise UserError(
                f"{source} has a record that cannot be read ({type(error).__name__}: {error})."
            ) from None
