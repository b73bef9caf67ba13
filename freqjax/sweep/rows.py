"""Rows of the replicas of a bucket, read once for each distinct section `task`.

Axes: N sets of rows, R replicas, B sequences.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.sweep.axes import Replica
from freqjax.tasks import Sequences
from freqjax.training import footprint
from freqjax.training.frozen import group_shares
from freqjax.training.prepared import Prepared

# Bytes that the states of a frozen evaluation may take on a device.
_EVALUATION = 2**31
# Numbers that it keeps for every unit and sample: c, h and the arguments of the four gates of an LSTM.
_KEPT = 6


class RowSets:
    """N sets of rows, and the set that each replica reads.

    Attributes:
      prepared: [N] `Prepared` of the first replica that reads each set.
      of_replica: [R] the set that each replica reads.
    """

    def __init__(self, members: Sequence[Replica]) -> None:
        """Read the rows of `members`, at least one replica."""
        self.prepared: list[Prepared] = []
        self._numbers: dict[str, int] = {}
        self.of_replica = [self._find(replica.config) for replica in members]

    def _find(self, config: Config) -> int:
        key = json.dumps(dataclasses.asdict(config.task))
        if key not in self._numbers:
            self._numbers[key] = len(self.prepared)
            self.prepared.append(Prepared(config))
        return self._numbers[key]

    def stacked(self, split: str, numbers: Sequence[int]) -> Sequences:
        """Return the rows of a split of the sets `numbers`, [N, B, ...].

        Raises:
          UserError: the sets have different shapes and cannot share a program.
        """
        found = self._of_one_shape(split)
        return stack([found[number] for number in numbers])

    def evaluated(self, config: Config) -> int:
        """Return how many replicas can be evaluated side by side; `config` has the network of the widest."""
        rows = [self.prepared[0].rows(split).inputs for split in self.prepared[0].batches]
        most = max(footprint.frozen_bytes(config, *np.shape(inputs)[:2]) for inputs in rows)
        return max(1, _EVALUATION // (_KEPT * most))

    def shares(self, split: str) -> list[np.ndarray]:
        """Return N arrays [G], the share of each group in a mean over all rows of a split."""
        groups = len(self.prepared[0].task.group_names)
        return [group_shares(prepared.rows(split), groups) for prepared in self.prepared]

    def _of_one_shape(self, split: str) -> list[Sequences]:
        found = [prepared.rows(split) for prepared in self.prepared]
        shapes = [[np.shape(leaf) for leaf in jax.tree.leaves(rows)] for rows in found]
        for prepared, shape in zip(self.prepared, shapes, strict=True):
            if shape != shapes[0]:
                task, first = prepared.config.task, self.prepared[0].config.task
                differing = [
                    f"task.{field.name}"
                    for field in dataclasses.fields(task)
                    if getattr(task, field.name) != getattr(first, field.name)
                ]
                raise UserError(
                    f"sweep.axes give {split} rows of different shapes, {shapes[0][0]} and {shape[0]}, by "
                    f"{', '.join(differing)}: the task's section must not name these among its data_fields."
                )
        return found


def stack(parts: Sequence[Any]) -> Any:
    """Stack trees of equal shapes along a new leading axis, on the host.

    Stacking a hundred arrays on a device would compile a program.
    """
    return jax.tree.map(lambda *leaves: np.stack(jax.device_get(leaves)), *parts)
