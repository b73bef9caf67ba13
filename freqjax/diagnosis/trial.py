"""Trials: the run's training repeated from the start, for a limited time, with one change."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from freqjax.config.sections import Config
from freqjax.diagnosis.examined import RunUnderExamination, mean_error
from freqjax.networks import make_network
from freqjax.networks.network import Params
from freqjax.training.frozen import choose_forward
from freqjax.training.gradients import make_estimator
from freqjax.training.optimizers import Optimizer, make_schedule
from freqjax.training.seeds import initial_key
from freqjax.training.sources import make_source
from freqjax.training.streams import Stream
from freqjax.training.update import TrainState, init_state, make_update

# Approximate number of rows in one dispatch; the time is checked between dispatches.
_ROWS_AT_ONCE = 20_000
# Least number of updates for a conclusion.
FEWEST_UPDATES = 20
_MANY_UPDATES = 1000


class Trial(NamedTuple):
    """Result of a trial.

    Attributes:
      errors: [R] mean frozen error over the groups on the training rows, by multiple of the rate;
        infinite if not finite.
      updates: number of updates of each network.
      rows_seen: the share of an epoch in these updates, at most 1.
    """

    errors: list[float]
    updates: int
    rows_seen: float

    def tells(self, run: RunUnderExamination) -> bool:
        """Return whether the trial was long enough to refute the cause if the change does not help.

        Half of the run's updates are enough, and so is a whole epoch of at least a thousand.
        """
        made = run.rows[-1]["step"] if run.rows else 0
        return 2 * self.updates >= made or (self.rows_seen >= 1 and self.updates >= _MANY_UPDATES)


class _Recipe(NamedTuple):
    """Compiled training of a trial.

    Attributes:
      begin: multiple of the learning rate → the initial state.
      advance: (state, number of the part) → the state after that part of the stream; donates it.
      parts: number of parts of an epoch.
      updates: number of updates in a part.
      windows: number of windows in an epoch.
      error: parameters → mean frozen error on the training rows.
    """

    begin: Callable[[float], TrainState]
    advance: Callable[[TrainState, int], TrainState]
    parts: int
    updates: int
    windows: int
    error: Callable[[Params], float]


def retrain(
    run: RunUnderExamination,
    scales: Sequence[float],
    seconds: float,
    *,
    config: Config | None = None,
    most: int | None = None,
) -> Trial | None:
    """Train R new networks, each with its own multiple of the learning rate.

    They start from the run's seed, on its fixed training rows, with a constant learning rate, that of its
    peak. The first makes as many updates as the run, or as its share of `seconds` allows, and the others
    make the same number.

    Args:
      run: the run.
      scales: [R] multiples of `optimizer.learning_rate`.
      seconds: approximate time limit.
      config: another config of the same task; None for the run's.
      most: largest number of updates.

    Returns:
      The result; None if the time allows too few updates for a conclusion.
    """
    began = time.monotonic()
    recipe = _prepare(run, run.config if config is None else config)
    wanted = max(run.rows[-1]["step"] if run.rows else recipe.windows, FEWEST_UPDATES)
    wanted = wanted if most is None else min(wanted, most)
    share = (seconds - (time.monotonic() - began)) / len(scales)
    rounds, errors = None, []
    for scale in scales:
        state, done, started = recipe.begin(scale), 0, time.monotonic()
        # The first trains until its time is over or it has made the run's updates; the others as many.
        while (
            done < rounds
            if rounds is not None
            else done * recipe.updates < wanted and time.monotonic() - started < share
        ):
            state = recipe.advance(state, done % recipe.parts)
            done += 1
        rounds = done
        errors.append(recipe.error(state.params))
        if rounds * recipe.updates < FEWEST_UPDATES:
            return None
    updates = (rounds or 0) * recipe.updates
    return Trial(errors, updates, min(1.0, updates / recipe.windows))


def _prepare(run: RunUnderExamination, config: Config) -> _Recipe:
    task, rows = run.task, run.train_rows
    same_network = config.network == run.config.network
    config = _fixed_rows(config)
    network = make_network(config.network, task, lambda: run.prepared.batches["train"])
    source = make_source(task, config, rows, cut=_even_parts)
    windows = source.updates
    optimizer = Optimizer(config.optimizer, make_schedule(config.optimizer, windows, windows))
    update = make_update(make_estimator(network, task, config), optimizer)
    forward = run.prepared.forward if same_network else choose_forward(network, config)

    def begin(scale: float) -> TrainState:
        state = init_state(network, task, config, initial_key(config.train.seed), source.streams)
        if (
            same_network
        ):  # its first weights may be those of another checkpoint, and the state is donated
            state = state._replace(params=jax.tree.map(jnp.array, run.initial_params))
        return state._replace(rate_scale=jnp.asarray(scale, jnp.float32))

    def advance(state: TrainState, stream: Stream) -> TrainState:
        return jax.lax.scan(lambda s, window: (update(s, window)[0], None), state, stream)[0]

    compiled = jax.jit(advance, donate_argnums=0).lower(begin(1.0), source.part(0, 0)).compile()

    def error(params: Params) -> float:
        return mean_error(forward(params, rows, config.task.reset), rows, task)

    return _Recipe(
        begin=begin,
        advance=lambda state, number: jax.block_until_ready(
            compiled(state, source.part(0, number))
        ),
        parts=len(source.bounds),
        updates=source.bounds[0][1],
        windows=windows,
        error=error,
    )


def _even_parts(updates: int, rows: int) -> list[tuple[int, int]]:
    """Split an epoch into equal parts without a rest, so that one program serves all."""
    most = max(1, min(updates, _ROWS_AT_ONCE // rows))
    size = max(d for d in range(1, most + 1) if updates % d == 0)
    return [(low, low + size) for low in range(0, updates, size)]


def _fixed_rows(config: Config) -> Config:
    """Copy `config` with fixed rows and a constant learning rate."""
    return dataclasses.replace(
        config,
        task=dataclasses.replace(config.task, noise="fixed"),
        optimizer=dataclasses.replace(config.optimizer, schedule="constant"),
        train=dataclasses.replace(config.train, steps_per_epoch=None),  # an epoch is all rows
    )
