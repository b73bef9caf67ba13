"""Initial weights of replicas that share a program: those of their single runs, padded to one width.

Axes: R replicas, H hidden.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from freqjax.checkpoints import beginnings
from freqjax.checkpoints.records import Origin
from freqjax.networks import Network, Paddable, needs_of, network_of
from freqjax.networks.padding import pad_hidden
from freqjax.sweep.axes import Replica
from freqjax.sweep.rows import RowSets
from freqjax.training.seeds import initial_key


class Begun(NamedTuple):
    """Initial weights.

    Attributes:
      params: [R] trees, on the host.
      origins: index of a replica → the checkpoint that its weights were read from, if any.
    """

    params: list[Any]
    origins: dict[int, Origin | None]


def initial_weights(
    replicas: Sequence[Replica], sets: RowSets, shared: Network, width: int, *, resumed: bool
) -> Begun:
    """Draw or read the weights of each replica.

    Args:
      replicas: those of `sets`, in order.
      sets: their rows, which some initializers read.
      shared: the network of the program.
      width: its H, which is that of the widest of them.
      resumed: whether trained weights will follow, so that none need be read.

    Raises:
      UserError: the checkpoint that `train.init_from` names cannot be used.
    """
    networks: dict[Any, tuple[Network, Any]] = {}
    solo: dict[Any, tuple[Network, Any]] = {}
    begun = Begun([], {})
    for replica, source in zip(replicas, sets.of_replica, strict=True):
        config, prepared = replica.config, sets.prepared[source]
        words = json.dumps(dataclasses.asdict(config.network))
        if (words, source) not in solo:
            train = prepared.batches["train"]
            needs = needs_of(config.network, prepared.task, lambda: train)  # noqa: B023
            # Tasks that differ only in their rows share a compiled program.
            if (words, needs) not in networks:
                network = network_of(config.network, needs)
                networks[words, needs] = network, jax.jit(network.init)
            solo[words, source] = networks[words, needs]
        network, init = solo[words, source]
        if config.train.init_from and not resumed:
            beginning = beginnings.read(config.train.init_from, network, warn=lambda _: None)
            begun.origins[replica.index] = beginning.origin
            params = beginning.params
        else:
            params = init(initial_key(config.train.seed))
        params, hidden = jax.device_get(params), config.network.hidden_size
        if hidden != width and isinstance(shared, Paddable):
            params = pad_hidden(params, shared.hidden_axes(), hidden, width)
        begun.params.append(params)
    return begun
