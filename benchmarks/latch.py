"""A task without oscillations, for faults of any task: two signs come first and are asked for last."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.config.fields import at_least
from freqjax.config.task import TaskConfig
from freqjax.tasks import Batch, Input, Task
from freqjax.tasks.objectives import SquaredError


@dataclass
class LatchConfig(TaskConfig):
    """Sequences of one length."""

    steps: int = at_least(2, 10, "samples of a sequence")
    count: int = at_least(1, 24, "training sequences")
    disturbance: float = at_least(0.0, 0.1, "standard deviation of the samples after the first")

    @property
    def samples(self) -> int:
        """T."""
        return self.steps


class Latch(Task):
    """Puts out after the last sample the two signs of the first one, whatever came in between."""

    Config = LatchConfig
    config: LatchConfig
    inputs = (Input("signs", 2),)
    output_size = 2
    objective = SquaredError()
    goal = 0.05
    # Sequences begin with one pair of signs or another.
    group_names, group_label, group_word = ("equal", "opposite"), "pair", "pair"

    def split(self, name: str) -> Batch | None:
        """Draw the sequences of a seed; a test has 64."""
        if name == "validation":
            return None
        seed = self.config.train_seed if name == "train" else self.config.test_seed
        count = self.config.count if name == "train" else 64
        drawn = self._draw(jax.random.key(seed), count, self.samples)
        return jax.tree.map(np.asarray, drawn)

    def sample(self, key: jax.Array, samples: int) -> Batch:
        """Draw training sequences."""
        return self._draw(key, self.config.count, samples)

    def _draw(self, key: jax.Array, count: int, samples: int) -> Batch:
        first, later = jax.random.split(key)
        signs = jax.random.rademacher(first, (count, 2)).astype(jnp.float32)
        noise = self.config.disturbance * jax.random.normal(later, (count, samples, 2))
        return Batch(
            inputs={"signs": noise.at[:, 0].set(signs)},
            targets=signs,
            group=(signs[:, 0] != signs[:, 1]).astype(jnp.int32),
        )
