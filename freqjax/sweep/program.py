"""Compiled functions of a bucket: R replicas of one train step, distributed over the devices of a process.

Arrays have a leading axis R, which is split over the devices. On a CPU each device trains its replicas one
after another, since one replica occupies a core. On an accelerator they are trained side by side, and
evaluated in groups, since an evaluation holds the states of all samples. The function of a replica is that of
a single run, and so are its numbers.
Axes: R replicas, N streams or sets of blocks, U updates in a chunk, G groups, B streams, T time.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as Spec

from freqjax import progress
from freqjax.config.sections import Config
from freqjax.networks import Network
from freqjax.networks.network import Params
from freqjax.tasks import Sequences, Task
from freqjax.training.chunks import ChunkInfo
from freqjax.training.frozen import make_frozen_losses
from freqjax.training.gradients import engines
from freqjax.training.optimizers import make_schedule
from freqjax.training.seeds import with_seed
from freqjax.training.streams import Stream
from freqjax.training.update import TrainState

_AXIS = "replicas"


class Replicated(NamedTuple):
    """Values that differ from replica to replica and do not change while a chunk runs.

    Attributes:
      active: [R] bool; the state of the others does not change.
      source: [R] int32, which of the N streams a replica reads.
      numbers: name of a number of the optimizer → [R] float32.
      updates: [R] int32, updates of its whole run, which a schedule depends on.
      seed: [R] uint32, its `train.seed`, the seed of dropout.
    """

    active: Any
    source: Any
    numbers: dict[str, Any]
    updates: Any
    seed: Any


class Program:
    """Training chunks, frozen losses and selection of the best weights, for all replicas at once.

    Attributes:
      shards: number of devices that the replicas are distributed over; R must be a multiple.
      skips: whether a replica that is not active takes no time.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        config: Config,
        updates_per_epoch: int,
        *,
        own_streams: bool,
        own_rows: bool,
        evaluated: int,
        devices: Sequence[Any] | None = None,
    ) -> None:
        """Create the functions; nothing is compiled yet.

        Args:
          network: a network of the bucket's width.
          task: the task of any of the replicas, since they differ only in their rows.
          config: the config of any of the replicas, with the numbers that all share.
          updates_per_epoch: updates of a stream.
          own_streams: whether there is a stream for every replica (N = R, distributed like them) and
            `source` counts within a device; otherwise every device holds all N.
          own_rows: the same of the sets of rows that `frozen` reads.
          evaluated: how many replicas `frozen` runs side by side on an accelerator.
          devices: the devices to use; those of this process if None.
        """
        devices = jax.local_devices() if devices is None else devices
        self.shards = len(devices)
        self._mesh = jax.make_mesh((self.shards,), (_AXIS,), (AxisType.Auto,), devices=devices)
        self.skips = devices[0].platform == "cpu"
        self._streams_spec, self._rows_spec = (
            Spec(_AXIS) if own else Spec() for own in (own_streams, own_rows)
        )
        groups = len(task.group_names)
        train = _replica_chunk(network, task, config, updates_per_epoch, groups)
        frozen = make_frozen_losses(network, task, config.task.reset, groups)
        training, evaluating = _side_by_side, _in_groups(evaluated)
        if self.skips:
            training = evaluating = _one_by_one
        self._train = self._jit(training(train), self._streams_spec, donate=1)
        self._frozen = self._jit(evaluating(_if_wanted(frozen)), self._rows_spec)
        self._keep = jax.jit(_keep, donate_argnums=1)
        self._compiled: dict[Any, Any] = {}

    def place(self, tree: Any) -> Any:
        """Distribute arrays [R, ...] over the devices."""
        return jax.device_put(tree, NamedSharding(self._mesh, Spec(_AXIS)))

    def place_streams(self, tree: Any) -> Any:
        """Place streams [N, ...] on the devices for `train`."""
        return jax.device_put(tree, NamedSharding(self._mesh, self._streams_spec))

    def place_rows(self, tree: Any) -> Any:
        """Place sets of rows [N, ...] on the devices for `frozen`."""
        return jax.device_put(tree, NamedSharding(self._mesh, self._rows_spec))

    def train(
        self, replicated: Replicated, state: TrainState, streams: Stream
    ) -> tuple[TrainState, ChunkInfo]:
        """Run a chunk of U updates of the active replicas; all arrays are [R, ...], `state` is donated."""
        return self._run("train", self._train, self.place(replicated), state, streams)

    def frozen(
        self, wanted: np.ndarray, source: np.ndarray, params: Params, blocks: Sequences
    ) -> np.ndarray:
        """Compute [R, G], the frozen loss of each group on the rows `source` [R] of N sets [N, B, ...].

        Those of replicas that are not `wanted` [R] bool are 0.
        """
        of_each = self.place((wanted, source))
        return np.asarray(self._run("frozen", self._frozen, of_each, params, blocks))

    def keep(self, chosen: np.ndarray, kept: Any, offered: Any) -> Any:
        """Select `offered` for the replicas `chosen` [R] bool and `kept` (donated) for the others."""
        return self._run("keep", self._keep, self.place(chosen), kept, offered)

    @property
    def compilations(self) -> int:
        """Number of programs compiled so far."""
        return len(self._compiled)

    def _jit(self, mapped: Callable[..., Any], read: Spec, donate: int = -1) -> Any:
        """Distribute a function of (first [R, ...], second [R, ...], what is read [N, ...])."""
        own = Spec(_AXIS)
        # Replicas do not communicate, so that no partitioner is needed.
        sharded = jax.shard_map(
            mapped, mesh=self._mesh, in_specs=(own, own, read), out_specs=own, check_vma=False
        )
        return jax.jit(sharded, donate_argnums=() if donate < 0 else donate)

    def _run(self, name: str, function: Any, *arguments: Any) -> Any:
        # Compiled explicitly, so that a change of shape or placement is detected here and never retraces.
        key = (name, *(leaf.shape for leaf in jax.tree.leaves(arguments)))
        if key not in self._compiled:
            with progress.phase("compiling"):
                self._compiled[key] = function.lower(*arguments).compile()
        return self._compiled[key](*arguments)


# (first [R, ...], second [R, ...], shared) → [R, ...], from a function of one replica.
_Each = Callable[[Callable[..., Any]], Callable[[Any, Any, Any], Any]]


def _one_by_one(function: Callable[..., Any]) -> Callable[[Any, Any, Any], Any]:
    def mapped(first: Any, second: Any, shared: Any) -> Any:
        return jax.lax.map(lambda own: function(*own, shared), (first, second))

    return mapped


def _side_by_side(function: Callable[..., Any]) -> Callable[[Any, Any, Any], Any]:
    return jax.vmap(function, (0, 0, None))


def _in_groups(size: int) -> Callable[[Callable[..., Any]], Callable[[Any, Any, Any], Any]]:
    """Return what maps a function over `size` replicas side by side, one group after another."""

    def each(function: Callable[..., Any]) -> Callable[[Any, Any, Any], Any]:
        def mapped(first: Any, second: Any, shared: Any) -> Any:
            return jax.lax.map(lambda own: function(*own, shared), (first, second), batch_size=size)

        return mapped

    return each


def _replica_chunk(
    network: Network, task: Task, config: Config, updates_per_epoch: int, groups: int
) -> Callable[[Replicated, TrainState, Stream], tuple[TrainState, ChunkInfo]]:
    """Make the chunk of one replica, with its own numbers in place of the config's."""
    make_chunk = engines.choose(network, task, config).make_chunk

    def chunk(own: Replicated, state: TrainState, streams: Stream) -> tuple[TrainState, ChunkInfo]:
        optimizer = _with(config.optimizer, own.numbers)
        mine = with_seed(dataclasses.replace(config, optimizer=optimizer), own.seed)
        schedule = make_schedule(optimizer, own.updates, updates_per_epoch)
        updates = make_chunk(network, task, mine, schedule, groups)
        stream = jax.tree.map(lambda a: a[own.source], streams)

        def rest(state: TrainState) -> tuple[TrainState, ChunkInfo]:
            _, info = jax.eval_shape(updates, state, stream)
            return state, jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), info)

        return jax.lax.cond(own.active, lambda s: updates(s, stream), rest, state)

    return chunk


def _with(section: Any, numbers: Mapping[str, jax.Array]) -> Any:
    """Return `section` with traced numbers, which its fields' types do not allow."""
    section = copy.copy(section)
    for name, value in numbers.items():
        setattr(section, name, value)
    return section


def _if_wanted(frozen: Callable[[Any, Sequences], jax.Array]) -> Callable[..., jax.Array]:
    def losses(own: tuple[jax.Array, jax.Array], params: Params, blocks: Sequences) -> jax.Array:
        wanted, source = own
        rows = jax.tree.map(lambda a: a[source], blocks)
        found = jax.eval_shape(frozen, params, rows)
        return jax.lax.cond(
            wanted, frozen, lambda *_: jnp.zeros(found.shape, found.dtype), params, rows
        )

    return losses


def _keep(chosen: jax.Array, kept: Any, offered: Any) -> Any:
    def choose(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), b, a)

    return jax.tree.map(choose, kept, offered)
