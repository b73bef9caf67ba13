"""What an examination of a run finds: one cause, whether it is there, and how one could tell otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from freqjax.tasks.batch import Batch

# Below this share of the zero predictor's error a component counts as learned: 0.01 for a unit sine.
GOAL_SHARE = 0.02


class Examination(NamedTuple):
    """One cause, looked for.

    Attributes:
      cause: a name of `freqjax.diagnosis.CAUSES`.
      found: whether it explains the error; None where it could not be examined.
      words: what was seen, in a sentence with its numbers.
      evidence: the numbers, ready for JSON.
      threshold: what they are held against, and why that.
      experiment: a command whose outcome can refute it.
      advice: what to change.
      refuted_if: which outcome of the experiment does.
    """

    cause: str
    found: bool | None
    words: str
    evidence: dict[str, Any]
    threshold: str
    experiment: str
    advice: str
    refuted_if: str = "the frozen error ends no better"


class Evidence(NamedTuple):
    """Evidence of a run for its task, which alone knows what rows and outputs mean.

    Attributes:
      train_rows: the training rows.
      test_rows: the test rows.
      test: what the task's `evaluate` says of the kept weights on the test rows.
      errors: [G] the frozen test errors that are judged.
      goal: what each must come below.
      oscillations_hz: [G] the frequencies at which the network turns under each selector, Hz; empty
        where it has no such reading.
      credit_seconds: the time through which the gradient went, s.
      changed_files: fields whose file is not the one that was trained on.
      command: (changes) → a command that repeats the run with them.
      with_curriculum: the command that trains over lengthening horizons.
    """

    train_rows: Batch
    test_rows: Batch
    test: Mapping[str, Any]
    errors: Sequence[float]
    goal: float
    oscillations_hz: Sequence[np.ndarray]
    credit_seconds: float
    changed_files: Sequence[str]
    command: Callable[..., str]
    with_curriculum: str
