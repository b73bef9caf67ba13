"""Text of the page of two runs: what differs in their configs, and their scores beside what is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from freqjax.page.cards import Card, card_of
from freqjax.page.comparison.sides import Side, Tested
from freqjax.page.contents import config_rows, table_of
from freqjax.tasks.evaluation import Table, best_baseline
from freqjax.text import duration


def contents_of(sides: Sequence[Side], test: Tested) -> dict[str, Any]:
    """Return the variables of the template."""
    labels = {side.task.objective.label for side in sides}
    return {
        "names": [(side.letter, side.folder.name, str(side.folder)) for side in sides],
        "differing": differing(sides),
        "cards": [card for side in sides if (card := _card(side)) is not None],
        "waiting": [side.letter for side in sides if "score" not in side.values],
        "comparable": _comparable(sides, test),
        "groups": table_of(_groups(sides)) if _have_one_score(sides) else None,
        "training": table_of(_training(sides)),
        "one_loss": len(labels) == 1,
        "labels": [side.task.objective.label for side in sides],
        "traces": [trace.name for trace in test.traces],
        "no_traces": test.words,
    }


def differing(sides: Sequence[Side]) -> list[tuple[str, str, str]]:
    """Return field, value of the first and value of the second, of the fields that differ."""
    first, second = (dict(config_rows(side.config)) for side in sides)
    return [
        (name, first.get(name, "–"), second.get(name, "–"))
        for name in dict.fromkeys([*first, *second])
        if first.get(name) != second.get(name)
    ]


def _have_one_score(sides: Sequence[Side]) -> bool:
    names = {side.values.get("score_name") for side in sides}
    groups = {tuple(side.task.group_names) for side in sides}
    return None not in names and len(names) == len(groups) == 1


def _comparable(sides: Sequence[Side], test: Tested) -> str:
    """Say what a difference of the scores can mean."""
    names = [side.values.get("score_name") for side in sides]
    if None not in names and names[0] != names[1]:
        return f"The scores are of two kinds, {names[0]} and {names[1]}: they cannot be compared."
    if test.are_same is None:
        return "Whether both were tested on the same rows is not known."
    if not test.are_same:
        return "The test rows differ: a difference of the scores may be one of the rows."
    return (
        "Both were tested on the same rows. Each is one run: a difference may be that of their seeds, "
        "which a sweep over seeds tells apart."
    )


def _card(side: Side) -> Card | None:
    values = side.values
    if "score" not in values:  # not ended yet, or by a signal
        return None
    shown = {"network": values.get("score"), **_levels(side)}
    title = f"{side.letter}, test {values.get('score_name')}"
    return card_of(title, shown, higher_is_better=bool(values.get("higher_is_better")))


def _levels(side: Side) -> dict[str, float | None]:
    """Return the scores that a run's own is compared with, as far as its summary has them."""
    baselines = side.values.get("baselines") or {}
    found: dict[str, float | None] = {}
    if "constant" in baselines:
        found["constant"] = baselines["constant"]
    best = best_baseline(baselines, higher_is_better=bool(side.values.get("higher_is_better")))
    if best is not None:
        found[best.replace("_", " ")] = baselines[best]
    limit = side.values.get("limit")
    if isinstance(limit, dict):  # a task with a survey of its limits
        limit = limit.get(f"bayes_{side.values['metric']}")
    if limit is not None:
        found["limit"] = limit
    return found


def _groups(sides: Sequence[Side]) -> Table:
    """Return the scores of each group."""
    task = sides[0].task
    per_group = [side.values.get(f"score_per_{task.group_label}") or [] for side in sides]
    rows: list[Sequence[Any]] = [
        (name, *(scores[place] if place < len(scores) else None for scores in per_group))
        for place, name in enumerate(task.group_names)
        if len(task.group_names) > 1
    ]
    rows.append(("all", *(side.values["score"] for side in sides)))
    name = sides[0].values["score_name"]
    return Table((task.group_label, *(f"{side.letter}, test {name}" for side in sides)), rows)


def _training(sides: Sequence[Side]) -> Table:
    named = {
        **{name: name for name in ("parameters", "weights", "epochs", "updates")},
        "wall_seconds": "training time",
        "stop_reason": "stopped by",
        "device": "device",
    }
    rows = [
        (shown, *(_said(name, side.values.get(name)) for side in sides))
        for name, shown in named.items()
        if any(side.values.get(name) is not None for side in sides)
    ]
    return Table(("", *(side.letter for side in sides)), rows)


def _said(name: str, value: Any) -> Any:
    if name == "wall_seconds" and value is not None:
        return duration(value)
    return value.replace("_", " ") if name == "stop_reason" and value is not None else value
