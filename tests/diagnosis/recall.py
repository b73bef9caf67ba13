"""A task without oscillations: two signs come at the first sample and are asked for after the last."""

from dataclasses import dataclass

import numpy as np

from freqjax import tasks
from freqjax.config.fields import at_least
from freqjax.config.sections import Context
from freqjax.config.task import TaskConfig
from freqjax.tasks import Batch, Input
from freqjax.tasks.examination import Examination
from freqjax.tasks.objectives import SquaredError


@dataclass
class RecallConfig(TaskConfig):
    """Sequences of one length."""

    steps: int = at_least(2, 5, "samples of a sequence")

    @property
    def samples(self) -> int:
        """T."""
        return self.steps


class Recall(tasks.Task):
    """Recall of the two signs of the first sample after the last one, which one unit cannot store."""

    Config = RecallConfig
    inputs = (Input("signs", 2),)
    output_size = 2
    objective = SquaredError()
    goal = 0.05

    def __init__(self, config: RecallConfig, context: Context | None = None) -> None:
        """Take the length from `config`."""
        super().__init__(config, context)
        self.samples = config.steps

    def split(self, name):
        """Return every pair of signs twice, with a little noise at the samples after the first."""
        if name == "validation":
            return None
        signs = np.array([(a, b) for a in (-1, 1) for b in (-1, 1)] * 2, np.float32)
        noise = np.random.default_rng(name == "test").normal(size=(8, self.samples, 2))
        inputs = 0.1 * noise.astype(np.float32)
        inputs[:, 0] = signs
        return Batch({"signs": inputs}, targets=signs, group=np.zeros(8, np.int32))

    def checks(self, evidence):
        """Return two causes of the task: one before the learning rate, and one after all others."""
        return [
            Examination("confused_signs", True, "", {}, "", evidence.command("train.seed=1"), ""),
            Examination("late_signs", True, "", {}, "", "", "", before="learning_rate_high"),
        ]
