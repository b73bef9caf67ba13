"""Jobs of training updates of the recurrent sequence autoencoder, by freqjax and by PyTorch.

A unit is an update: forward, backward, clipping by the global norm and Adam. Both engines have the same
network, 300 → LSTM 512 → code of 16 → LSTM 512 → 300, begin at the same weights, and read the same batches of
16 sequences of 50 vectors with the cosine distance as loss. The decoder reads the target before a sample
(share 1), or at random the target or its own last output (share 0.5).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from freqjax import AutoencoderConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig
from freqjax.tasks.autoencoder.task import Autoencoder
from freqjax.training.chunks import make_chunk
from freqjax.training.optimizers import make_schedule
from freqjax.training.streams import Stream
from freqjax.training.update import state_of

CLIP, RATE = 1.0, 1e-3


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
        optimizer=OptimizerConfig(learning_rate=RATE, clip_norm=CLIP),
        train=TrainConfig(regime="examples", batch=shape.batch),
    )


class Job:
    """Network, initial weights and batches of a job."""

    def __init__(self, shape: Shape, share: float, batches: int) -> None:
        """Draw weights and batches [U, T, B, D] with U = `batches`."""
        self.shape, self.share = shape, share
        self.config = config_of(shape, share)
        assert isinstance(self.config.task, AutoencoderConfig)
        self.task = Autoencoder(self.config.task)
        self.network = self.task.network(self.config.network, None)
        self.params = self.network.init(jax.random.key(0))
        sizes = (batches, shape.samples, shape.batch, shape.dimensions)
        self.batches = np.random.default_rng(0).normal(size=sizes).astype(np.float32)

    def freqjax(self) -> Callable[[], float]:
        """Prepare freqjax, U updates in one program, as a run trains; a call returns ms of CPU an update."""
        schedule = make_schedule(self.config.optimizer, 1000, 1000)
        groups = len(self.task.group_names)
        chunk = jax.jit(
            make_chunk(self.network, self.task, self.config, schedule, groups), donate_argnums=0
        )
        flags = jnp.zeros(self.batches.shape[:3], bool)
        xs = jnp.asarray(self.batches)
        stream = Stream(xs, xs, flags.astype(jnp.int32), flags, jnp.ones(flags.shape))
        params = jax.tree.map(jnp.array, self.params)
        state = state_of(self.network, self.task, self.config, params, self.shape.batch)

        def work() -> None:
            nonlocal state
            state, _ = jax.block_until_ready(chunk(state, stream))

        return self._timed(work)

    def pytorch(self) -> Callable[[], float]:
        """Prepare PyTorch with one thread."""
        from benchmarks import autoencoder_torch  # an optional dependency

        model = autoencoder_torch.Autoencoder(self.shape, self.share)
        model.load(self.params)
        update = autoencoder_torch.make_update(model, RATE, CLIP)
        xs = autoencoder_torch.tensor(self.batches)

        def work() -> None:
            for batch in xs:
                update(batch)

        return self._timed(work)

    def _timed(self, work: Callable[[], None]) -> Callable[[], float]:
        def run() -> float:
            began = time.process_time()
            work()
            return (time.process_time() - began) * 1e3 / len(self.batches)

        return run
