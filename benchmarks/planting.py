"""Small runs of a task with one known fault, and healthy ones: what the plants of each task share.

A plant is right if its cause is named first, or among the first two where it always brings another with it; a
healthy run is right if none of the causes that count is named.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import freqjax
from benchmarks import record
from freqjax import Config
from freqjax.config import overrides, validation

# (generator) → arrays of an .npz.
Rows = Callable[[np.random.Generator], dict[str, Any]]
# A row of the results.
Row = dict[str, Any]


@dataclass(frozen=True)
class Plant:
    """A run with one known fault, or none.

    Attributes:
      name: of the plant.
      cause: the planted cause, or None if it is healthy.
      rows: its windows or sequences.
      fields: of the config, section.field → value.
      places: among how many of the first causes it must be; 2 where it always brings another with it.
    """

    name: str
    cause: str | None
    rows: Rows
    fields: dict[str, str] = field(default_factory=dict)
    places: int = 1


@dataclass(frozen=True)
class Bed:
    """All plants of a task.

    Attributes:
      name: of the results.
      plants: in their order.
      fields: of the config of all, section.field → value.
      task: the class of the task, as a path; its figures are not drawn.
      counted: causes that a healthy run must not have; None for all.
      facts: object of summary.json → further entries of a row.
    """

    name: str
    plants: tuple[Plant, ...]
    fields: dict[str, str]
    task: str
    counted: Collection[str] | None
    facts: Callable[[dict[str, Any]], Row]

    def config_of(self, plant: Plant, seed: int, folder: Path) -> Config:
        """Write the rows of a plant, and return its config."""
        path = folder / f"{plant.name}-{seed}.npz"
        np.savez(path, **plant.rows(np.random.default_rng([seed, 1])))
        own = {"task.data": str(path), "task.train_seed": str(seed), "train.seed": str(seed)}
        pairs = list((self.fields | own | plant.fields).items())
        return validation.validate_training(overrides.apply(Config(), pairs))

    def examine(self, plant: Plant, seed: int, folder: Path) -> Row:
        """Train a plant and read the diagnosis of its run."""
        began, place = time.perf_counter(), folder / f"{plant.name}-{seed}"
        # Figures take longer than the training.
        with mock.patch(f"{self.task}.draw", lambda *a, **k: []):
            freqjax.train(self.config_of(plant, seed, folder), place, say=lambda line: None)
        causes = [c["cause"] for c in json.loads((place / "diagnosis.json").read_text())]
        summary = json.loads((place / "summary.json").read_text())
        alarms = [cause for cause in causes if self.counted is None or cause in self.counted]
        return {
            "plant": plant.name,
            "planted": plant.cause,
            "seed": seed,
            "causes": causes,
            "right": plant.cause in causes[: plant.places] if plant.cause else not alarms,
            **self.facts(summary),
            "whole_seconds": round(time.perf_counter() - began, 1),
        }

    def grow(
        self,
        names: Collection[str],
        seeds: Sequence[int],
        earlier: Sequence[Row],
        *,
        written: bool,
    ) -> None:
        """Train and examine plants, and count the right diagnoses.

        Args:
          names: of the plants.
          seeds: of the runs.
          earlier: rows that stand where a plant is not among them.
          written: whether the results are written, after each run.
        """
        kept: dict[str, list[Row]] = {}
        for row in earlier:
            kept.setdefault(row["plant"], []).append(row)
        with record.scratch() as scratch:
            for plant in self.plants:
                if plant.name not in names:
                    continue
                own = kept[plant.name] = []
                for seed in seeds:
                    own.append(self.examine(plant, seed, Path(scratch)))
                    print(own[-1], flush=True)
                    if written:
                        command = f"python -m benchmarks.{self.name}"
                        record.write(self.name, command, self._ordered(kept))
        _count(self._ordered(kept))

    def _ordered(self, kept: dict[str, list[Row]]) -> list[Row]:
        """Return the rows in the order of the plants; those of a plant that is no more are dropped."""
        return [row for plant in self.plants for row in kept.get(plant.name, ())]


def _count(rows: Sequence[Row]) -> None:
    """Print how many diagnoses are right."""
    ill = [row for row in rows if row["planted"]]
    alarms = sum(not row["right"] for row in rows if not row["planted"])
    print(f"{sum(row['right'] for row in ill)} of {len(ill)} right; {alarms} false alarms")
