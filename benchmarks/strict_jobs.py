"""Jobs of strict online learning: a sample of the Kalman filter, and one of dense sensitivities.

The limits are of the least work that is known: a triangular root of the covariance, read once and updated
once a sample; and sensitivities that are read and written once, with one product for each of their fields.
"""

from __future__ import annotations

import dataclasses
import math

import jax

from benchmarks import machine
from benchmarks.contenders import Absent, Contender, cores
from benchmarks.machine import Pass
from benchmarks.online_jobs import freqjax_contender, native, pytorch
from freqjax import Config, NetworkConfig, TaskConfig, TrainConfig, load_config
from freqjax.networks import RealTime, SingleLstm, make_network
from freqjax.networks.pairs import Pairs
from freqjax.tasks import make_task

_HIDDEN = 64


def filtered(steps: int, platform: str) -> list[Contender | Absent]:
    """Prepare the filter of `configs/online_stream.py`; a run takes `steps` samples, a multiple of 4."""
    config = load_config("configs/online_stream.py")
    # No group is passed over, so that every run does the same.
    config = dataclasses.replace(
        config,
        task=dataclasses.replace(config.task, duration=steps / 4000),
        train=dataclasses.replace(config.train, target_mse=None),
    )
    task = make_task(config.task)
    network, blocks = make_network(config.network, task), task.rows("train")
    assert isinstance(network, SingleLstm)
    pairs = Pairs(network.setting)
    return [
        freqjax_contender(config, blocks, steps),
        native(config, blocks, steps, platform),
        machine.limit(filter_passes(pairs.pairs * pairs.weights), 1, platform),
    ]


def filter_passes(weights: int) -> list[Pass]:
    """Return the passes of a sample over the triangle of N = `weights` weights.

    The first computes Sᵀ h. In the second every number is scaled, loses its share of a vector, and is added
    to that vector.
    """
    triangle = weights * (weights + 1) // 2
    return [Pass(triangle, False, triangle), Pass(triangle, True, 3 * triangle)]


def dense(steps: int, platform: str) -> list[Contender | Absent]:
    """Prepare exact gradients of an LSTM with all recurrent weights; a run makes `steps` updates."""
    config = Config(
        task=TaskConfig(duration=steps / 4000),
        network=NetworkConfig(hidden_size=_HIDDEN),
        train=TrainConfig(regime="online", gradient="rtrl"),
    )
    task = make_task(config.task)
    network, blocks = make_network(config.network, task), task.rows("train")
    assert isinstance(network, RealTime)
    params = jax.eval_shape(network.init, jax.random.key(0))
    memory = jax.eval_shape(lambda p: network.sensitivities(p, 1, exact=True), params)
    return [
        freqjax_contender(config, blocks, steps),
        native(config, blocks, steps, platform),
        *(_of_another_job(one) for one in pytorch(config, blocks, steps, platform)),
        machine.limit(dense_passes(memory.shape), cores(), platform),
    ]


def _of_another_job(found: Contender | Absent) -> Contender | Absent:
    """Return PyTorch's loop without ratios: a gradient that is cut at a sample is not the exact one."""
    return found._replace(same_job=False) if isinstance(found, Contender) else found


def dense_passes(shape: tuple[int, ...]) -> list[Pass]:
    """Return the pass of a sample over the sensitivities [B, F, H, N, H]."""
    numbers = math.prod(shape)
    return [Pass(numbers, True, numbers * shape[2])]
