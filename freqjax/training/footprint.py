"""Lower bounds of a training's memory and its number of updates, before it begins."""

from __future__ import annotations

import math
from typing import Any

import jax

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.networks import Filterable, Network, RealTime
from freqjax.system import capacity, devices
from freqjax.system.capacity import Need
from freqjax.tasks import Sequences
from freqjax.tasks.windows import warm_up, window_count
from freqjax.training.filter.requirements import covariance_elements
from freqjax.training.gradients.real_time import EXACT
from freqjax.training.prepared import Prepared, param_shapes
from freqjax.training.shuffled import windows_of
from freqjax.training.streams import window_length

# Updates are counted in int32.
MOST_UPDATES = 2**31 - 1
# Besides the moments: the weights, those at the start, the gradient, the change and the new weights.
_COPIES = 5
_MOMENTS = {"adam": 2, "adamw": 2, "sgd": 1, "rmsprop": 1, "ekf": 0}
# Numbers that are kept for the gradient, a unit and sample; every cell keeps more.
_KEPT = 4
# Streams of a frozen evaluation side by side, each with its state at every sample.
_STREAMS = 16


def require(prepared: Prepared) -> None:
    """Require that a training has the memory it needs, and makes no more updates than can be counted.

    Raises:
      UserError: it has not, or makes more.
    """
    config, rows = prepared.config, prepared.train_rows
    count = updates_per_epoch(config, rows)
    if config.train.epochs * count > MOST_UPDATES:
        raise UserError(
            f"train.epochs is {config.train.epochs}: times the {count} updates of an epoch it must be at "
            f"most {MOST_UPDATES}."
        )
    if devices.on_cpu():  # an accelerator has memory of its own
        capacity.require(needs(config, prepared.network, *rows.inputs.shape[:2]))


def updates_per_epoch(config: Config, rows: Sequences) -> int:
    """Count the updates of an epoch on `rows`."""
    train, (sequences, samples) = config.train, rows.inputs.shape[:2]
    if config.is_curriculum:
        return 1
    if train.steps_per_epoch is not None:
        return train.steps_per_epoch
    if train.is_shuffled:
        windows = windows_of(config, sequences, samples)
        return math.ceil(sequences * window_count(samples, windows) / windows.batch)
    rows_of_stream = samples * (1 if train.streams == "parallel" else sequences)
    return rows_of_stream // (window_length(config) or rows_of_stream)


def needs(config: Config, network: Network, sequences: int, samples: int) -> list[Need]:
    """Return what training and its frozen evaluation take at least.

    Args:
      config: the run.
      network: its network.
      sequences: B of the training rows.
      samples: T of them.
    """
    size = f"network.hidden_size is {config.network.hidden_size}"
    copies = _COPIES + (0 if config.is_curriculum else _MOMENTS[config.optimizer.name])
    units = config.network.hidden_size * config.network.layers
    units *= 2 if config.network.bidirectional else 1
    said, rows = _rows_of_update(config, sequences, samples)
    return [
        Need(size, "the weights and their moments", copies * bytes_of(param_shapes(network))),
        Need(said, "the states that a gradient goes back through", 4 * _KEPT * units * rows),
        Need(size, "the states of a frozen evaluation", frozen_bytes(config, sequences, samples)),
        *_sensitivities(config, network, sequences if config.train.streams == "parallel" else 1),
        *_of_filter(size, config, network),
    ]


def frozen_bytes(config: Config, sequences: int, samples: int) -> int:
    """Return the bytes of the states of a frozen evaluation of B = `sequences` of T = `samples`."""
    length = config.windows.length if config.train.regime == "windows" else samples
    return 4 * length * min(sequences, _STREAMS) * config.network.hidden_size


def _sensitivities(config: Config, network: Network, streams: int) -> list[Need]:
    """Return what the sensitivities of B = `streams` streams take: those before an update and after it."""
    gradient = config.train.gradient
    if gradient not in EXACT or config.is_filter or not isinstance(network, RealTime):
        return []
    memory = jax.eval_shape(
        lambda params: network.sensitivities(params, streams, exact=EXACT[gradient]),
        param_shapes(network),
    )
    said = f"train.gradient is {gradient} and network.hidden_size is {config.network.hidden_size}"
    less = ["a smaller network.hidden_size"]
    if gradient == "rtrl" and config.network.has_layers and config.network.recurrence == "dense":
        less = ["network.recurrence=pairs", "train.gradient=snap1", *less]
    instead = f"{', '.join(less[:-1])} or {less[-1]}" if less[1:] else less[0]
    return [Need(said, "the sensitivities of the state", 2 * bytes_of(memory), instead)]


def _rows_of_update(config: Config, sequences: int, samples: int) -> tuple[str, int]:
    """Return the field that the rows of an update grow with, in words, and how many there are."""
    train, windows = config.train, config.windows
    if train.regime == "windows":
        rows = (windows.length + warm_up(windows)) * windows.batch
        return f"windows.batch is {windows.batch}", rows
    if train.regime == "examples":
        return f"train.batch is {train.batch}", min(train.batch, sequences) * samples
    blocks = sequences if train.streams == "parallel" else 1
    if train.regime == "full":
        # In a curriculum a step reads as many samples as its horizon has, which may stay short.
        length = 1 if config.is_curriculum else samples * (sequences // blocks)
        return f"train.regime is full and a block has {samples} samples", length * blocks
    said = (
        f"train.truncation is {train.truncation}"
        if train.regime == "tbptt"
        else "train.regime is online"
    )
    return said, window_length(config) * blocks


def bytes_of(shapes: Any) -> int:
    """Return the bytes of the arrays that `shapes` stands for."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


def _of_filter(size: str, config: Config, network: Network) -> list[Need]:
    """Return what the covariance of a filter takes, with a copy while it is updated."""
    if not config.is_filter or not isinstance(network, Filterable):
        return []
    groups = config.optimizer.groups
    count = 2 * 4 * covariance_elements(network.parts(), groups)
    less = ["optimizer.groups=part or a smaller network.hidden_size"] if groups == "input" else []
    return [Need(size, "the elements of the filter's covariance", count, *less)]
