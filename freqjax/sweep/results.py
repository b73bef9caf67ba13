"""Results of a sweep: a row per replica, and the mean loss with its interval for each value of an axis."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import special

from freqjax.sweep.standards import Names, goal_words, is_solved
from freqjax.text import number

Row = dict[str, Any]

# Most values of an axis that are listed; more are summarised in one line.
_MOST_LINES = 12


def mean_interval(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Return the mean and its 95 % interval (Student's t); None if there are too few values."""
    count = len(values)
    if count == 0:
        return None, None, None
    mean = float(np.mean(values))
    if count == 1:
        return mean, None, None
    half = float(special.stdtrit(count - 1, 0.975) * np.std(values, ddof=1) / math.sqrt(count))
    return mean, mean - half, mean + half


def aggregate(rows: Sequence[Row], axes: Sequence[str], loss: str = "test_mse") -> list[Row]:
    """Return the number of replicas, the mean `loss` and its interval for every value of every axis.

    Replicas whose loss is not finite are counted and excluded from the mean.
    """
    found = []
    for axis in axes:
        alike: dict[Any, list[Row]] = {}
        for row in rows:
            alike.setdefault(_hashable(row[axis]), []).append(row)
        for members in alike.values():
            value = members[0][axis]
            finite = [row[loss] for row in members if row[loss] is not None]
            mean, low, high = mean_interval(finite)
            found.append(
                {
                    "axis": axis,
                    "value": value,
                    "replicas": len(members),
                    "not_finite": len(members) - len(finite),
                    f"{loss}_mean": mean,
                    f"{loss}_low": low,
                    f"{loss}_high": high,
                    f"{loss}_best": min(finite, default=None),
                    f"{loss}_median": float(np.median(finite)) if finite else None,
                }
            )
    return found


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def best_replica(rows: Sequence[Row], names: Names) -> int | None:
    """Return the replica with the lowest frozen loss; None if no loss is finite.

    The loss is that of the validation rows, or of the training rows if there are none; never of test rows.
    """
    validation, train = names.choosing
    losses = [(row.get(validation, row[train]), row["replica"]) for row in rows]
    finite = [(loss, replica) for loss, replica in losses if loss is not None]
    return min(finite)[1] if finite else None


def to_csv(rows: Sequence[Row]) -> str:
    """Return the rows as CSV; numbers per group have a column each, a list is written with spaces."""
    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(key for row in flat for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _flat(row: Row) -> Row:
    flat: Row = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{key.partition('_per_')[0]} {name}": item for name, item in value.items()}
        elif isinstance(value, (list, tuple)):
            flat[key] = " ".join(str(item) for item in value)
        else:
            flat[key] = value
    return flat


def text(rows: Sequence[Row], aggregates: Sequence[Row], names: Names) -> list[str]:
    """Return the results as lines of text."""
    solved = sum(is_solved(row, names) for row in rows)
    return [
        f"{solved} of {len(rows)} replicas have {goal_words(rows, names)} on the test rows.",
        "",
        *_table(rows, aggregates, names),
        "",
        *_stopped(rows),
        *_best(rows, names),
    ]


def _table(rows: Sequence[Row], aggregates: Sequence[Row], names: Names) -> list[str]:
    loss = names.test
    named = [(_name(a), a) for a in _shortened(rows, aggregates, loss)]
    width = max(len(name) for name, _ in named)
    title = f"frozen test {names.label}, mean and 95 % interval"
    lines = [f"{'':<{width}}  replicas  {title:<41}   best"]
    for name, a in named:
        said = number(a[f"{loss}_mean"])
        if a[f"{loss}_low"] is not None:
            said += f" ({number(a[f'{loss}_low'])} to {number(a[f'{loss}_high'])})"
        if a["not_finite"]:
            said += f", {a['not_finite']} not finite"
        lines.append(f"{name:<{width}}  {a['replicas']:>8}  {said:<41} {number(a[f'{loss}_best'])}")
    return lines


def _stopped(rows: Sequence[Row]) -> list[str]:
    lines = []
    for reason in ("non_finite", "diverged"):
        stopped = [row["replica"] for row in rows if row["stop_reason"] == reason]
        if stopped:
            numbers = ", ".join(map(str, stopped[:8])) + (" …" if len(stopped) > 8 else "")
            lines.append(
                f"stopped as {reason}: {len(stopped)} (replica {numbers}); the others went on"
            )
    return lines


def _best(rows: Sequence[Row], names: Names) -> list[str]:
    best = best_replica(rows, names)
    if best is None:
        return []
    row, (validation, train) = rows[best], names.choosing
    split = "validation" if validation in row else "training"
    chosen = f", validation {number(row[validation])}" if validation in row else ""
    return [
        f"best by frozen {split} {names.label}: replica {best}, train {number(row[train])}{chosen}, "
        f"test {number(row[names.test])}"
    ]


def _shortened(rows: Sequence[Row], aggregates: Sequence[Row], loss: str) -> list[Row]:
    """Return the aggregates, with a single one for all values of an axis that has too many."""
    found = []
    for axis in dict.fromkeys(a["axis"] for a in aggregates):
        own = [a for a in aggregates if a["axis"] == axis]
        if len(own) > _MOST_LINES:
            ends = f"{shown(own[0]['value'])} … {shown(own[-1]['value'])}"
            own = aggregate([{**row, axis: ends} for row in rows], [axis], loss)
        found += own
    return found


def _name(aggregated: Row) -> str:
    return f"{aggregated['axis']} = {shown(aggregated['value'])}"


def shown(value: Any) -> str:
    """Return a value of an axis as text."""
    return " ".join(f"{v:g}" for v in value) if isinstance(value, (list, tuple)) else f"{value}"
