"""Shared replicas, which one process trains in one program.

Their state is on the devices, their logs on the host. Each has the initial weights, rows, updates, frozen
evaluations and stopping rules of a single run. The state of a replica that has stopped does not change while
the others continue, and `drop` saves the time that it takes.
Axes: R replicas on the devices, filled up with idle ones to a multiple of the devices; N sets of rows.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Collection, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.checkpoints.records import ReplicaRecord
from freqjax.networks import count_parameters, make_network
from freqjax.networks.network import Params
from freqjax.sweep.axes import Bucket, Replica, differing_numbers, numbers
from freqjax.sweep.layout import relieved
from freqjax.sweep.logs import Arrays, ReplicaLog, Row, result_of
from freqjax.sweep.program import Program, Replicated
from freqjax.sweep.rows import RowSets, stack
from freqjax.sweep.standards import Standard
from freqjax.sweep.weights import initial_weights
from freqjax.tasks import Sequences
from freqjax.training import epochs
from freqjax.training.chunks import ChunkInfo, layer_names
from freqjax.training.frozen import FrozenLosses, FrozenNetwork, choose_forward
from freqjax.training.monitors import finite_or_null
from freqjax.training.prepared import assemble, param_shapes
from freqjax.training.seeds import noise_key
from freqjax.training.sources import CHUNK_ROWS, chunk_bounds
from freqjax.training.streams import Stream, layout
from freqjax.training.update import state_of


class SharedReplicas:
    """Replicas of a bucket that this process trains in one program; see `Replicas`.

    Attributes:
      epoch: epochs completed by all that have not stopped.
      logs: log of each replica.
    """

    def __init__(
        self,
        bucket: Bucket,
        mine: Sequence[Replica],
        devices: Sequence[Any] | None = None,
        *,
        resumed: bool = False,
    ) -> None:
        """Create initial weights and rows; nothing is compiled yet.

        Args:
          bucket: replicas that share the program.
          mine: those of this process.
          devices: the devices to use; those of this process if None.
          resumed: whether `restore` will follow, so that initial weights need not be read.
        """
        self._resumed = resumed
        self._bucket, self._config = bucket, bucket.replicas[0].config
        self.logs = [ReplicaLog.begin(replica) for replica in mine]
        # A process without own replicas compiles the program as well.
        self._shown = list(mine) or [bucket.replicas[0]]
        self._sets = RowSets(self._shown)
        self._task = self._sets.prepared[0].task
        self._fresh = self._config.task.noise == "fresh"
        # Whether each replica reads a set of rows of its own, which only its device has to hold.
        self._own = 1 < len(self._sets.prepared) == len(self._shown)
        self._draws: dict[int, Any] = {}
        self._standards: dict[int, Standard] = {}
        self._drawn_epoch, self._next_chunk, self.epoch = -1, 0, 0
        # Of those shown, the ones on the devices, in order; all of them until `drop`.
        self._places = list(range(len(self._shown)))
        self._source = self._sets.of_replica
        self._make_program(devices)
        self._place_rows()

    def _make_program(self, devices: Sequence[Any] | None) -> None:
        """Create the program and the initial states."""
        first, task = self._config, self._task
        shapes = jax.eval_shape(lambda rows: layout(rows, first), self._sampled()).inputs.shape
        self._windows, streams = shapes[0], shapes[2]
        self._bounds = chunk_bounds(self._windows, math.prod(shapes[1:3]), CHUNK_ROWS)
        widest = dataclasses.replace(first.network, hidden_size=self._bucket.hidden_size)
        self._network = network = make_network(widest, task)
        self._program = Program(
            network,
            task,
            first,
            self._windows,
            own_streams=self._fresh or self._own,
            own_rows=self._own,
            evaluated=self._sets.evaluated(dataclasses.replace(first, network=widest)),
            devices=devices,
        )
        self._forward = choose_forward(network, first)
        width = self._bucket.hidden_size
        begun = initial_weights(self._shown, self._sets, network, width, resumed=self._resumed)
        for log in self.logs:
            log.origin = begun.origins.get(log.replica.index)
        params = stack(self._fill(begun.params))
        begin = jax.jit(jax.vmap(lambda own: state_of(network, task, first, own, streams)))
        self._layers = layer_names(params)
        # Two copies, since the arrays of a state are donated to the next chunk.
        state = self._program.place(begin(params))
        self._arrays = Arrays(state, self._program.place(params))
        self._whole: Arrays | None = None

    def _place_rows(self) -> None:
        """Place the rows of every split on the devices, and the training stream if it is fixed."""
        splits = list(self._sets.prepared[0].batches)
        numbers = self._fill(self._places) if self._own else list(range(len(self._sets.prepared)))
        self._blocks = {
            split: self._program.place_rows(self._sets.stacked(split, numbers)) for split in splits
        }
        self._shares = {split: self._sets.shares(split) for split in splits}
        self._parts = None
        if not self._fresh:
            sets = [self._sets.prepared[number] for number in numbers]
            streams = [layout(prepared.train_rows, self._config) for prepared in sets]
            self._parts = self._cut(stack(streams))

    def _sampled(self) -> Sequences:
        """Return the sequences of an epoch, or structs of their shapes."""
        task = self._task
        if not self._fresh:
            return self._sets.prepared[0].train_rows
        return jax.eval_shape(lambda k: task.sequences(task.sample(k, task.samples)), noise_key(0))

    @property
    def _padded(self) -> int:
        """R."""
        return math.ceil(len(self._places) / self._program.shards) * self._program.shards

    def _fill(self, values: Sequence[Any]) -> list[Any]:
        """Extend the values to R, with the first one repeated for idle replicas."""
        return [*values, *[values[0]] * (self._padded - len(values))]

    def _cut(self, streams: Stream) -> list[Stream]:
        return [
            self._program.place_streams(jax.tree.map(lambda a: a[:, low:high], streams))  # noqa: B023
            for low, high in self._bounds
        ]

    @property
    def compilations(self) -> int:
        """Number of programs compiled."""
        return self._program.compilations

    def advance(self, until: float = math.inf) -> list[Row] | None:
        """Run one chunk of updates; at an epoch's end, return a row of metrics for each active replica.

        All have the same epoch, so that the caller holds them at the epoch `until` by not calling this.
        """
        active = [log.is_active for log in self.logs]
        low, high = self._bounds[self._next_chunk]
        if any(active):
            began = time.perf_counter()
            state, info = self._program.train(
                self._replicated(active), self._arrays.state, self._part()
            )
            self._arrays = self._arrays._replace(state=state)
            info = jax.device_get(info)
            self._add(info, active, high - low, time.perf_counter() - began)
        self._next_chunk += 1
        if self._next_chunk < len(self._bounds):
            return None
        self._next_chunk, self.epoch = 0, self.epoch + 1
        return self._end_epoch()

    def _replicated(self, active: Sequence[bool]) -> Replicated:
        configs = [self._shown[place].config for place in self._places]
        held = [numbers(config.optimizer) for config in configs]
        on = [place < len(active) and active[place] for place in self._places]
        return Replicated(
            active=np.array(on + [False] * (self._padded - len(on))),
            source=self._sources(own=self._fresh or self._own),
            numbers={
                name: np.array(self._fill([h[name] for h in held]), np.float32)
                for name in differing_numbers(self._bucket)
            },
            updates=np.array(
                self._fill([config.train.epochs * self._windows for config in configs]), np.int32
            ),
            seed=np.array(self._fill([config.train.seed for config in configs]), np.uint32),
        )

    def _sources(self, *, own: bool) -> np.ndarray:
        """Return [R] the streams or sets of rows that are read, counted on each device if they are `own`."""
        if own:  # at the same index on its device
            return np.arange(self._padded, dtype=np.int32) % (self._padded // self._program.shards)
        return np.array(self._fill([self._source[place] for place in self._places]), np.int32)

    def _part(self) -> Stream:
        if self._fresh and self._drawn_epoch != self.epoch:
            on = [place for place in self._places if self.logs[place].is_active]
            drawn = {place: self._draw(self._shown[place], self._source[place]) for place in on}
            # Nobody reads the rows of those that have stopped.
            filled = self._fill([drawn.get(place, drawn[on[0]]) for place in self._places])
            self._parts, self._drawn_epoch = self._cut(stack(filled)), self.epoch
        assert self._parts is not None
        return self._parts[self._next_chunk]

    def _draw(self, replica: Replica, source: int) -> Stream:
        """Draw the rows of this epoch of a replica with fresh noise, as its solo run does."""
        task = self._sets.prepared[source].task
        if source not in self._draws:
            self._draws[source] = jax.jit(
                lambda key: layout(task.sequences(task.sample(key, task.samples)), self._config)
            )
        key = jax.random.fold_in(noise_key(replica.config.train.seed), self.epoch)
        return self._draws[source](key)

    def _add(self, info: ChunkInfo, active: Sequence[bool], updates: int, seconds: float) -> None:
        for row, place in enumerate(self._places):
            if active[place]:
                own = jax.tree.map(lambda a: a[row], info)  # noqa: B023
                self.logs[place].updates.add(own, updates, seconds)

    def _end_epoch(self) -> list[Row]:
        """End the epoch of every active replica, and update the best weights."""
        ended = [place for place, log in enumerate(self.logs) if log.updates.totals.updates]
        due = [epochs.is_due(log.replica.config.train, self.epoch) for log in self.logs]
        losses = None
        if any(due[place] for place in ended):
            wanted = {place for place in ended if due[place]}
            split = self._sets.prepared[0].choosing
            losses = self._losses(split, self._arrays.state.params, wanted)
        rows, improved = [], np.zeros(self._padded, bool)
        for place in ended:
            log, task = self.logs[place], self._sets.prepared[self._source[place]].task
            result = log.updates.end_epoch(task, log.replica.config.optimizer, self._layers)
            frozen = losses[place] if losses is not None and due[place] else None
            end = log.end_epoch(task, result, frozen)
            improved[self._places.index(place)] = end.best
            rows.append(end.row)
        if improved.any():
            best = self._program.keep(improved, self._arrays.best, self._arrays.state.params)
            self._arrays = self._arrays._replace(best=best)
        scales = np.ones(self._padded, np.float32)
        for row, place in enumerate(self._places[: len(self.logs)]):
            scales[row] = self.logs[place].updates.plateau.scale
        state = self._arrays.state._replace(rate_scale=self._program.place(scales))
        self._arrays = self._arrays._replace(state=state)
        return rows

    def _losses(
        self, split: str, params: Params, wanted: Collection[int]
    ) -> dict[int, FrozenLosses]:
        """Compute the frozen losses of the replicas at the places `wanted`, each on its rows of a split."""
        source = self._sources(own=self._own)
        on = np.array(self._fill([place in wanted for place in self._places]), bool)
        found = self._program.frozen(on, source, params, self._blocks[split]).astype(np.float64)
        shares = self._shares[split]
        return {
            place: FrozenLosses.of(found[row].tolist(), shares[self._source[place]])
            for row, place in enumerate(self._places)
            if place in wanted
        }

    def results(self) -> list[Row]:
        """Return the row of sweep.json of each replica, for its best weights, or its last ones if none."""
        everywhere = list(range(len(self._shown)))
        if self._places != everywhere:
            self._lay_out(self.arrays(), everywhere)
        ranked = [log.stopping.best_frozen is not None for log in self.logs]
        last = jax.tree.map(jnp.copy, self._arrays.state.params)
        chosen = self._program.keep(
            np.array(self._fill(ranked or [False]), bool), last, self._arrays.best
        )
        self._arrays = self._arrays._replace(best=chosen)
        splits = self._sets.prepared[0].batches
        all_of_them = range(len(self.logs))
        losses = {split: self._losses(split, chosen, all_of_them) for split in splits}
        weights = jax.device_get(chosen) if self._scored else None
        found = []
        for place, log in enumerate(self.logs):
            own = {split: values[place] for split, values in losses.items()}
            result = result_of(log, self._sets.prepared[self._source[place]].task, own)
            network = assemble(log.replica.config).network
            # Counted from shapes: slicing arrays distributed over devices would compile a program for each.
            result["parameters"] = count_parameters(param_shapes(network))
            params = jax.tree.map(lambda a: a[place], weights)  # noqa: B023
            found.append(result | self._judge(place, own["test"], params))
        return finite_or_null(found)

    @property
    def _scored(self) -> bool:
        """True if the score is not the loss, so that the network must be run."""
        return self._task.score_name is not None

    def _judge(self, place: int, test: FrozenLosses, params: Params) -> Row:
        """Compare a replica with padded weights `params` with the standard of its rows."""
        source = self._source[place]
        prepared, reset = self._sets.prepared[source], self._config.task.reset
        frozen = FrozenNetwork(
            prepared.task,
            self._network,
            self._forward,
            params,
            prepared.batches,
            reset,
            prepared.initial_params,
        )
        if source not in self._standards:
            self._standards[source] = Standard(prepared.task, frozen)
        return self._standards[source].judge(test, frozen)

    def records(self) -> list[ReplicaRecord]:
        """Return the record of each replica, which is saved beside its arrays."""
        return [log.record(self._next_chunk) for log in self.logs]

    def drop(self) -> None:
        """Give the busiest device less to do if it can have less; see `freqjax.sweep.layout`."""
        active = {place for place, log in enumerate(self.logs) if log.is_active}
        places = relieved(self._places, active, self._program.shards, skips=self._program.skips)
        if places is not None:
            self._lay_out(self.arrays(), places)

    def _lay_out(self, whole: Arrays, places: list[int]) -> None:
        """Place the replicas at `places` of `whole` on the devices."""
        moved = places != self._places
        self._places, self._drawn_epoch = places, -1
        if self._own and moved:
            self._place_rows()
        # For the arrays of those that are not on the devices.
        self._whole = whole if len(places) < len(self._shown) else None
        own = jax.tree.map(lambda a: np.stack(self._fill([a[p] for p in places])), whole)
        self._arrays = self._program.place(own)

    def arrays(self) -> Arrays:
        """Return the arrays of the replicas that are not idle, on the host."""
        count = min(len(self._places), len(self.logs))
        own = jax.tree.map(lambda a: np.asarray(a)[:count], self._arrays)
        if self._places[:count] == list(range(len(self.logs))):
            return own

        def joined(all_of_them: np.ndarray, those: np.ndarray) -> np.ndarray:
            found = all_of_them.copy()
            found[self._places] = those
            return found

        return jax.tree.map(joined, own if self._whole is None else self._whole, own)

    def templates(self, records: Sequence[ReplicaRecord]) -> Arrays:
        """Return arrays of the shapes that a checkpoint holds."""
        return self.arrays()

    def restore(
        self, arrays: Arrays, records: Sequence[ReplicaRecord], share: slice = slice(None)
    ) -> None:
        """Continue from a checkpoint; see `Replicas.restore`."""
        if self.logs:
            self._lay_out(arrays, list(range(len(self.logs))))
        self.logs = [
            ReplicaLog.of_record(record, log.replica)
            for record, log in zip(records[share], self.logs, strict=True)
        ]
        self.epoch = max(record.epoch for record in records)
        self._next_chunk = records[0].trainer["next_chunk"]
