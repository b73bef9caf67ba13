"""A task whose sequences end at different samples, for tests of masks and weights."""

import numpy as np

from freqjax.tasks import Batch, Input, Task
from freqjax.tasks.objectives import SquaredError

LENGTHS = (7, 4, 6, 2, 5)
GROUPS = (0, 1, 1, 0, 1)


class Masked(Task):
    """Five sequences of at most seven samples in two groups; `weight` counts them differently."""

    inputs = (Input("x", 2), Input("side", 1))
    output_size = 1
    samples = 7
    objective = SquaredError()
    group_names = ("even", "odd")

    def __init__(self, config, padding=0.0, weight=None, last_only=False):
        """Fill what is behind the end of a sequence with `padding`; learn of the `last_only`, or of all."""
        super().__init__(config)
        self._padding, self._weight, self._last_only = padding, weight, last_only

    def split(self, name):
        """Return the same rows under every name but validation."""
        if name == "validation":
            return None
        generator = np.random.default_rng(0)
        x, side = (generator.normal(size=(5, 7, d)).astype(np.float32) for d in (2, 1))
        targets = generator.normal(size=(5, 7, 1)).astype(np.float32)
        mask = np.arange(7) < np.array(LENGTHS)[:, None]
        for array in (x, side, targets):
            array[~mask] = self._padding
        if self._last_only:
            targets = generator.normal(size=(5, 1)).astype(np.float32)
        group = np.array(GROUPS, np.int32)
        return Batch({"x": x, "side": side}, targets, group, mask, self._weight)
