"""From a config to all that training, evaluation and diagnosis work with: task, rows, network."""

from __future__ import annotations

import functools
from typing import Any

import jax

from freqjax.config.sections import Config, context_of
from freqjax.networks import make_network
from freqjax.tasks import Batch, Sequences, make_task
from freqjax.training.frozen import FrozenNetwork, choose_forward
from freqjax.training.seeds import initial_key


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

    @functools.cached_property
    def train_rows(self) -> Sequences:
        """The training rows as a network reads them."""
        return self.task.sequences(self.batches["train"])

    @functools.cached_property
    def choosing_rows(self) -> Sequences:
        """The rows that choose which weights are kept: those of validation, or else those of training."""
        if "validation" not in self.batches:
            return self.train_rows
        return self.task.sequences(self.batches["validation"])

    def initial_params(self) -> Any:
        """Return the weights that a run of this config begins with."""
        return self.network.init(initial_key(self.config.train.seed))

    def frozen(self, params: Any) -> FrozenNetwork:
        """Return the network with frozen weights `params`, for the task to evaluate."""
        return FrozenNetwork(self.task, self.forward, params, self.batches, self.config.task.reset)
