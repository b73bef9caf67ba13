"""Horizons: a curriculum that trains on the first samples of every block, then on more and more of them.

The output of an oscillator whose rate is wrong by Δ cycles per unit of time is a whole cycle off after
1/Δ units, and descent on T units of time converges to the right rate only if |Δ|·T < 0.7; beyond, shrinking
the output lowers the loss more. So training begins with the first samples of every block, where random
initial rates are close enough, and the horizon is lengthened only when every group has settled.

Then a look ahead over the whole blocks measures how long the network already follows its targets. The next
horizon extends to the sample at which the first group's mean loss exceeds `look_ahead_mse`, and at least by
a growth factor. If a group does not settle at the longer horizon, the curriculum returns to the weights that
had settled and halves the stride.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from freqjax.config.sections import CurriculumConfig

# A group is out of its basin if, after a few steps, its loss is above this and the total still falls by less
# than a factor of three per step: in the basin, a Gauss-Newton step lowers it much more.
_LOSING_LOSS = 0.03
_LOSING_FALL = 0.3
_LOSING_STEPS = 4
# If every group is below this loss, patience is multiplied: more steps are enough to settle.
_NEAR_LOSS = 0.01
_NEAR_PATIENCE = 3
# After a failure the stride grows by this factor with every horizon that settles at once.
_RECOVERY = 1.15
# A horizon above this share of the block is extended to its end.
_NEAR_END = 0.8


@dataclass
class Horizons:
    """Position in the curriculum, in samples; saved with every checkpoint.

    Attributes:
      horizon: samples of every block that count at present.
      settled: the last horizon that settled; before that the first one.
      growth: the present stride, a factor.
      waited: steps taken at this horizon.
      failures: consecutive failures after the last settled horizon.
    """

    horizon: int
    settled: int
    growth: float
    waited: int = 0
    failures: int = 0

    @classmethod
    def begin(cls, config: CurriculumConfig, samples: int, samples_per_unit: float) -> Horizons:
        """Return the position at the first horizon of blocks of T = `samples`."""
        assert config.first_horizon is not None
        first = min(samples, max(2, round(config.first_horizon * samples_per_unit)))
        return cls(horizon=first, settled=first, growth=config.growth)

    def judge(self, config: CurriculumConfig, before: float, losses: np.ndarray) -> str:
        """Count a step and return "settled", "lost" or "stay".

        Args:
          config: the rules.
          before: total loss before the step.
          losses: [G] of each group after the step.
        """
        self.waited += 1
        worst = float(np.max(losses))
        if worst < config.settled_mse:
            return "settled"
        patience = config.patience * (1 + self.failures)
        if worst <= _NEAR_LOSS:
            patience *= _NEAR_PATIENCE
        losing = (
            self.waited >= _LOSING_STEPS + 2 * self.failures
            and worst > _LOSING_LOSS
            and self.horizon > self.settled
            and float(np.mean(losses)) > _LOSING_FALL * before
        )
        # NaN is neither below nor above any threshold: patience ends this horizon.
        return "lost" if losing or self.waited >= patience else "stay"

    def lengthen(self, config: CurriculumConfig, running: np.ndarray) -> None:
        """Lengthen a settled horizon.

        Args:
          config: the rules.
          running: [T] the worst group's mean loss over the first t + 1 samples, from a look ahead.
        """
        samples = len(running)
        beyond = np.flatnonzero(running[self.horizon :] > config.look_ahead_mse)
        kept = self.horizon + int(beyond[0]) if beyond.size else samples
        if self.failures == 0:
            self.growth = min(self.growth * _RECOVERY, config.growth)
        longer = max(kept, int(self.horizon * self.growth), self.horizon + 1)
        self.settled = self.horizon
        self.horizon = samples if longer > _NEAR_END * samples else longer
        self.waited = self.failures = 0

    def go_back(self) -> None:
        """Return to the last settled horizon and halve the stride, after this one was lost."""
        self.failures += 1
        self.growth = 1 + (self.growth - 1) / 2
        shorter = max(self.settled + 1, int(self.settled * self.growth))
        self.horizon = min(self.horizon, shorter)
        self.waited = 0
