"""Task, rows and network of a config, for training, evaluation and diagnosis."""

from __future__ import annotations

import copy
import functools
from typing import NamedTuple

import jax

from freqjax.config.sections import Config, context_of
from freqjax.networks import Network, make_network
from freqjax.networks.network import Params
from freqjax.tasks import Batch, Sequences, Task, make_task
from freqjax.training.epochs import EpochResult
from freqjax.training.frozen import (
    FrozenLosses,
    FrozenNetwork,
    choose_forward,
    group_means,
    group_shares,
)
from freqjax.training.jitted import Jitted
from freqjax.training.seeds import initial_key, with_seed


class Assembled(NamedTuple):
    """Task and network of a config, without rows and weights."""

    task: Task
    network: Network


def assemble(config: Config) -> Assembled:
    """Return the task and the network of `config` without reading rows.

    Raises:
      UserError: the network does not match the task.
    """
    task = make_task(config.task, context_of(config))
    return Assembled(task, make_network(config.network, task))


def param_shapes(network: Network) -> Params:
    """Return the shapes and dtypes of a network's parameters."""
    return jax.eval_shape(lambda: network.init(jax.random.key(0)))


class Prepared:
    """Task of a config with its rows, its network, and the network's outputs with frozen weights.

    Attributes:
      config: the config.
      task: its task.
      network: its network, for the training rows.
      forward: (params, sequences, reset) → outputs [B, T, O].
      jitted: functions of its trainers.
    """

    def __init__(self, config: Config) -> None:
        """Read and check all rows; nothing is written.

        Raises:
          UserError: rows cannot be read or used, or the task does not support the initializer.
        """
        self.config = config
        self.task = make_task(config.task, context_of(config))
        if config.task.noise == "fresh" and not self.task.draws:
            self.task.sample(jax.random.key(0), self.task.samples)  # raises with the reason
        split = functools.cache(self.task.split)
        # The network first, to detect a task that it does not match before rows are read or drawn.
        self.network = make_network(config.network, self.task, lambda: split("train"))
        splits = {name: split(name) for name in ("train", "validation", "test")}
        self.batches: dict[str, Batch] = {k: v for k, v in splits.items() if v is not None}
        self.forward = choose_forward(self.network, config)
        self.jitted = Jitted()
        self._rows: dict[str, Sequences] = {}

    def with_seed(self, seed: int) -> Prepared:
        """Return the same with another `train.seed`, which shares the rows and all compiled functions."""
        other = copy.copy(self)
        other.config = with_seed(self.config, seed)
        return other

    @property
    def choosing(self) -> str:
        """Split on which the weights to keep are selected: validation, or training if there is none."""
        return "validation" if "validation" in self.batches else "train"

    def rows(self, split: str) -> Sequences:
        """Return the rows of a split in the form that a network reads.

        Raises:
          KeyError: the task has no such split.
        """
        if split not in self._rows:
            self._rows[split] = self.task.sequences(self.batches[split])
        return self._rows[split]

    @property
    def train_rows(self) -> Sequences:
        """Training rows in the form that a network reads."""
        return self.rows("train")

    def frozen_losses(self, params: Params, split: str | None = None) -> FrozenLosses:
        """Return the losses of frozen weights on the rows of `split`, by default of `choosing`."""
        rows = self.rows(split or self.choosing)
        means = group_means(self.forward(params, rows, self.config.task.reset), rows, self.task)
        return FrozenLosses.of(means, group_shares(rows, len(self.task.group_names)))

    def losses_after(self, result: EpochResult, params: Params) -> FrozenLosses | None:
        """Return the frozen losses that rank the weights `params` after an epoch.

        They are those by which the trainer chose the weights, None while it has not judged every group; or,
        if it does not choose, the losses on the rows of `choosing`.
        """
        if result.judged is None:
            return self.frozen_losses(params)
        judged = [loss for loss in result.judged if loss is not None]
        if len(judged) < len(result.judged):
            return None
        return FrozenLosses.of(judged, group_shares(self.train_rows, len(judged)))

    def initial_params(self) -> Params:
        """Return the initial weights of a run of this config."""
        return self.network.init(initial_key(self.config.train.seed))

    def frozen(self, params: Params, initial: Params | None = None) -> FrozenNetwork:
        """Return the network with frozen weights `params`, for the task to evaluate.

        `initial` are the initial weights of the training; None for those of `train.seed`.
        """
        return FrozenNetwork(
            self.task,
            self.network,
            self.forward,
            params,
            self.batches,
            self.config.task.reset,
            self.initial_params if initial is None else lambda: initial,
        )
