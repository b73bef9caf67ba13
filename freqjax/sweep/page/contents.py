"""Text of the page of a sweep: what was swept, what won and by which rows, and the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from freqjax.page.cards import Card, card_of
from freqjax.page.contents import config_rows
from freqjax.report.tables import cell
from freqjax.sweep.page.curves import stride
from freqjax.sweep.page.panels import COLOURS, dash_of
from freqjax.sweep.page.reading import Row, Swept
from freqjax.sweep.page.settings import Interval, Setting, is_seed, words_of
from freqjax.sweep.results import halved_at, is_halved, shown
from freqjax.sweep.standards import goal_words, is_solved
from freqjax.text import duration, number

# Settings that have curves, and those of them that are shown at first.
MOST_SETTINGS, FIRST = 32, 8
# Values of an axis that are listed one by one.
_MOST_VALUES = 12


class Column(NamedTuple):
    """Column of the table of replicas: its key in a row of sweep.json, and its heading."""

    key: str
    name: str


def contents_of(swept: Swept, settings: Sequence[Setting]) -> dict[str, Any]:
    """Return the variables of the template."""
    title, verdict = _headline(swept)
    columns = columns_of(swept)
    return {
        "name": swept.folder.name,
        "title": title,
        "verdict": verdict,
        "swept": _swept(swept),
        "means": _means(swept, settings),
        "facts": _facts(swept),
        "cards": _cards(swept),
        "columns": [column.name for column in columns],
        "rows": [_row(swept, row, columns) for row in swept.rows],
        "settings": [_setting(swept, place, s) for place, s in enumerate(settings)],
        "choosing": f"{swept.split} {swept.names.label}",
        "label": swept.names.label,
        "has_ended": swept.has_ended,
        "split": swept.split,
        "every": stride(swept),
        "first": FIRST,
        "most": MOST_SETTINGS,
        "coordinates": coordinates_of(swept, settings),
        "config": config_rows(swept.config),
    }


def _headline(swept: Swept) -> tuple[str, str]:
    """Return the title, and a sentence about the best replica."""
    names, count = swept.names, len(swept.rows)
    if not swept.has_ended:
        known = sum(map(bool, swept.metrics.values()))
        return (
            f"{count} replicas, not ended",
            f"{known} of them have completed an epoch. Scores are known once all have ended.",
        )
    if swept.chosen is None:
        return "No replica won", "None has a finite loss."
    row = _best(swept)
    test = row[names.test]
    return (
        f"Replica {swept.chosen} won: {words_of(row, swept.axes)}",
        f"It has the lowest frozen {swept.split} {names.label} of {count} replicas, "
        f"{number(row[swept.choosing])}. On the test rows, which chose nothing, its {names.label} is "
        f"{number(test)}; that of {names.constant_name} is {number(row[names.constant])}.{_halved(swept)}",
    )


def _halved(swept: Swept) -> str:
    """Return a sentence about the replicas that stopped at rungs, if there are any."""
    at = halved_at(swept.rows)
    if not at:
        return ""
    stopped = ", ".join(f"{len(replicas)} at epoch {epoch}" for epoch, replicas in at.items())
    return f" The sweep halved {stopped}."


def _swept(swept: Swept) -> str:
    said = []
    for axis in swept.axes:
        if axis in swept.laws:
            said.append(f"{axis}: {swept.config.sweep.draws} draws of {swept.laws[axis].text}")
            continue
        texts = [text for _, text in _values(swept, axis)]
        many = f"{texts[0]} … {texts[-1]} ({len(texts)} values)"
        said.append(f"{axis}: {', '.join(texts) if len(texts) <= _MOST_VALUES else many}")
    return f"Swept: {'; '.join(said)}."


def _values(swept: Swept, axis: str) -> list[tuple[Any, str]]:
    """Return the distinct values of an axis, numbers from the least to the greatest."""
    found = {shown(row[axis]): row[axis] for row in swept.rows}
    values = [(value, text) for text, value in found.items()]
    if all(isinstance(value, int | float) for value, _ in values):
        values.sort(key=lambda pair: pair[0])
    return values


def _means(swept: Swept, settings: Sequence[Setting]) -> str:
    """Compare the best two settings, or say why they cannot be compared."""
    if not swept.has_ended or len(settings) < 2:
        return ""
    seeds = [axis for axis in swept.axes if is_seed(axis)]
    first, second = settings[0], settings[1]
    if any(map(is_halved, swept.rows)):
        return (
            "A replica that was halved counts with its loss at the epoch at which it stopped: means over "
            "seeds do not compare settings."
        )
    if not seeds or len(first.replicas) < 2:
        return "Each setting has one seed: a difference between two of them may be that of their seeds."
    a, b = first.chosen_by, second.chosen_by
    if a.mean is None or b.mean is None or a.high is None or b.low is None:
        return ""
    overlap = "overlaps" if a.high >= b.low else "does not overlap"
    return (
        f"Over {len(first.replicas)} seeds the mean {swept.split} {swept.names.label} is lowest for "
        f"{first.name}, {_interval(a)}; its 95 % interval {overlap} that of the next, {second.name}, "
        f"{_interval(b)}."
    )


def _facts(swept: Swept) -> list[tuple[str, str]]:
    values, rows = swept.values, swept.rows
    facts = [("replicas", f"{len(rows):,}")]
    if swept.has_ended:
        solved = sum(is_solved(row, swept.names) for row in rows)
        facts.append(("learned", f"{solved} of {len(rows)}, {goal_words(rows, swept.names)}"))
    if at := halved_at(rows):
        stopped = sum(map(len, at.values()))
        facts.append(("halved", f"{stopped} of {len(rows)}, at epoch {', '.join(map(str, at))}"))
    facts += [(name, f"{values[name]:,}") for name in ("programs", "updates") if name in values]
    if "wall_seconds" in values:
        facts.append(("in all", duration(values["wall_seconds"])))
    if "device" in values:
        facts.append(("device", values["device"]))
    return facts


def _cards(swept: Swept) -> list[Card]:
    """Return the best replica's test loss, and its score if that is another, beside what its row has."""
    if swept.chosen is None:
        return []
    names, row = swept.names, _best(swept)
    title = f"replica {swept.chosen}, test"
    is_loss = names.score == names.label
    best = {"best baseline": row["best_baseline"]} if "best_baseline" in row else {}
    loss = {"network": row[names.test], names.constant_name: row[names.constant]}
    loss |= best if is_loss else {}
    cards = [card_of(f"{title} {names.label}", loss, higher_is_better=False)]
    if not is_loss and (key := _score_key(swept)) in row:
        score = {"network": row[key], **best}
        better = names.higher_is_better
        cards.insert(0, card_of(f"{title} {names.score}", score, higher_is_better=better))
    return cards


def _best(swept: Swept) -> Row:
    return next(row for row in swept.rows if row["replica"] == swept.chosen)


def _score_key(swept: Swept) -> str:
    return f"test_{swept.names.score.replace(' ', '_').replace('-', '_')}"


def columns_of(swept: Swept) -> list[Column]:
    """Return the columns of the table of replicas, those of which some row has a value."""
    names, score = swept.names, _score_key(swept)
    validation, train = names.choosing
    every = [
        *(Column(axis, axis) for axis in swept.axes),
        Column(validation, f"validation {names.label}"),
        Column(train, f"training {names.label}"),
        Column(names.test, f"test {names.label}"),
        Column(f"worst_{names.test}", f"worst {names.group}"),
        Column(f"prequential_{names.metric}", f"prequential {names.label}"),
        Column("best_epoch", "best epoch"),
        Column("epochs", "epochs"),
        Column("stop_reason", "stopped by"),
    ]
    if score != names.test:
        every.insert(len(swept.axes), Column(score, f"test {names.score}"))
    return [column for column in every if any(column.key in row for row in swept.rows)]


def _row(swept: Swept, row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    cells = []
    for column in columns:
        value = row.get(column.key)
        is_axis = column.key in swept.axes
        text = shown(value) if is_axis else cell(value).replace("_", " ")
        key = "" if value is None else repr(value) if isinstance(value, int | float) else text
        cells.append({"text": text, "value": key})
    return {
        "replica": row["replica"],
        "place": _place(swept, row["replica"]),
        "cells": cells,
        "is_best": row["replica"] == swept.chosen,
    }


def _place(swept: Swept, replica: int) -> str:
    """Return the page or the folder of a replica that has one, relative to the sweep's; else nothing."""
    if replica != swept.chosen or not (swept.folder / "best").is_dir():
        return ""
    return "best/page.html" if (swept.folder / "best" / "page.html").is_file() else "best/"


def _setting(swept: Swept, place: int, setting: Setting) -> dict[str, Any]:
    members = set(setting.replicas)
    rows = [row for row in swept.rows if row["replica"] in members]
    has_curve = place < MOST_SETTINGS
    return {
        "name": setting.name,
        "seeds": len(rows),
        "chosen_by": _interval(setting.chosen_by),
        "test": _interval(setting.test),
        "learned": f"{sum(is_solved(row, swept.names) for row in rows)}"
        if swept.has_ended
        else "-",
        "colour": place % COLOURS if has_curve else None,
        "dash": dash_of(place),
    }


def _interval(found: Interval) -> str:
    if found.mean is None:
        return "-"
    if found.low is None or found.high is None:
        return cell(found.mean)
    return f"{cell(found.mean)} ({cell(found.low)} to {cell(found.high)})"


def coordinates_of(swept: Swept, settings: Sequence[Setting]) -> dict[str, Any]:
    """Return the parallel coordinates, ready for JSON: the axes of the sweep, then its losses and scores."""
    axes: list[dict[str, Any]] = []
    for axis in swept.axes:
        law = swept.laws.get(axis)
        if law is not None:
            values = [row[axis] for row in swept.rows]
            scale = {"ends": [law.low, law.high], "log": law.is_log}
            axes.append({"name": axis, "texts": None, "values": values} | scale)
            continue
        texts = [text for _, text in _values(swept, axis)]
        places = [texts.index(shown(row[axis])) for row in swept.rows]
        axes.append({"name": axis, "texts": texts, "values": places})
    keys = (swept.choosing, swept.names.test, _score_key(swept))
    names = {column.key: column.name for column in columns_of(swept)}
    for key in dict.fromkeys(key for key in keys if key in names and swept.has_ended):
        axes.append({"name": names[key], "texts": None, "values": [row[key] for row in swept.rows]})
    of_replica = {r: place for place, setting in enumerate(settings) for r in setting.replicas}
    return {
        "axes": axes,
        "replicas": [row["replica"] for row in swept.rows],
        "settings": [of_replica[row["replica"]] for row in swept.rows],
    }
