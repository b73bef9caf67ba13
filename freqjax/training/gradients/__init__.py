"""Gradients: estimators (`train.gradient`), and the engines that compute the updates (`train.engine`)."""

from __future__ import annotations

from collections.abc import Callable

import jax

from freqjax.config.sections import Config
from freqjax.networks import Network
from freqjax.tasks import Task
from freqjax.training.gradients import bptt, real_time
from freqjax.training.gradients.estimator import Estimate, Estimator
from freqjax.training.seeds import dropout_key

# `train.gradient` → (network, task, config, key of dropout) → the estimator.
ESTIMATORS: dict[str, Callable[[Network, Task, Config, jax.Array], Estimator]] = {
    "truncated": bptt.truncated,
    "snap1": real_time.real_time,
    "rtrl": real_time.real_time,
    "full": bptt.full,
}


def make_estimator(
    network: Network, task: Task, config: Config, dropout: jax.Array | None = None
) -> Estimator:
    """Make the estimator of a config; the default key of dropout is that of `train.seed`."""
    key = dropout_key(config.train.seed) if dropout is None else dropout
    return ESTIMATORS[config.train.gradient_method](network, task, config, key)


__all__ = ["ESTIMATORS", "Estimate", "Estimator", "make_estimator"]
