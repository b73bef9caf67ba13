"""Cards of a page: the score of each group beside the constant's, the limit and the best baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from freqjax.report.tables import cell
from freqjax.tasks import Task
from freqjax.tasks.evaluation import Evaluation

# Groups that have a card of their own; all groups are in the table of losses.
_MOST = 12
# Decades that a bar of a loss spans at most, so that a limit of 0 does not flatten all others.
_DECADES = 5.0


class Level(NamedTuple):
    """Score as a bar.

    Attributes:
      name: of what it is the score.
      value: in words.
      width: of the bar, 0 to 1.
    """

    name: str
    value: str
    width: float


class Card(NamedTuple):
    """Scores of a group.

    Attributes:
      title: the group.
      levels: the network's, the constant's, the best baseline's and the limit, as far as they are known.
      note: what is of all groups.
    """

    title: str
    levels: Sequence[Level]
    note: str


def cards_of(evaluation: Evaluation, task: Task) -> list[Card]:
    """Return a card of all groups, then one for each of at most twelve that have test rows."""
    best = evaluation.best_baseline
    whole = {"network": evaluation.score, "constant": evaluation.constant_score}
    if best is not None:
        whole[best.replace("_", " ")] = evaluation.baselines[best]
    if evaluation.limit is not None:
        whole["limit"] = evaluation.limit
    better = evaluation.higher_is_better
    shown = [card_of(f"all, {evaluation.score_name}", whole, higher_is_better=better)]
    if len(task.group_names) == 1:
        return shown
    limits = evaluation.limit_per_group
    shared = "Constant of all groups together."
    tested = [n for n, score in enumerate(evaluation.per_group) if not math.isnan(score)]
    for place in tested[:_MOST]:
        own = {"network": evaluation.per_group[place], "constant": evaluation.constant_score}
        if limits is not None:
            own["limit"] = limits[place]
        shown.append(card_of(task.group_names[place], own, higher_is_better=better, note=shared))
    return shown


def card_of(
    title: str, values: Mapping[str, float | None], *, higher_is_better: bool, note: str = ""
) -> Card:
    """Return a card of scores by name; the one named network is marked."""
    known = [v for v in values.values() if v is not None and math.isfinite(v)]
    scale = max(map(abs, known), default=1.0) or 1.0
    levels = [
        Level(name, cell(value), _width(value, scale, higher_is_better))
        for name, value in values.items()
    ]
    return Card(title, levels, note)


def _width(value: float | None, scale: float, linear: bool) -> float:
    """Return the length of a bar: linear in a score, logarithmic in a loss."""
    if value is None or not math.isfinite(value) or value <= 0:
        return 0.0
    if linear:
        return min(value / scale, 1.0)
    return max(1 + math.log10(value / scale) / _DECADES, 0.01)
