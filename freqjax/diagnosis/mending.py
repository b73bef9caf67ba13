"""Conditions under which a change of the recipe explains an error, alone or beside another one."""

from __future__ import annotations

import math
from typing import NamedTuple

from freqjax.config.sections import Config
from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.text import number

# A change of the recipe explains the error if it alone takes at least this share of it away.
MENDED_SHARE = 0.5


class Beside(NamedTuple):
    """A recipe in which another fault that was found is mended already.

    Attributes:
      config: of the whole recipe.
      words: what it changes, to follow "from the same start".
      changes: the same as section.field=value.
    """

    config: Config
    words: str
    changes: tuple[str, ...]


def mends(run: RunUnderExamination, reached: float, same: float) -> bool:
    """Tell whether a change that reached an error explains what the run kept, and `same` without it.

    All of them are on the training rows: where the run has learned those, or would have in as many updates,
    neither rate nor width failed. And it must be as much better than the first weights and than the best
    constant, if they are better than the run: a change that only does less harm mends nothing.
    """
    kept = run.kept_train_error
    best = min(kept, same, run.initial_train_error, run.constant_loss)
    return min(kept, same) >= run.goal and reached < MENDED_SHARE * best


def mends_beside(run: RunUnderExamination, reached: float, same: float) -> bool:
    """Tell the same where another change was made as well, with which alone `same` was reached."""
    best = min(same, run.initial_train_error, run.constant_loss)
    failed = min(same, run.kept_train_error) >= run.goal
    return failed and reached < MENDED_SHARE * best


def said(value: float) -> str:
    """Return an error as people read it, finite or not."""
    return number(value) if math.isfinite(value) else "no finite value"


def finite_or_none(value: float) -> float | None:
    """Return `value` as JSON holds it."""
    return value if math.isfinite(value) else None
