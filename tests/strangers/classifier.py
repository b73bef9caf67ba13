"""A classifier of gestures from two named inputs: sequences of many lengths, one class for each.

A hand moves to the left, to the right, or trembles; its trajectory is not there at every sample.
"""

from dataclasses import dataclass

import numpy as np

from freqjax import tasks
from freqjax.config.fields import at_least
from freqjax.config.task import TaskConfig
from freqjax.tasks import Batch, Input
from freqjax.tasks.evaluation import Section, Table
from freqjax.tasks.objectives import CrossEntropy

CLASSES = ("left", "right", "trembling")


@dataclass
class GestureConfig(TaskConfig):
    """Gestures of three classes."""

    sequences: int = at_least(3, 60, "sequences of a split")
    longest: int = at_least(4, 20, "samples of the longest sequence")

    @property
    def samples(self) -> int:
        """T."""
        return self.longest


class Task(tasks.Task):
    """Classification of the gesture in a sequence, at its end."""

    Config = GestureConfig
    config: GestureConfig
    inputs = (Input("pose", 2), Input("trajectory", 1))
    output_size = len(CLASSES)
    group_label = group_word = "class"
    group_names = CLASSES
    objective = CrossEntropy()
    score_name, higher_is_better, goal = "accuracy", True, 0.9

    def split(self, name):
        """Draw the sequences of a split, each with a seed of its own."""
        seed = self.config.test_seed if name == "test" else self.config.train_seed
        rng = np.random.default_rng((seed, name == "validation"))
        count, samples = self.config.sequences, self.samples
        classes = np.arange(count) % len(CLASSES)
        lengths = rng.integers(samples // 2, samples + 1, count)
        there = np.arange(samples) < lengths[:, None]
        step = np.array([-0.3, 0.3, 0.0])[classes, None]
        trajectory = np.cumsum(step + 0.3 * rng.normal(size=(count, samples)), axis=1)
        pose = 0.5 * rng.normal(size=(count, samples, 2))
        pose[..., 0] += (classes == 2)[:, None] * np.sin(np.arange(samples))
        return Batch(
            inputs={
                "pose": pose.astype(np.float32),
                "trajectory": trajectory[..., None].astype(np.float32),
            },
            targets=np.eye(len(CLASSES), dtype=np.float32)[classes],
            group=classes.astype(np.int32),
            mask={"pose": there, "trajectory": there & (rng.random(there.shape) < 0.9)},
        )

    def row_score(self, outputs, targets):
        """Count a sequence as 1 where the largest output is that of its class."""
        return (outputs.argmax(axis=-1) == targets.argmax(axis=-1)).astype("float32")

    def baselines(self, frozen):
        """Name the class whose mean sequence is nearest."""
        train, test = (self.rows(name) for name in ("train", "test"))
        means = [train.inputs[train.groups == c].mean(axis=(0, 1)) for c in range(len(CLASSES))]
        return {
            "nearest mean": -np.square(test.inputs.mean(axis=1)[:, None] - np.stack(means)).sum(
                axis=2
            )
        }

    def sections(self, frozen, evaluation):
        """Count which classes are taken for which, at the last sample that is there."""
        rows = self.rows("test")
        assert rows.weights is not None  # as there are masks
        last = np.argmax(rows.weights, axis=1)
        said = frozen.outputs("test")[np.arange(len(last)), last].argmax(axis=1)
        counts = np.zeros((len(CLASSES), len(CLASSES)), int)
        np.add.at(counts, (rows.groups, said), 1)
        lines = [(name, *map(int, row)) for name, row in zip(CLASSES, counts, strict=True)]
        return [Section("Classes taken for others", table=Table(("true", *CLASSES), lines))]
