"""A trial: the run's own recipe, repeated as long as can be afforded, with one change.

How long that is, is counted in rows and weights and not in seconds: a busy machine takes longer and gives the
same answer. R changes of the learning rate are tried side by side in one program.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from freqjax import progress
from freqjax.config.sections import Config
from freqjax.diagnosis.examined import RunUnderExamination, mean_error
from freqjax.networks import count_parameters, make_network
from freqjax.training.frozen import choose_forward
from freqjax.training.gradients import make_estimator
from freqjax.training.optimizers import Optimizer, make_schedule
from freqjax.training.seeds import initial_key
from freqjax.training.sources import Source, make_source
from freqjax.training.streams import Stream
from freqjax.training.update import TrainState, make_update, state_of

# One dispatch holds about so many rows.
_ROWS_AT_ONCE = 20_000
# Least number of updates for a conclusion.
FEWEST_UPDATES = 20
_MANY_UPDATES = 1000
# A sample of a small network takes as long as one of this many weights.
_LEAST_WEIGHTS = 20_000


class Trial(NamedTuple):
    """Result of a trial.

    Attributes:
      errors: [R] mean frozen error over the groups on the training rows, by multiple of the rate;
        infinite where not finite.
      test_errors: [R] the same on the test rows.
      updates: how many updates each made.
      rows_seen: the share of an epoch that they saw, at most 1.
    """

    errors: list[float]
    test_errors: list[float]
    updates: int
    rows_seen: float

    def tells(self, run: RunUnderExamination) -> bool:
        """Return whether the trial was long enough to refute the cause if the change does not help.

        Half of the run's updates are enough, and so is a whole epoch of at least a thousand.
        """
        return 2 * self.updates >= run.updates or (
            self.rows_seen >= 1 and self.updates >= _MANY_UPDATES
        )


def retrain(
    run: RunUnderExamination,
    scales: Sequence[float],
    work: float,
    *,
    config: Config | None = None,
    most: int | None = None,
    begin: Any = None,
    more: float = 1.0,
    schedule: str = "constant",
) -> Trial | None:
    """Train R networks, each at its own multiple of the learning rate.

    They begin as the run did, from its seed, on its rows, and make as many updates as it did, if these are
    not more than `work`. Decoupled decay is never weakened by another rate, which else would seem to mend
    what the decay spoiled: at a lower rate the weights shrink by (rate · decay) a step as before, and at a
    higher one by as much in proportion to the steps.

    Args:
      run: the run.
      scales: [R] multiples of `optimizer.learning_rate`.
      work: for each of them: samples of an update, times weights and streams, over all updates.
      config: another config than the run's, of the same task.
      most: make no more updates than these.
      begin: the weights to begin with; None for those of the run, or its seed for another network.
      more: make so many times as many updates as the run made.
      schedule: `optimizer.schedule` of the trial, over its own updates.

    Returns:
      The result; None if the time allows too few updates for a conclusion.
    """
    config = _repeated(run.config if config is None else config, schedule)
    recipe = _Recipe(run, config, begin)
    wanted = max(math.ceil(more * run.updates), FEWEST_UPDATES)
    wanted = wanted if most is None else min(wanted, most)
    updates = min(wanted, int(run.effort * work / recipe.cost))
    if updates < FEWEST_UPDATES:
        return None
    source = recipe.source(updates)
    state = recipe.train(source, jnp.asarray(scales, jnp.float32))
    params = [jax.tree.map(lambda leaf, r=r: leaf[r], state) for r in range(len(scales))]
    return Trial(
        errors=[recipe.error(p, "train") for p in params],
        test_errors=[recipe.error(p, "test") for p in params],
        updates=source.updates,
        rows_seen=min(1.0, source.updates / recipe.pass_updates),
    )


class _Recipe:
    """A recipe as it can be repeated.

    Attributes:
      cost: of an update, in weights, and numbers of the gradient's memory, times samples.
      pass_updates: the updates in which every row is read once.
    """

    def __init__(self, run: RunUnderExamination, config: Config, begin: Any) -> None:
        """Make the network of `config` and its first weights."""
        self._run, self._config = run, config
        same_network = config.network == run.config.network
        self._network = make_network(
            config.network, run.task, lambda: run.prepared.batches["train"]
        )
        self._forward = (
            run.prepared.forward if same_network else choose_forward(self._network, config)
        )
        if begin is None and same_network:  # which may be those of another checkpoint
            begin = run.initial_params
        one_pass = make_source(run.task, config, run.train_rows)
        self.pass_updates, self._streams = one_pass.updates, one_pass.streams
        if begin is None:
            key = initial_key(config.train.seed)
            begin = self._network.init(key)
        self._begin = begin
        estimator = make_estimator(self._network, run.task, config)
        memory = jax.eval_shape(lambda params: estimator.init(params, self._streams), begin)
        weights = self._streams * count_parameters(begin) + count_parameters(memory)
        self.cost = one_pass.rows // self._streams * max(weights, _LEAST_WEIGHTS)

    def source(self, updates: int) -> Source:
        """Return the rows of so many updates, or of a few more, in parts of one size."""
        rows = self._run.train_rows
        train = dataclasses.replace(self._config.train, steps_per_epoch=updates)
        config = dataclasses.replace(self._config, train=train)
        bounds = even_parts(updates, make_source(self._run.task, config, rows).rows)
        total = bounds[-1][1]
        config.train.steps_per_epoch = total
        return make_source(self._run.task, config, rows, cut=lambda *_: bounds)

    def train(self, source: Source, scales: jax.Array) -> Any:
        """Train on all parts of `source` at R multiples of the rate; return the weights, [R, …] each."""
        advance = self._advance(source.updates)
        state = state_of(self._network, self._run.task, self._config, self._begin, self._streams)
        count = len(scales)
        states = jax.tree.map(lambda a: jnp.repeat(jnp.asarray(a)[None], count, axis=0), state)
        states = states._replace(rate_scale=scales)
        for number in progress.each("parts of a trial", range(len(source.bounds))):
            states = advance(states, source.part(0, number))
            jax.block_until_ready(states.rate_scale)  # so that what is counted is done
        return states.params

    def _advance(self, updates: int) -> Callable[[TrainState, Stream], TrainState]:
        config, network, task = self._config, self._network, self._run.task
        estimator = make_estimator(network, task, config)
        decoupled = config.optimizer.name == "adamw" and config.optimizer.weight_decay > 0

        def one(state: TrainState, stream: Stream) -> TrainState:
            rule: Any = config.optimizer
            if decoupled:
                rule = copy.copy(rule)
                rule.weight_decay = rule.weight_decay / jnp.minimum(state.rate_scale, 1.0)  # traced
            schedule = make_schedule(config.optimizer, updates, updates)
            update = make_update(estimator, Optimizer(rule, schedule))
            return jax.lax.scan(lambda s, window: (update(s, window)[0], None), state, stream)[0]

        return jax.jit(jax.vmap(one, (0, None)), donate_argnums=0)

    def error(self, params: Any, split: str) -> float:
        """Return the mean frozen error on the rows of a split."""
        rows = self._run.prepared.rows(split)
        return mean_error(
            self._forward(params, rows, self._config.task.reset), rows, self._run.task
        )


def even_parts(updates: int, rows: int) -> list[tuple[int, int]]:
    """Cut U updates of so many rows, or as few more as it needs, into parts of one size: one program."""
    most = max(1, _ROWS_AT_ONCE // rows)
    count = math.ceil(updates / most)
    size = math.ceil(updates / count)
    return [(low, low + size) for low in range(0, count * size, size)]


def _repeated(config: Config, schedule: str) -> Config:
    """Copy `config` with another schedule, and epochs that hold all rows once."""
    return dataclasses.replace(
        config,
        optimizer=dataclasses.replace(config.optimizer, schedule=schedule),
        train=dataclasses.replace(config.train, steps_per_epoch=None),
    )
