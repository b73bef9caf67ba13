"""Decisions at the end of a block of one group, from its prequential loss and its shadow losses.

A filter follows its targets long before its weights generate them: errors correct the state and the weights
together. So a small prequential loss says little, and the weights of the block's start are judged by their
shadow loss, which is frozen. There are two candidates for the start of the next block:

- END: the weights in which the block ended and, as the initial carry, the state at the last sample at which
  its targets stood as at its start (`repeats.last_repeat`): the end itself where it holds whole cycles. They
  belong together, since the filter has just followed with them.
- ESTIMATE: the weights with the filter's own estimate of the initial carry. Its error is of second order, so
  it is poor after a block with large changes, and right for blocks of any length later.

The next block begins from the one that is preferred: ESTIMATE after a block with a prequential loss so small
that changes were small too, else the one whose shadow loss was lower last time. A whole block that was
not followed is discarded, and the next one has larger gains.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

END, ESTIMATE = 0, 1

# A block whose prequential loss is at least this was not followed: its weights are discarded.
_LOST = 0.1
# Below this prequential loss the filter's estimate of the initial carry is preferred.
_CLOSE = 1e-3
# Factor on the observation noise and on the underweighting of the next block.
_BOLDER = 0.3
_CALMER = 2.0
# The same after a block whose shadow loss was below this.
_GOOD = 0.01
_MUCH_CALMER = 3.0


class Verdict(NamedTuple):
    """Decisions at the end of a block.

    Attributes:
      followed: whether the weights at its end replace the candidates.
      best: the candidate of its start whose shadow loss is the lowest of all blocks so far, or None.
    """

    followed: bool
    best: int | None


@dataclass
class Progress:
    """Progress of one group; plain numbers, saved with every checkpoint.

    Attributes:
      noise: R of the next block.
      underweight: see `square_root.observe`.
      horizon: rows of the next block that are used.
      preferred: END or ESTIMATE.
      followed: whether the last block was followed.
      blocks: blocks so far.
      prequential, shadow: losses of the last block; the shadow is that of the candidate it began with.
      best: lowest shadow loss of a whole block so far.
    """

    noise: float
    underweight: float
    horizon: int
    preferred: int
    followed: bool = False
    blocks: int = 0
    prequential: float | None = None
    shadow: float | None = None
    best: float | None = None

    def judge(
        self,
        prequential: float,
        shadows: tuple[float, float],
        *,
        whole: bool,
        noise: float,
        underweight: float,
    ) -> Verdict:
        """Judge a block that has ended.

        Args:
          prequential: mean prequential loss.
          shadows: mean shadow losses of both candidates.
          whole: whether all rows of the sequence were used, so that the shadows are losses of the task.
          noise: the largest R.
          underweight: the largest underweighting.
        """
        self.blocks += 1
        self.prequential, self.shadow = prequential, shadows[self.preferred]
        lowest = min((END, ESTIMATE), key=lambda k: _or_infinite(shadows[k]))
        if _or_infinite(shadows[lowest]) < _or_infinite(shadows[self.preferred]):
            self.preferred = lowest
        if _or_infinite(prequential) < _CLOSE:
            self.preferred = ESTIMATE
        best = None
        if whole and _or_infinite(shadows[lowest]) < _or_infinite(self.best):
            self.best, best = shadows[lowest], lowest
        # In a short block the errors before the filter has caught on are most of the loss.
        self.followed = math.isfinite(prequential) and (prequential < _LOST or not whole)
        calmer = _MUCH_CALMER if _or_infinite(shadows[lowest]) < _GOOD else _CALMER
        factor = calmer if self.followed else _BOLDER
        self.noise = min(noise, factor * self.noise)
        self.underweight = min(underweight, factor * self.underweight)
        return Verdict(self.followed, best)

    def to_json(self) -> dict[str, Any]:
        """Return the progress as a JSON-serialisable dictionary."""
        return dataclasses.asdict(self)


def _or_infinite(loss: float | None) -> float:
    return math.inf if loss is None or not math.isfinite(loss) else loss
