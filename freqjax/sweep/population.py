"""The replicas of a bucket that one process trains: their state on the devices, their story on the host.

Each replica has the life of a solo run: the same initial weights, rows, updates, frozen evaluations and
stopping rules. One that has stopped, for whatever reason, stays as it is while the others go on.
Axes: R replicas of this process, filled up with idle ones to a multiple of the devices.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.config import sections as configs
from freqjax.networks import Paddable, count_parameters, make_network, needs_of, network_of
from freqjax.networks.padding import pad_hidden
from freqjax.sweep.axes import Bucket, Replica, differing_numbers, numbers
from freqjax.sweep.program import Program, Replicated
from freqjax.sweep.story import Arrays, Story, result_of, zero_loss
from freqjax.tasks import Batch, Extraction, Sequences, make_task
from freqjax.training import monitors
from freqjax.training.chunks import ChunkInfo, layer_names
from freqjax.training.monitors import Totals, finite_or_null
from freqjax.training.optimizers import Plateau
from freqjax.training.seeds import initial_key, noise_key
from freqjax.training.sources import CHUNK_ROWS, chunk_bounds
from freqjax.training.streams import Stream, layout
from freqjax.training.update import state_of


class Population:
    """A bucket's replicas on this process, driven a chunk at a time.

    Attributes:
      epoch: epochs done; the same for all that have not stopped.
    """

    def __init__(
        self,
        bucket: Bucket,
        mine: Sequence[Replica],
        devices: Sequence[Any] | None = None,
    ) -> None:
        """Initial weights and rows of the replicas `mine` of `bucket`; nothing is compiled yet."""
        self._bucket, self._mine = bucket, list(mine)
        first = bucket.replicas[0].config
        self._config = first
        self._fresh = first.task.noise == "fresh"
        self._tasks: dict[str, Extraction] = {}
        self._task_of = [self._task_key(r.config) for r in self._mine]
        if not self._mine:
            self._task_key(first)
        sets = list(self._tasks.values())
        drawn = [t.split("train") for t in sets]
        train = [t.rows("train") for t in sets]
        test = [t.rows("test") for t in sets]
        shapes = jax.eval_shape(lambda b: layout(b, first), self._sampled(sets[0], train[0]))
        self._windows = shapes.inputs.shape[0]
        rows = int(np.prod(shapes.inputs.shape[:3]))
        self._bounds = chunk_bounds(self._windows, rows // self._windows, CHUNK_ROWS)
        widest = dataclasses.replace(first.network, hidden_size=bucket.hidden_size)
        self._network = make_network(widest, sets[0])
        self._program = Program(
            self._network, sets[0], first, self._windows, own_streams=self._fresh, devices=devices
        )
        shards = self._program.shards
        self._padded = max(1, math.ceil(len(self._mine) / shards)) * shards
        names = list(self._tasks)
        self._source = self._fill([names.index(key) for key in self._task_of])
        params = self._initial_params(drawn)
        streams = shapes.inputs.shape[2]
        begin = jax.vmap(lambda p: state_of(self._network, sets[0], first, p, streams))
        stacked = self._program.place(jax.jit(begin)(params))
        self._layers = layer_names(params)
        # Twice, for the arrays of a state are given up to the next chunk.
        self._arrays = Arrays(stacked, self._program.place(params))
        self._zero = [zero_loss(t, b) for t, b in zip(sets, test, strict=True)]
        self._blocks = [self._program.place_everywhere(_stack(part)) for part in (train, test)]
        self._parts = None if self._fresh else self._cut(_stack([layout(b, first) for b in train]))
        self._draws: dict[str, Any] = {}
        self._drawn_epoch, self._next_chunk, self.epoch = -1, 0, 0
        self.stories = [Story(r.index) for r in self._mine]

    def _task_key(self, config: configs.Config) -> str:
        key = json.dumps(dataclasses.asdict(config.task))
        if key not in self._tasks:
            self._tasks[key] = make_task(config.task)
        return key

    def _sampled(self, task: Extraction, blocks: Sequences) -> Any:
        if not self._fresh:
            return blocks
        return jax.eval_shape(lambda k: task.sequences(task.sample(k, task.samples)), noise_key(0))

    def _initial_params(self, train: Sequence[Batch | None]) -> Any:
        """[R, ...] on the host: what each solo run begins with, padded to the width of the bucket."""
        needs: dict[Any, Any] = {}
        compiled: dict[Any, Any] = {}
        found = []
        for replica, source in zip(self._mine or self._bucket.replicas, self._source, strict=False):
            network, task = replica.config.network, self._tasks[self._task_key(replica.config)]
            words = json.dumps(dataclasses.asdict(network))
            if (words, source) not in needs:
                needs[words, source] = needs_of(network, task, lambda: train[source])  # noqa: B023
            # Tasks that differ in their rows alone share a compiled program.
            key = words, needs[words, source]
            if key not in compiled:
                compiled[key] = jax.jit(network_of(network, key[1]).init)
            params = jax.device_get(compiled[key](initial_key(replica.config.train.seed)))
            found.append(self._widened(params, network.hidden_size))
        return _stack(self._fill(found))

    def _widened(self, params: Any, hidden: int) -> Any:
        """`params` of H = `hidden` padded to the width of the bucket."""
        if hidden == self._bucket.hidden_size or not isinstance(self._network, Paddable):
            return params
        return pad_hidden(params, self._network.hidden_axes(), hidden, self._bucket.hidden_size)

    def _fill(self, values: Any) -> list[Any]:
        """As many values as there are places, the first one repeated in the idle ones."""
        held = list(values) or [0]
        return held + [held[0]] * (self._padded - len(held))

    def _cut(self, streams: Stream) -> list[Stream]:
        return [
            self._program.place_streams(jax.tree.map(lambda a: a[:, low:high], streams))  # noqa: B023
            for low, high in self._bounds
        ]

    @property
    def compilations(self) -> int:
        """How many programs were compiled."""
        return self._program.compilations

    @property
    def group_names(self) -> tuple[tuple[str, ...], ...]:
        """The names of the groups of each replica."""
        return tuple(self._tasks[key].group_names for key in self._task_of)

    @property
    def group_label(self) -> str:
        """What a group is."""
        return next(iter(self._tasks.values())).group_label

    def active(self) -> list[bool]:
        """Which replicas are still being trained."""
        return [
            s.stopping.reason is None and s.bad_step is None and s.epoch < r.config.train.epochs
            for s, r in zip(self.stories, self._mine, strict=True)
        ]

    def advance(self) -> list[dict[str, Any]] | None:
        """Run one chunk of updates; at an epoch's end, one row of metrics for each active replica."""
        active = self.active()
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
        members = self._mine or [self._bucket.replicas[0]]
        held = [numbers(r.config.optimizer) for r in members]
        source = self._source
        if self._fresh:  # a stream of its own, at the same place on its device
            source = list(np.arange(self._padded) % (self._padded // self._program.shards))
        return Replicated(
            active=np.array([*active] + [False] * (self._padded - len(active))),
            source=np.array(source, np.int32),
            numbers={
                name: np.array(self._fill([h[name] for h in held]), np.float32)
                for name in differing_numbers(self._bucket)
            },
            updates=np.array(
                self._fill([r.config.train.epochs * self._windows for r in members]), np.int32
            ),
            seed=np.array(self._fill([r.config.train.seed for r in members]), np.uint32),
        )

    def _part(self) -> Stream:
        if self._fresh and self._drawn_epoch != self.epoch:
            drawn = [self._draw(r) for r in self._mine or [self._bucket.replicas[0]]]
            self._parts, self._drawn_epoch = self._cut(_stack(self._fill(drawn))), self.epoch
        assert self._parts is not None
        return self._parts[self._next_chunk]

    def _draw(self, replica: Replica) -> Stream:
        """The rows of this epoch of a replica with fresh noise, as its solo run draws them."""
        name = self._task_key(replica.config)
        task = self._tasks[name]
        if name not in self._draws:
            self._draws[name] = jax.jit(
                lambda key: layout(task.sequences(task.sample(key, task.samples)), self._config)
            )
        return self._draws[name](
            jax.random.fold_in(noise_key(replica.config.train.seed), self.epoch)
        )

    def _add(self, info: ChunkInfo, active: Sequence[bool], updates: int, seconds: float) -> None:
        for place, (story, runs) in enumerate(zip(self.stories, active, strict=True)):
            if not runs:
                continue
            own = jax.tree.map(lambda a: a[place], info)  # noqa: B023
            story.totals.add(own, story.step + 1, updates, seconds)
            story.step += updates
            story.bad_step = story.totals.bad_step

    def _end_epoch(self) -> list[dict[str, Any]]:
        ended = [p for p, story in enumerate(self.stories) if story.totals.updates]
        every = self._config.train.evaluate_every
        lasts = [self.epoch >= r.config.train.epochs for r in self._mine]
        due = (
            bool(ended)
            and bool(every)
            and (self.epoch % every == 0 or any(lasts[p] for p in ended))
        )
        frozen = self._frozen(0, self._arrays.state.params) if due else None
        rows, improved, scales = [], np.zeros(self._padded, bool), np.ones(self._padded, np.float32)
        for place in ended:
            shown = frozen is not None and (self.epoch % every == 0 or lasts[place])
            own = (
                frozen[place].astype(np.float64).tolist() if frozen is not None and shown else None
            )
            rows.append(self._end_replica(place, own, improved))
        for place, story in enumerate(self.stories):
            scales[place] = story.plateau[0]
        if improved.any():
            best = self._program.keep(improved, self._arrays.best, self._arrays.state.params)
            self._arrays = self._arrays._replace(best=best)
        state = self._arrays.state._replace(rate_scale=self._program.place(scales))
        self._arrays = self._arrays._replace(state=state)
        return rows

    def _end_replica(
        self, place: int, groups: list[float] | None, improved: np.ndarray
    ) -> dict[str, Any]:
        """Sum up an epoch of one replica as a solo run does; mark in `improved` whether to keep it."""
        story, config = self.stories[place], self._mine[place].config
        totals, story.totals = story.totals, Totals()
        story.epoch = self.epoch
        alerts = monitors.alerts(totals, story.step, self._layers, story.losses)
        story.losses = [*story.losses, totals.loss][-20:]
        if config.optimizer.schedule == "plateau":
            story.plateau = _observe(config.optimizer, story.plateau, totals.loss)
        mse = None if groups is None else float(np.mean(groups))
        worst = None if groups is None else max(groups)
        story.stopping.observe(config.train, self.epoch, totals.loss, mse, worst)
        if story.bad_step is not None:
            story.stopping.reason = "non_finite"
        if mse is not None and story.stopping.is_best(mse):
            improved[place], story.best_epoch = True, self.epoch
        row = totals.row(self.epoch, story.step, self.group_label, self._layers)
        row = {k: v for k, v in row.items() if not k.endswith("_per_layer")}
        frozen = {"frozen_mse": mse, f"frozen_mse_per_{self.group_label}": groups}
        return finite_or_null({"replica": story.index, **row, **frozen, "alerts": alerts})

    def _frozen(self, which: int, params: Any) -> np.ndarray:
        """[R, G] frozen losses on the training rows (0) or the test rows (1) of each replica."""
        return self._program.frozen(np.array(self._source, np.int32), params, self._blocks[which])

    def results(self) -> list[dict[str, Any]]:
        """What each replica came to, with the weights kept: the best, or the last where none was ranked."""
        ranked = np.array(
            self._fill([s.stopping.best_frozen is not None for s in self.stories]), bool
        )
        last = jax.tree.map(jnp.copy, self._arrays.state.params)
        chosen = self._program.keep(ranked, last, self._arrays.best)
        self._arrays = self._arrays._replace(best=chosen)
        train, test = self._frozen(0, chosen), self._frozen(1, chosen)
        found = []
        for place, (story, replica) in enumerate(zip(self.stories, self._mine, strict=True)):
            task = self._tasks[self._task_of[place]]
            result = result_of(story, replica, task, train[place], test[place])
            network = make_network(replica.config.network, task)
            # By shapes: a slice of arrays that are spread over devices would be a program of them all.
            result["parameters"] = count_parameters(jax.eval_shape(network.init, noise_key(0)))
            result["zero_predictor_mse"] = self._zero[self._source[place]]
            found.append(result)
        return finite_or_null(found)

    def arrays(self) -> Arrays:
        """The arrays of the replicas that are not idle, on the host."""
        return jax.tree.map(lambda a: np.asarray(a)[: len(self._mine)], self._arrays)

    def progress(self) -> dict[str, int]:
        """Where in an epoch the population stands, besides its stories."""
        return {"epoch": self.epoch, "next_chunk": self._next_chunk}

    def restore(self, arrays: Arrays, stories: list[Story], progress: dict[str, int]) -> None:
        """Go on from what `arrays`, `stories` and `progress` were."""
        filled = jax.tree.map(
            lambda a: (
                np.concatenate([a, np.repeat(a[:1], self._padded - len(a), axis=0)])
                if len(a)
                else None
            ),
            arrays,
        )
        if self._mine:
            self._arrays = self._program.place(filled)
        self.stories = copy.deepcopy(stories)
        self.epoch, self._next_chunk = progress["epoch"], progress["next_chunk"]


def _stack(parts: Sequence[Any]) -> Any:
    # On the host: stacking a hundred arrays is a program of its own for a device.
    return jax.tree.map(lambda *leaves: np.stack(jax.device_get(leaves)), *parts)


def _observe(
    config: configs.OptimizerConfig, memory: tuple[float, float, int], loss: float
) -> tuple[float, float, int]:
    """The plateau's memory after an epoch's loss."""
    rules = (config.plateau_factor, config.plateau_patience, config.plateau_min_delta)
    plateau = Plateau(*rules, *memory)
    plateau.observe(loss)
    return plateau.scale, plateau.best, plateau.waited
