"""Random keys of a run: one stream for each purpose, all derived from `train.seed`."""

from __future__ import annotations

import copy

import jax

from freqjax.config.sections import Config


def with_seed(config: Config, seed: int | jax.Array) -> Config:
    """Return `config` with `train.seed`, which may be traced: no type of the fields is checked."""
    config = copy.copy(config)
    config.train = copy.copy(config.train)
    config.train.seed = seed  # pyright: ignore[reportAttributeAccessIssue]
    return config


def initial_key(seed: int) -> jax.Array:
    """Return the key of the initial weights."""
    return jax.random.fold_in(jax.random.key(seed), 0)


def noise_key(seed: int) -> jax.Array:
    """Return the key of fresh rows, folded with the number of the pass over them, or of the step."""
    return jax.random.fold_in(jax.random.key(seed), 1)


def dropout_key(seed: int | jax.Array) -> jax.Array:
    """Return the key of dropout, folded with the number of the update; `seed` may be traced."""
    return jax.random.fold_in(jax.random.key(seed), 2)


def order_key(seed: int) -> jax.Array:
    """Return the key of the order of shuffled rows, folded with the number of the pass over them."""
    return jax.random.fold_in(jax.random.key(seed), 3)
