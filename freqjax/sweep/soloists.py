"""Replicas that cannot share a program: those of a horizon curriculum and those on shuffled windows.

Each is trained as it would be alone, as many side by side as there are devices, a thread each.
A replica that was not done when a sweep was stopped begins again.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from freqjax.networks import count_parameters, make_network
from freqjax.sweep.axes import Bucket, Replica
from freqjax.sweep.story import Arrays, Story, result_of, zero_loss
from freqjax.tasks import make_task
from freqjax.training.frozen import group_means
from freqjax.training.monitors import finite_or_null
from freqjax.training.prepared import Prepared
from freqjax.training.regimes import make_trainer
from freqjax.training.trainers import EpochResult, Trainer


class Soloist:
    """One replica on one device, from its first step to its result.

    Attributes:
      replica: its config.
      story: what the host remembers of it.
      best: the parameters with the lowest frozen training MSE; the last, where none was ranked.
    """

    def __init__(self, replica: Replica) -> None:
        """Nothing is read or compiled before the first `advance`."""
        self.replica, self.story = replica, Story(replica.index)
        self._trainer: Trainer | None = None
        self.best: Any = None

    def _begin(self) -> Trainer:
        self._prepared = prepared = Prepared(self.replica.config)
        self._task, self._forward = prepared.task, prepared.forward
        self._trainer = make_trainer(
            prepared.network, prepared.task, prepared.config, prepared.train_rows, prepared.forward
        )
        if self.best is None:
            self.best = prepared.initial_params()
        return self._trainer

    def advance(self, device: Any) -> list[dict[str, Any]]:
        """A piece of work on `device`; the row of the epoch, where it ends one."""
        with jax.default_device(device):
            trainer = self._trainer or self._begin()
            result = trainer.advance()
            return [] if result is None else [self._end_epoch(trainer, result)]

    def _end_epoch(self, trainer: Trainer, result: EpochResult) -> dict[str, Any]:
        train, story = self.replica.config.train, self.story
        groups = None
        every = train.evaluate_every
        if every and (trainer.epoch % every == 0 or trainer.epoch == train.epochs):
            reset = self.replica.config.task.reset
            rows = self._prepared.choosing_rows
            groups = group_means(self._forward(trainer.params, rows, reset), rows, self._task)
        mse = None if groups is None else float(np.mean(groups))
        worst = None if groups is None else max(groups)
        story.epoch, story.step = trainer.epoch, trainer.step
        story.losses = [result.loss]
        story.stopping.observe(train, trainer.epoch, result.loss, mse, worst)
        if mse is not None and story.stopping.is_best(mse):
            self.best, story.best_epoch = jax.device_get(trainer.params), trainer.epoch
        elif story.stopping.best_frozen is None:
            self.best = jax.device_get(trainer.params)
        row = {k: v for k, v in result.row.items() if not k.endswith("_per_layer")}
        frozen = {"frozen_mse": mse, f"frozen_mse_per_{self._task.group_label}": groups}
        return finite_or_null({"replica": story.index, **row, **frozen, "alerts": result.alerts})

    def result(self) -> dict[str, Any]:
        """What it came to, with the weights kept."""
        if self._trainer is None:
            self._begin()
        test = self._task.sequences(self._prepared.batches["test"])
        reset = self.replica.config.task.reset
        frozen = [
            np.array(group_means(self._forward(self.best, blocks, reset), blocks, self._task))
            for blocks in (self._prepared.train_rows, test)
        ]
        found = result_of(self.story, self.replica, self._task, *frozen)
        found["parameters"] = count_parameters(self.best)
        found["zero_predictor_mse"] = zero_loss(self._task, test)
        return finite_or_null(found)


class Soloists:
    """The replicas of a bucket that this process trains one by one; driven as a `Population` is.

    Attributes:
      epoch: 0, for they have no epoch in common.
      compilations: 0, for each compiles as a run alone does.
    """

    epoch = 0
    compilations = 0

    def __init__(
        self, bucket: Bucket, mine: Sequence[Replica], devices: Sequence[Any] | None = None
    ) -> None:
        """As `Population`."""
        self._bucket = bucket
        self._members = [Soloist(replica) for replica in mine]
        self._devices = jax.local_devices() if devices is None else devices

    @property
    def stories(self) -> list[Story]:
        """What is saved of each replica; of one that is not done, that it is to begin again."""
        return [
            Story(m.replica.index) if active else m.story
            for m, active in zip(self._members, self.active(), strict=True)
        ]

    def active(self) -> list[bool]:
        """Which replicas are not done."""
        return [
            m.story.stopping.reason is None and m.story.epoch < m.replica.config.train.epochs
            for m in self._members
        ]

    def advance(self) -> list[dict[str, Any]]:
        """A piece of work for as many replicas as there are devices; the rows of epochs that ended."""
        waiting = [m for m, active in zip(self._members, self.active(), strict=True) if active]
        with ThreadPoolExecutor(len(self._devices)) as pool:
            parts = pool.map(Soloist.advance, waiting, self._devices)
            return [row for rows in parts for row in rows]

    def results(self) -> list[dict[str, Any]]:
        """What each replica came to."""
        return [member.result() for member in self._members]

    def arrays(self) -> Arrays:
        """The weights kept of each replica; zeros for one that has not begun."""
        first = self._bucket.replicas[0].config
        network = make_network(first.network, make_task(first.task))
        shapes = jax.eval_shape(network.init, jax.random.key(0))
        blank = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        kept = [jax.device_get(blank if m.best is None else m.best) for m in self._members]
        # A blank one first, so that there is a shape where this process has no replica.
        return Arrays({}, jax.tree.map(lambda *leaves: np.stack(leaves)[1:], blank, *kept))

    def progress(self) -> dict[str, int]:
        """As that of a `Population`; there is nothing to say."""
        return {"epoch": 0, "next_chunk": 0}

    def restore(self, arrays: Arrays, stories: list[Story], progress: dict[str, int]) -> None:
        """Take over the replicas that are done; the others begin again."""
        for place, (member, story) in enumerate(zip(self._members, stories, strict=True)):
            if story.stopping.reason is not None:
                member.story = story
                member.best = jax.tree.map(lambda a: a[place], arrays.best)  # noqa: B023
