"""The run's own recipe, repeated from the start for as long as can be afforded, with one thing changed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.config import Config
from freqjax.diagnosis.patient import Patient
from freqjax.evaluation import group_means, make_forward
from freqjax.networks import make_network
from freqjax.optimizers import make_schedule
from freqjax.trainers import initial_key
from freqjax.training import Stream, init_state, layout, make_update

# One dispatch holds about so many rows, so that the clock is looked at between dispatches.
_ROWS_AT_ONCE = 20_000
# Fewer updates than these tell nothing.
FEWEST_UPDATES = 20


class Rehearsal(NamedTuple):
    """What a changed recipe reached.

    Attributes:
      scales: [R] what the learning rate was multiplied by.
      errors: [R] mean frozen error over the groups on the training rows; infinite where not finite.
      updates: how many updates each made.
      rows_seen: the share of an epoch that they saw, at most 1.
    """

    scales: tuple[float, ...]
    errors: list[float]
    updates: int
    rows_seen: float


def rehearse(
    patient: Patient, scales: Sequence[float], seconds: float, *, hidden_size: int | None = None
) -> Rehearsal | None:
    """Train R fresh networks side by side, each at its own multiple of the learning rate.

    They begin as the run did, from its seed, on its fixed training rows, with the rate of its peak held
    constant, for as many updates as the run made or as `seconds` allow.

    Args:
      patient: the run.
      scales: [R] multiples of `optimizer.learning_rate`.
      seconds: stop after about so many.
      hidden_size: another width than the run's.

    Returns:
      What they reached; None where too few updates could be afforded to tell anything.
    """
    began = time.monotonic()
    config = _constant_rate(patient.config)
    if hidden_size is not None:
        config.network.hidden_size = hidden_size
    task, blocks = patient.task, patient.train_blocks
    spectral = config.network.initializer == "spectral"
    network = make_network(config.network, task, task.peaks(blocks) if spectral else ())
    stream = layout(blocks, config)
    windows, streams = stream.inputs.shape[0], stream.inputs.shape[2]
    wanted = max(patient.rows[-1]["step"] if patient.rows else windows, FEWEST_UPDATES)

    schedule = make_schedule(config.optimizer, wanted, windows)
    update = make_update(network, task, config, schedule)

    def run(states: Any, part: Stream) -> Any:
        def body(states: Any, window: Stream):
            return jax.vmap(update, in_axes=(0, None))(states, window)[0], None

        return jax.lax.scan(body, states, part)[0]

    state = init_state(network, config, initial_key(config.train.seed), streams)
    states = jax.tree.map(lambda a: jnp.broadcast_to(a, (len(scales), *a.shape)), state)
    states = states._replace(rate_scale=jnp.asarray(scales, jnp.float32))
    size = max(1, min(windows, _ROWS_AT_ONCE // int(np.prod(stream.inputs.shape[1:3]))))
    parts = [
        jax.tree.map(lambda a, low=low: a[low : low + size], stream)
        for low in range(0, windows - size + 1, size)
    ]
    compiled = jax.jit(run).lower(states, parts[0]).compile()
    done, slowest = 0, 0.0
    while done < wanted and time.monotonic() - began + slowest < seconds:
        clock = time.monotonic()
        states = jax.block_until_ready(compiled(states, parts[done // size % len(parts)]))
        slowest = max(slowest, time.monotonic() - clock)
        done += size
    if done < FEWEST_UPDATES:
        return None
    forward = patient.forward if hidden_size is None else make_forward(network)
    errors = []
    for r in range(len(scales)):
        params = jax.tree.map(lambda a, r=r: a[r], states.params)
        means = group_means(forward(params, blocks, config.task.reset), blocks, task)
        errors.append(float(np.mean(means)) if np.isfinite(means).all() else np.inf)
    return Rehearsal(tuple(scales), errors, done, min(1.0, done / windows))


def _constant_rate(config: Config) -> Config:
    """A copy of `config` whose learning rate stays at its peak."""
    copy = dataclasses.replace(
        config,
        network=dataclasses.replace(config.network),
        optimizer=dataclasses.replace(config.optimizer, schedule="constant"),
    )
    return copy
