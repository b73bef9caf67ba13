"""From a config to all that training, evaluation and diagnosis work with: task, rows, network."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax

from freqjax.config.sections import Config, context_of
from freqjax.networks import Network, make_network
from freqjax.networks.network import Params
from freqjax.tasks import Batch, Sequences, Task, make_task
from freqjax.training.frozen import (
    FrozenLosses,
    FrozenNetwork,
    choose_forward,
    group_means,
    group_shares,
)
from freqjax.training.seeds import initial_key


class Assembled(NamedTuple):
    """A task and a network whose weights are there already or are not wanted: no rows are read."""

    task: Task
    network: Network


def assemble(config: Config) -> Assembled:
    """Return the task and the network of `config` without reading rows.

    Raises:
      UserError: a network that does not fit the task.
    """
    task = make_task(config.task, context_of(config))
    return Assembled(task, make_network(config.network, task))


def param_shapes(network: Network) -> Params:
    """Return the shapes and types of a network's parameters."""
    return jax.eval_shape(network.init, jax.random.key(0))


class Prepared:
    """The task of a config with its rows, the network, and the network's outputs with frozen weights.

    Attributes:
      config: the config.
      task: its task.
      network: its network, for the training rows.
      forward: (params, sequences, reset) → outputs [B, T, O].
    """

    def __init__(self, config: Config) -> None:
        """Read and check all rows; nothing is written.

        Raises:
          UserError: rows that cannot be read or used, or an initializer that the task has nothing for.
        """
        self.config = config
        self.task = make_task(config.task, context_of(config))
        if config.task.noise == "fresh" and not self.task.draws:
            self.task.sample(jax.random.key(0), self.task.samples)  # says why not
        split = functools.cache(self.task.split)
        # The network first, which refuses a task that it does not fit before rows are read or drawn.
        self.network = make_network(config.network, self.task, lambda: split("train"))
        splits = {name: split(name) for name in ("train", "validation", "test")}
        self.batches: dict[str, Batch] = {k: v for k, v in splits.items() if v is not None}
        self.forward = choose_forward(self.network, config)
        self._rows: dict[str, Sequences] = {}

    @property
    def choosing(self) -> str:
        """The split that chooses which weights are kept: validation, or training where there is none."""
        return "validation" if "validation" in self.batches else "train"

    def rows(self, split: str) -> Sequences:
        """Return the rows of a split as a network reads them.

        Raises:
          KeyError: the task has no such split.
        """
        if split not in self._rows:
            self._rows[split] = self.task.sequences(self.batches[split])
        return self._rows[split]

    @property
    def train_rows(self) -> Sequences:
        """The training rows as a network reads them."""
        return self.rows("train")

    @property
    def choosing_rows(self) -> Sequences:
        """The rows of `choosing` as a network reads them."""
        return self.rows(self.choosing)

    def frozen_losses(self, params: Params, split: str | None = None) -> FrozenLosses:
        """Return the losses of frozen weights on the rows of `split`, or on those that choose the weights."""
        rows = self.rows(split or self.choosing)
        means = group_means(self.forward(params, rows, self.config.task.reset), rows, self.task)
        return FrozenLosses.of(means, group_shares(rows, len(self.task.group_names)))

    def initial_params(self) -> Params:
        """Return the weights that a run of this config begins with."""
        return self.network.init(initial_key(self.config.train.seed))

    def frozen(self, params: Params, initial: Params | None = None) -> FrozenNetwork:
        """Return the network with frozen weights `params`, for the task to evaluate.

        `initial` are the weights that training began with; None for those of `train.seed`.
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
