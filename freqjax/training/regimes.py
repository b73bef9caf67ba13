"""Which trainer a config asks for."""

from __future__ import annotations

from typing import Any

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.networks import Linearizable, Network
from freqjax.tasks import Sequences, Task
from freqjax.training.curriculum import CurriculumTrainer
from freqjax.training.frozen import Forward
from freqjax.training.trainers import StreamTrainer, Trainer


def is_curriculum(config: Config) -> bool:
    """Whether horizons lengthen as they settle, a step at a time that the host decides on."""
    return config.curriculum.first_horizon is not None and config.train.regime == "full"


def is_alone(config: Config) -> bool:
    """Whether a replica of `config` cannot share a program of updates with others.

    In a curriculum the host decides after every step; windows are gathered anew every epoch.
    """
    return is_curriculum(config) or config.train.regime == "windows"


def make_trainer(
    network: Network,
    task: Task,
    config: Config,
    train_rows: Sequences,
    forward: Forward,
    params: Any = None,
) -> Trainer:
    """Make the trainer of `config`.

    Args:
      network: its network.
      task: its task.
      config: the run.
      train_rows: rows where noise is fixed.
      forward: that of the network.
      params: the weights to begin with; None for those of `train.seed`.

    Raises:
      UserError: a curriculum, for a network that cannot be linearised.
    """
    if is_curriculum(config):
        if not isinstance(network, Linearizable):
            raise UserError(
                f"curriculum.first_horizon is {config.curriculum.first_horizon:g} s: it must be none where "
                f"the network is a {type(network).__name__}, whose Jacobian is not written out."
            )
        return CurriculumTrainer(network, task, config, train_rows, forward, params)
    return StreamTrainer(network, task, config, train_rows, params)
