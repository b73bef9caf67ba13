"""Replicas from the axes of a sweep, and buckets of replicas that share a compiled program.

A replica is a config. Its compiled training program depends on all fields except those that only change data:
streams and initial weights, plain numbers of the update rule, and fields that only the host uses. Replicas
that agree in the other fields share a program, and so do similar hidden sizes, the smaller padded with zeros.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from freqjax.config import sections as configs
from freqjax.config import validation
from freqjax.config.axes import laws_of
from freqjax.config.sections import (
    Config,
    OptimizerConfig,
    RunConfig,
    SweepConfig,
    with_fixed_rows,
)
from freqjax.errors import UserError
from freqjax.networks import can_pad
from freqjax.sweep import draws
from freqjax.tasks import make_task
from freqjax.training.regimes import is_alone

_MOST_REPLICAS = 10_000

# Fields that affect only the initial weights, which are inputs of the program. Fields that affect only the
# streams of a task are named by its section (`TaskConfig.data_fields`).
_DATA = frozenset({"network.initializer", "network.rotor_gain", "train.init_from", "train.seed"})
# Fields that only the host uses, between epochs.
_HOST = frozenset(
    {
        "optimizer.plateau_factor",
        "optimizer.plateau_patience",
        "optimizer.plateau_min_delta",
        "train.epochs",
        "train.target_mse",
        "train.patience",
        "train.min_delta",
        "train.divergence_factor",
        "train.checkpoint_every",
        "train.diagnose",
    }
)
# Numbers of the update that a program takes as arguments. The decays of the moments are not among them,
# since 1 − β of a traced β is rounded differently from that of a constant.
NUMBERS = ("learning_rate", "clip_norm", "weight_decay", "epsilon", "final_fraction")


class Replica(NamedTuple):
    """Replica of a sweep.

    Attributes:
      index: its index among all replicas; the last axis that is not drawn varies fastest.
      values: field → value, one for each axis.
      config: the config of the same run without a sweep.
    """

    index: int
    values: dict[str, Any]
    config: Config


class Bucket(NamedTuple):
    """Replicas that share a program.

    Attributes:
      replicas: the replicas, in the order of their index.
      hidden_size: H of the program, the largest of the replicas.
    """

    replicas: tuple[Replica, ...]
    hidden_size: int


def replicas(config: Config, say: Callable[[str], Any] = lambda _: None) -> list[Replica]:
    """Return the replicas of `config.sweep`: every combination of values for each point that is drawn.

    The points vary slowest, so that more draws add replicas behind those of fewer. `say` is called with a
    line for each replica whose rows are those of a file and are therefore fixed.

    Raises:
      UserError: there is no axis, a law or `sweep.draws` cannot be, there are too many combinations, or one
        is not a valid run.
    """
    sweep = config.sweep
    if not sweep.axes:
        raise UserError(
            "sweep.axes is empty: it must name a field and its values, as in train.seed=0..7."
        )
    laws = laws_of(config)
    grid = {field: values for field, values in sweep.axes.items() if field not in laws}
    count = math.prod(map(len, grid.values())) * (sweep.draws if laws else 1)
    if count > _MOST_REPLICAS:
        given = "sweep.axes and sweep.draws" if laws else "sweep.axes"
        raise UserError(f"{given} give {count} replicas: at most {_MOST_REPLICAS} are allowed.")
    found = []
    for point in draws.points(laws, sweep.draws, sweep.seed):
        for values in itertools.product(*grid.values()):
            held = point | dict(zip(grid, values, strict=True))
            chosen = {field: held[field] for field in sweep.axes}
            found.append(Replica(len(found), chosen, _with(config, chosen, say)))
    return found


def _with(config: Config, values: dict[str, Any], say: Callable[[str], Any]) -> Config:
    """Return the config of a single run in which the fields have `values`."""
    config = copy.deepcopy(config)
    config.sweep, config.run = SweepConfig(), RunConfig()
    for name, value in values.items():
        section, field = name.split(".")
        setattr(getattr(config, section), field, value)
    return with_fixed_rows(validation.validate_training(config), say)


def buckets(members: list[Replica], widest_padding: float) -> list[Bucket]:
    """Group replicas by program; a hidden size is padded by at most a factor of `widest_padding`.

    Serial replicas are in one bucket if their arrays have the same shapes, and so are those of a cell that
    cannot be padded.
    """
    alike: dict[str, list[Replica]] = {}
    sizes: dict[str, tuple[int, ...]] = {}
    for replica in members:
        task = replica.config.task
        words = json.dumps(dataclasses.asdict(task))
        if words not in sizes:
            made = make_task(task)
            sizes[words] = made.input_size, made.output_size, made.samples, len(made.group_names)
        alike.setdefault(_program_key(replica.config, sizes[words]), []).append(replica)
    return [bucket for together in alike.values() for bucket in _by_width(together, widest_padding)]


def _program_key(config: Config, sizes: tuple[int, ...]) -> str:
    """Return everything that the program of `config` depends on except its width, as text.

    `sizes` are the sizes of its rows.
    """
    fields = {
        f"{section}.{name}": value
        for section, values in configs.to_dict(config).items()
        if section in configs.AXIS_SECTIONS
        for name, value in values.items()
    }
    data = {f"task.{name}" for name in config.task.data_fields}
    left_out = _DATA | _HOST | data | {"network.hidden_size"}
    kept = {k: v for k, v in fields.items() if k not in left_out}
    for name in NUMBERS:
        # A rule without clipping or decay is another program than one with any amount of it.
        kept[f"optimizer.{name}"] = bool(kept[f"optimizer.{name}"])
    if config.network.dropout or is_alone(config):
        # The dropout mask is drawn for the whole width: with padding it would differ.
        kept["network.hidden_size"] = config.network.hidden_size
    if is_alone(config):
        shaping = {"train.regime"} | {f"task.{name}" for name in config.task.network_fields}
        kept = {k: v for k, v in kept.items() if k.startswith("network.") or k in shaping}
    return json.dumps(kept | {"sizes": sizes}, sort_keys=True)


def _by_width(together: list[Replica], widest_padding: float) -> list[Bucket]:
    widths = sorted({r.config.network.hidden_size for r in together}, reverse=True)
    if len(widths) > 1 and not can_pad(together[0].config.network):
        widest_padding = 1.0
    found: list[Bucket] = []
    while widths:
        widest = widths[0]
        joined = [w for w in widths if widest <= widest_padding * w]
        widths = widths[len(joined) :]
        members = tuple(r for r in together if r.config.network.hidden_size in joined)
        found.append(Bucket(members, widest))
    return found


def numbers(config: OptimizerConfig) -> dict[str, float]:
    """Return the numbers of the update rule in `config`, by name."""
    found = {name: getattr(config, name) for name in NUMBERS}
    return {name: value for name, value in found.items() if value}


def differing_numbers(bucket: Bucket) -> tuple[str, ...]:
    """Return which of `NUMBERS` differ between replicas; the others are constants of the program."""
    held = [numbers(replica.config.optimizer) for replica in bucket.replicas]
    return tuple(name for name in held[0] if len({values[name] for values in held}) > 1)
