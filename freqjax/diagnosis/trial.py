"""A trial: the run's own recipe, repeated from the start as long as can be afforded, with one change."""

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

# One dispatch holds about so many rows, so that the clock is looked at between dispatches.
_ROWS_AT_ONCE = 20_000
# Fewer updates than these tell nothing.
FEWEST_UPDATES = 20
_MANY_UPDATES = 1000


class Trial(NamedTuple):
    """What a changed recipe reached.

    Attributes:
      errors: [R] mean frozen error over the groups on the training rows, by multiple of the rate;
        infinite where not finite.
      updates: how many updates each made.
      rows_seen: the share of an epoch that they saw, at most 1.
    """

    errors: list[float]
    updates: int
    rows_seen: float

    def tells(self, run: RunUnderExamination) -> bool:
        """Tell whether it was long enough for a change that does not help to refute the cause.

        Half of the run's updates do, and so does a whole epoch of at least a thousand.
        """
        made = run.rows[-1]["step"] if run.rows else 0
        return 2 * self.updates >= made or (self.rows_seen >= 1 and self.updates >= _MANY_UPDATES)


class _Recipe(NamedTuple):
    """A compiled recipe.

    Attributes:
      begin: multiple of the learning rate → the state a run begins with.
      advance: (state, number of the part) → the state after that part of the stream; donates it.
      parts: how many parts an epoch has.
      updates: in a part.
      windows: in an epoch.
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
    """Train R fresh networks, each at its own multiple of the learning rate.

    They begin as the run did, from its seed, on its fixed training rows, with the rate of its peak held
    constant. The first makes as many updates as the run did, or as its share of `seconds` allows, and
    the others as many.

    Args:
      run: the run.
      scales: [R] multiples of `optimizer.learning_rate`.
      seconds: stop after about so many.
      config: another config than the run's, of the same task.
      most: make no more updates than these.

    Returns:
      What they reached; None where too few updates could be afforded to tell anything.
    """
    began = time.monotonic()
    recipe = _prepare(run, run.config if config is None else config)
    wanted = max(run.rows[-1]["step"] if run.rows else recipe.windows, FEWEST_UPDATES)
    wanted = wanted if most is None else min(wanted, most)
    share = (seconds - (time.monotonic() - began)) / len(scales)
    rounds, errors = None, []
    for scale in scales:
        state, done, started = recipe.begin(scale), 0, time.monotonic()
        # The first goes on while there is time and something left to repeat, the others as far as it went.
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
    """Cut an epoch into parts of one size, so that one program does for all, and no row left out."""
    most = max(1, min(updates, _ROWS_AT_ONCE // rows))
    size = max(d for d in range(1, most + 1) if updates % d == 0)
    return [(low, low + size) for low in range(0, updates, size)]


def _fixed_rows(config: Config) -> Config:
    """Copy `config` for its fixed rows, whose learning rate stays at its peak."""
    return dataclasses.replace(
        config,
        task=dataclasses.replace(config.task, noise="fixed"),
        optimizer=dataclasses.replace(config.optimizer, schedule="constant"),
        train=dataclasses.replace(config.train, steps_per_epoch=None),  # an epoch is all rows
    )
