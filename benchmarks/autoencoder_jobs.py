"""Jobs of training updates of the recurrent sequence autoencoder.

The network is 300 → LSTM 512 → code of 16 → LSTM 512 → 300, the batches are of 16 sequences of 50 vectors,
and the loss is the cosine distance. The decoder reads the target before a sample (share 1), or at random the
target or its own last output (share 0.5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contenders import Absent, Contender
from benchmarks.update_jobs import Updates
from freqjax import AutoencoderConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig
from freqjax.tasks.autoencoder.task import Autoencoder
from freqjax.training.streams import Stream

_CLIP, _RATE = 1.0, 1e-3


class Shape(NamedTuple):
    """Sizes of the job: batches of B sequences of T vectors of D numbers, H units, a code of K numbers."""

    batch: int = 16
    samples: int = 50
    dimensions: int = 300
    hidden: int = 512
    numbers: int = 16


def config_of(shape: Shape, share: float) -> Config:
    """Make the config of the job, where the decoder reads the target with probability `share`."""
    return Config(
        task=AutoencoderConfig(
            length=shape.samples,
            dimensions=shape.dimensions,
            numbers=shape.numbers,
            encoder="recurrent",
            decoder="recurrent",
            forcing=(share,),
        ),
        network=NetworkConfig(cell="lstm", hidden_size=shape.hidden),
        optimizer=OptimizerConfig(learning_rate=_RATE, clip_norm=_CLIP),
        train=TrainConfig(regime="examples", batch=shape.batch),
    )


def contenders(
    share: float, updates: int, platform: str, shape: Shape | None = None
) -> list[Contender | Absent]:
    """Prepare both engines; a run does `updates` updates."""
    return job(share, updates, shape or Shape()).contenders(platform)


def job(share: float, updates: int, shape: Shape) -> Updates:
    """Draw weights and batches [U, T, B, D] with U = `updates`."""
    config = config_of(shape, share)
    assert isinstance(config.task, AutoencoderConfig)
    task = Autoencoder(config.task)
    network = task.network(config.network, None)
    params = network.init(jax.random.key(0))
    sizes = (updates, shape.samples, shape.batch, shape.dimensions)
    batches = np.random.default_rng(0).normal(size=sizes).astype(np.float32)
    none = jnp.zeros(sizes[:3], bool)
    rows = jnp.asarray(batches)
    stream = Stream(rows, rows, none.astype(jnp.int32), none, jnp.ones(none.shape))

    def pytorch(device: str) -> Callable[[int], Any]:
        from benchmarks import autoencoder_torch  # an optional dependency

        model = autoencoder_torch.Autoencoder(shape, share)
        model.load(params)
        return autoencoder_torch.make_update(model.to(device), batches, _RATE, _CLIP)

    return Updates(network, task, config, params, stream, pytorch)
