"""Requirements of a filter on network, task and config."""

from __future__ import annotations

import numpy as np

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.networks import Filterable, Network, SingleLstm
from freqjax.networks.filtered import Parts
from freqjax.networks.network import Params
from freqjax.networks.rotors import UNITS
from freqjax.system import devices
from freqjax.tasks import Task
from freqjax.text import duration

# Seconds of an update, an element of a covariance that is larger than the caches, on two CPU cores that are
# otherwise idle.
_SECONDS = 1e-9
# Seconds of a block that a run announces.
_LONG = 600


def require(network: Network, task: Task, config: Config) -> Filterable:
    """Return `network`, typed as one that a filter can train.

    Raises:
      UserError: network or task do not fit; the rules about the config alone are those of validation.
    """
    if not isinstance(network, Filterable):
        raise UserError(
            f"network.initializer is {config.network.initializer}: it must be rotor or spectral where "
            "optimizer.name is ekf, which trains units that turn."
        )
    owners, groups = network.parts().groups, len(task.group_names)
    if owners != groups:
        raise UserError(
            f"optimizer.name is ekf: it must be another one where the task has {groups} groups and selects "
            f"{owners}, since a filter trains one group at a time."
        )
    if not task.objective.squared:
        raise UserError(
            f"optimizer.name is ekf: it must be another one where the objective is the "
            f"{task.objective.label}, since a filter minimises the squared error."
        )
    if task.weighted:
        raise UserError(
            "optimizer.name is ekf: it must be another one where rows have weights or a burn-in, since a "
            "filter counts each row once."
        )
    if task.output_size != 1:
        raise UserError(
            f"optimizer.name is ekf: it must be another one where the task has {task.output_size} outputs, "
            "since a filter here observes one."
        )
    return network


def covariance_elements(parts: Parts, groups: str) -> int:
    """Count the elements of a filter's covariance, with `optimizer.groups`."""
    if groups == "part":
        return parts.parts * parts.weights**2
    return (parts.parts * parts.weights) ** 2


def slowness(network: Network, task: Task, config: Config) -> str | None:
    """Return a sentence with the time that a block takes at least, if its covariance makes that long."""
    if not isinstance(network, Filterable) or not devices.on_cpu():
        return None
    elements = covariance_elements(network.parts(), config.optimizer.groups)
    seconds = _SECONDS * elements * task.samples
    if seconds < _LONG:
        return None
    less = "optimizer.groups=part or " if config.optimizer.groups == "input" else ""
    return (
        f"network.hidden_size is {config.network.hidden_size}: a block of {task.samples:,} samples takes "
        f"about {duration(seconds)} or more, since each updates {elements:.2g} elements of the filter's "
        f"covariance; {less}a smaller network.hidden_size takes less."
    )


def require_pairs(network: Network, config: Config, params: Params) -> None:
    """Check that no recurrent weight of `params` joins units of different pairs, if the network has any.

    Raises:
      UserError: one does: the weights of `train.init_from` were trained without pairs.
    """
    if not isinstance(network, SingleLstm):
        return
    kernel = np.asarray(network.weights(params).recurrent_kernel)
    sources, columns = np.indices(kernel.shape)
    outside = sources // UNITS != columns % len(kernel) // UNITS
    found = int(np.count_nonzero(kernel[outside]))
    if found:
        raise UserError(
            f"train.init_from is {config.train.init_from}: its recurrent weights between units of different "
            f"pairs must be 0 where optimizer.name is ekf, and {found} of them are not."
        )
