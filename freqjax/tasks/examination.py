"""Result of examining a run for one cause, and the evidence for a task's own checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from freqjax.networks.network import Params

if TYPE_CHECKING:
    from freqjax.networks import Network
    from freqjax.tasks.batch import Batch
    from freqjax.tasks.evaluation import Evaluation

# Below this share of the constant predictor's error a group counts as learned: 0.01 for a unit sine.
GOAL_SHARE = 0.02


class Examination(NamedTuple):
    """Result of the search for one cause.

    Attributes:
      cause: a name of `freqjax.diagnosis.CAUSES`, or one of the task's own.
      found: whether it explains the error; None if it could not be examined.
      words: the observation, in a sentence with its numbers.
      evidence: the numbers, ready for JSON.
      threshold: the threshold for the numbers, and its reason.
      experiment: a command whose outcome can refute the cause.
      advice: what to change.
      refuted_if: which outcome of the experiment does.
      before: the name in `freqjax.diagnosis.CAUSES` before which it ranks; empty for its own place there, or,
        of a cause of the task's own, after all of them.
      even_if_healthy: whether it stands in a run that has reached its goal, or beats its baselines, as well.
      mend: changes of the config (section.field=value) that alone mend it, which a trial can prove.
    """

    cause: str
    found: bool | None
    words: str
    evidence: dict[str, Any]
    threshold: str
    experiment: str
    advice: str
    refuted_if: str = "the frozen error ends no better"
    before: str = ""
    even_if_healthy: bool = False
    mend: tuple[str, ...] = ()


class Evidence(NamedTuple):
    """Evidence of a run for its task, since only the task knows the meaning of rows and outputs.

    Attributes:
      network: the network.
      params: the weights that the run kept.
      updated: whether any update was made; before the first there are only rows to check.
      train_rows: the training rows.
      test_rows: the test rows.
      evaluation: evaluation of the kept weights.
      errors: [G] their test losses; infinite if not finite, NaN for a group without rows.
      goal: the loss below which a group counts as learned.
      credit: the time through which the gradient went, in the task's unit of time.
      changed_files: fields whose file differs from the one that was trained on.
      command: (changes) → a command that repeats the run with them.
      through_time: the command that trains through a whole gradient.
      decays: whether its weights decay.
      rate: its learning rate.
      frozen: [E][G] frozen losses of the epochs that were evaluated, the oldest first; None if not finite.
      near_start: changes of the config to first weights that the training targets suggest; empty where there
        are none.
    """

    network: Network
    params: Params
    updated: bool
    train_rows: Batch
    test_rows: Batch
    evaluation: Evaluation
    errors: Sequence[float]
    goal: float
    credit: float
    changed_files: Sequence[str]
    command: Callable[..., str]
    through_time: str
    decays: bool
    rate: float
    frozen: Sequence[Sequence[float | None]]
    near_start: tuple[str, ...]
