"""Horizons: a curriculum from the first samples of every block to longer and longer ones.

An oscillator whose rate is off by Δ cycles a unit of time has lost its target after 1/Δ units, and descent
on T units of time is drawn to the right rate only while |Δ|·T < 0.7; further off, shrinking the output
lowers the loss more. So training begins with the first samples of every block, where random initial rates
are near enough, and goes on only when every group has settled at this horizon.

Then one look ahead, over the whole blocks, tells how far the network follows its targets already. The next
horizon reaches to where the first group's mean loss exceeds `look_ahead_mse`, and at least a growth
factor further. Where a step that long loses a group for good, the curriculum goes back to the weights
that had settled and takes half the stride.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from freqjax.config.sections import CurriculumConfig

# A group is losing ground where, after a few steps, its loss is above this and the total still falls
# by less than a factor of three a step: in the basin, a Gauss-Newton step does much better.
_LOSING_LOSS = 0.03
_LOSING_FALL = 0.3
_LOSING_STEPS = 4
# With every group below this, settling is a matter of more steps, not of another stride.
_NEAR_LOSS = 0.01
_NEAR_PATIENCE = 3
# After a loss the stride recovers by this factor with every horizon that settles at once.
_RECOVERY = 1.15
# A horizon this near the end goes to the end.
_NEAR_END = 0.8


@dataclass
class Horizons:
    """Place in the curriculum; all in samples, saved with every checkpoint.

    Attributes:
      horizon: samples of every block that count now.
      settled: the last horizon that settled; the first one before that.
      growth: the present stride, a factor.
      waited: steps taken at this horizon.
      failures: how often in a row this stretch was lost.
    """

    horizon: int
    settled: int
    growth: float
    waited: int = 0
    failures: int = 0

    @classmethod
    def begin(cls, config: CurriculumConfig, samples: int, samples_per_unit: float) -> Horizons:
        """Begin at the first horizon of blocks of T = `samples`, from times in the task's unit."""
        assert config.first_horizon is not None
        first = min(samples, max(2, round(config.first_horizon * samples_per_unit)))
        return cls(horizon=first, settled=first, growth=config.growth)

    def judge(self, config: CurriculumConfig, before: float, losses: np.ndarray) -> str:
        """Count a step and say "settled", "lost" or "stay".

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
        # A loss that is not a number is neither below nor above anything: patience ends it.
        return "lost" if losing or self.waited >= patience else "stay"

    def lengthen(self, config: CurriculumConfig, running: np.ndarray) -> None:
        """Go on from a settled horizon.

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
        """Half the stride from the last settled horizon, after this one was lost."""
        self.failures += 1
        self.growth = 1 + (self.growth - 1) / 2
        shorter = max(self.settled + 1, int(self.settled * self.growth))
        self.horizon = min(self.horizon, shorter)
        self.waited = 0
