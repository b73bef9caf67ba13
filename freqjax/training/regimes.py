"""Selection of the trainer of a config: the horizon curriculum, a filter, or stochastic gradients."""

from __future__ import annotations

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.networks import Linearizable, Network
from freqjax.networks.network import Params
from freqjax.tasks import Sequences, Task
from freqjax.training.curriculum import CurriculumTrainer
from freqjax.training.filter import requirements
from freqjax.training.filter.trainer import FilterTrainer
from freqjax.training.frozen import Forward
from freqjax.training.jitted import Jitted
from freqjax.training.trainers import StreamTrainer, Trainer


def is_alone(config: Config) -> bool:
    """Return whether a replica of `config` cannot share a program of updates with others.

    In a curriculum the host decides after every step, with a filter after every block; shuffled rows are
    gathered for every pass, and an epoch with a given number of updates continues where the last one ended.
    """
    train = config.train
    decides = config.is_curriculum or config.is_filter
    return decides or train.is_shuffled or train.steps_per_epoch is not None


def require_trainable(network: Network, task: Task, config: Config, params: Params | None) -> None:
    """Check that the trainer of `config` supports network, task and initial weights.

    Raises:
      UserError: the config has a curriculum, and the network cannot be linearised; or a filter, and network,
        task or weights do not fit.
    """
    if config.is_filter:
        requirements.require(network, task, config)
        if params is not None:
            requirements.require_pairs(network, config, params)
    if config.is_curriculum and not isinstance(network, Linearizable):
        raise UserError(
            f"curriculum.first_horizon is {config.curriculum.first_horizon:g}: it must be none where "
            f"the network is a {type(network).__name__}, whose Jacobian is not written out."
        )


def make_trainer(
    network: Network,
    task: Task,
    config: Config,
    train_rows: Sequences,
    forward: Forward,
    params: Params | None = None,
    jitted: Jitted | None = None,
) -> Trainer:
    """Make the trainer of `config`.

    Args:
      network: its network.
      task: its task.
      config: the run.
      train_rows: the rows if noise is fixed.
      forward: the forward function of the network.
      params: the initial weights; None for those of `train.seed`.
      jitted: functions shared with trainers of other seeds; None for its own.

    Raises:
      UserError: as `require_trainable`.
    """
    require_trainable(network, task, config, params)
    if config.is_filter:
        return FilterTrainer(network, task, config, train_rows, params)
    if config.is_curriculum:
        assert isinstance(network, Linearizable)
        return CurriculumTrainer(network, task, config, train_rows, forward, params, jitted)
    return StreamTrainer(network, task, config, train_rows, params, jitted)
