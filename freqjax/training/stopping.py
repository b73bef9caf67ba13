"""Stopping rules of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from freqjax.config.sections import TrainConfig


@dataclass
class Stopping:
    """State of the stopping rules from epoch to epoch; saved with every checkpoint.

    Attributes:
      best_loss: lowest training loss so far; None before the first.
      best_frozen: lowest frozen loss so far, of the rows that choose (`Prepared.losses_after`): validation
        rows, or training rows if there are none; None before the first.
      awaited_frozen: the value that must improve before patience ends.
      waited: evaluations since it improved by `train.min_delta`.
      reason: why the run stopped, if it has; saved so that a run that is killed between that decision and its
        summary does not continue when it is resumed.
    """

    best_loss: float | None = None
    best_frozen: float | None = None
    awaited_frozen: float | None = None
    waited: int = 0
    reason: str | None = None

    def observe(
        self,
        config: TrainConfig,
        epoch: int,
        loss: float,
        frozen: float | None,
        worst_frozen: float | None,
    ) -> str | None:
        """Update the state with an epoch and return the reason to stop, or None to continue.

        Args:
          config: the rules.
          epoch: completed epochs.
          loss: the epoch's training loss.
          frozen: frozen loss of the rows that choose, if it was evaluated.
          worst_frozen: the same for the worst group.
        """
        self.reason = self._judge(config, epoch, loss, frozen, worst_frozen)
        return self.reason

    def _judge(
        self,
        config: TrainConfig,
        epoch: int,
        loss: float,
        frozen: float | None,
        worst_frozen: float | None,
    ) -> str | None:
        if not math.isfinite(loss) or (frozen is not None and not math.isfinite(frozen)):
            return "non_finite"
        factor = config.divergence_factor
        diverged = (
            factor is not None and self.best_loss is not None and (loss > factor * self.best_loss)
        )
        self.best_loss = loss if self.best_loss is None else min(loss, self.best_loss)
        if frozen is not None:
            self._wait(frozen, config.min_delta)
        target = config.target_mse
        if target is not None and worst_frozen is not None and worst_frozen < target:
            return "target_reached"
        if diverged:
            return "diverged"
        if config.patience is not None and self.waited >= config.patience:
            return "patience"
        return "epochs_done" if epoch >= config.epochs else None

    def _wait(self, frozen: float, min_delta: float) -> None:
        if self.awaited_frozen is None or frozen < self.awaited_frozen - min_delta:
            self.awaited_frozen, self.waited = frozen, 0
        else:
            self.waited += 1

    def is_best(self, frozen: float) -> bool:
        """Return whether `frozen` is the lowest frozen loss so far; if so, store it."""
        if math.isfinite(frozen) and (self.best_frozen is None or frozen < self.best_frozen):
            self.best_frozen = frozen
            return True
        return False
