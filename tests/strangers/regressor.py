"""A regressor from a sequence to two numbers: how far a noisy walk has come, and where it began."""

from dataclasses import dataclass

import numpy as np

from freqjax import tasks
from freqjax.config.fields import at_least
from freqjax.config.task import TaskConfig
from freqjax.tasks import Batch, Input
from freqjax.tasks.objectives import SquaredError


@dataclass
class WalkConfig(TaskConfig):
    """Random walks."""

    sequences: int = at_least(2, 40, "walks of a split")
    steps: int = at_least(2, 12, "samples of a walk")

    @property
    def samples(self) -> int:
        """T."""
        return self.steps


class Task(tasks.Task):
    """Regression of the distance and the start of a walk, at its end."""

    Config = WalkConfig
    config: WalkConfig
    inputs = (Input("steps", 1),)
    output_size = 2
    objective = SquaredError()

    def split(self, name):
        """Draw training and test walks; the last tenth of both counts twice."""
        if name == "validation":
            return None
        seed = self.config.train_seed if name == "train" else self.config.test_seed
        count = self.config.sequences
        steps = np.random.default_rng(seed).normal(size=(count, self.samples, 1))
        return Batch(
            inputs={"steps": steps.astype(np.float32)},
            targets=np.concatenate([steps.mean(axis=1), steps[:, 0]], axis=1).astype(np.float32),
            group=np.zeros(count, np.int32),
            weight=np.where(np.arange(count) < 0.9 * count, 1.0, 2.0).astype(np.float32),
        )
