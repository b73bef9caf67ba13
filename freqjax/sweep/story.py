"""What a sweep keeps of a replica: its story on the host, its arrays, and in the end its result."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from freqjax.sweep.axes import Replica
from freqjax.tasks import Sequences, Task
from freqjax.training.monitors import Totals
from freqjax.training.stopping import Stopping


@dataclass
class Story:
    """What the host remembers of a replica; plain numbers, saved with its arrays.

    Attributes:
      index: the replica's.
      epoch, step: epochs and updates done.
      totals: sums of the epoch so far.
      losses: of the last epochs.
      stopping: the rules' memory; its reason is why the replica stopped, if it has.
      plateau: scale, best and waited of the schedule plateau.
      best_epoch: the epoch of the weights that are kept.
      bad_step: the first update that was not finite.
    """

    index: int
    epoch: int = 0
    step: int = 0
    totals: Totals = dataclasses.field(default_factory=Totals)
    losses: list[float] = dataclasses.field(default_factory=list)
    stopping: Stopping = dataclasses.field(default_factory=Stopping)
    plateau: tuple[float, float, int] = (1.0, math.inf, 0)
    best_epoch: int | None = None
    bad_step: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The story as JSON can hold it."""
        return dataclasses.asdict(self)

    @staticmethod
    def of_json(values: dict[str, Any]) -> Story:
        """The inverse of `to_json`."""
        values = dict(values)
        values["totals"] = Totals(**values["totals"])
        values["stopping"] = Stopping(**values["stopping"])
        values["plateau"] = tuple(values["plateau"])
        return Story(**values)


class Arrays(NamedTuple):
    """The arrays of R replicas, each with a leading axis R.

    Attributes:
      state: the train states; nothing where replicas are trained one by one.
      best: the parameters with the lowest frozen training MSE so far; once there are results, those
        that they are of.
    """

    state: Any
    best: Any


def result_of(
    story: Story, replica: Replica, task: Task, train: np.ndarray, test: np.ndarray
) -> dict[str, Any]:
    """The row of sweep.json of a replica whose frozen losses are `train` and `test`, [G] each."""
    # Where every loss was finite, the last update gave weights that are not.
    bad = story.bad_step
    if bad is None and story.stopping.reason == "non_finite":
        bad = story.step
    return {
        "replica": replica.index,
        **replica.values,
        "epochs": story.epoch,
        "updates": story.step,
        "stop_reason": story.stopping.reason or "epochs_done",
        "bad_update": bad,
        "weights": "last" if story.stopping.best_frozen is None else "best",
        "best_epoch": story.best_epoch,
        "prequential_mse": story.losses[-1] if story.losses else None,
        "train_mse": float(np.mean(train)),
        "test_mse": float(np.mean(test)),
        "worst_test_mse": float(np.max(test)),
        f"test_mse_per_{task.group_label}": dict(zip(task.group_names, test.tolist(), strict=True)),
    }


def zero_loss(task: Task, blocks: Sequences) -> float:
    """The loss of an output that is always zero."""
    targets = jnp.asarray(blocks.targets)
    return float(jnp.mean(task.objective.row_loss(jnp.zeros_like(targets), targets)))
