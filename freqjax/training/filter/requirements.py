"""Requirements of a filter on network, task and config."""

from __future__ import annotations

import numpy as np

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.networks import Filterable, Network, SingleLstm
from freqjax.networks.filtered import Parts
from freqjax.networks.network import Params
from freqjax.networks.rotors import UNITS
from freqjax.tasks import Task


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
