"""Results of a sweep: a row per replica, and the mean loss with its interval for each value of an axis."""

from __future__ import annotations

import csv
import io
import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special

from freqjax.config.laws import Law
from freqjax.config.overrides import as_text
from freqjax.sweep.standards import Names, goal_words, is_solved
from freqjax.text import number, printable

Row = dict[str, Any]

# `stop_reason` of a replica that a rung stopped.
HALVED = "halved"
# Most values of an axis that are listed; more are summarised in one line.
_MOST_LINES = 12
# Parts of an axis whose values were drawn.
_PARTS = 4


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


def aggregate(
    rows: Sequence[Row],
    axes: Sequence[str],
    loss: str = "test_mse",
    laws: Mapping[str, Law] | None = None,
) -> list[Row]:
    """Return the number of replicas, the mean `loss` and its interval for every value of every axis.

    An axis with a law has no values of its own: its entries are parts of the same probability, with the ends
    of the part as the value and the number of its draws. Where there are laws, a draw counts once in a mean,
    with the mean over its replicas, since these have the drawn numbers in common.
    Replicas whose loss is not finite are counted and excluded from the mean. Those that were halved are
    counted, and are in it with the loss of the epoch at which they stopped.

    Args:
      rows: of sweep.json.
      axes: fields.
      loss: the key of the loss.
      laws: field → law of the axes that have one.
    """
    laws, found = laws or {}, []
    for axis in axes:
        for value, members in _alike(rows, axis, laws.get(axis)):
            finite = [row[loss] for row in members if row[loss] is not None]
            drawn = _per_draw(members, list(laws), loss) if laws else finite
            mean, low, high = mean_interval(drawn)
            halved = sum(map(is_halved, members))
            found.append(
                {
                    "axis": axis,
                    "value": value,
                    **({"draws": len(_by_draw(members, list(laws)))} if axis in laws else {}),
                    "replicas": len(members),
                    "not_finite": len(members) - len(finite),
                    **({"halved": halved} if halved else {}),
                    f"{loss}_mean": mean,
                    f"{loss}_low": low,
                    f"{loss}_high": high,
                    f"{loss}_best": min(finite, default=None),
                    f"{loss}_median": float(np.median(finite)) if finite else None,
                }
            )
    return found


def _alike(rows: Sequence[Row], axis: str, law: Law | None) -> list[tuple[Any, list[Row]]]:
    """Return the rows with each value of an axis, or in each part of its law that has any."""
    if law is not None:
        parts = law.parts(_PARTS)
        members: list[list[Row]] = [[] for _ in parts]
        for row in rows:
            members[next(n for n, (_, high) in enumerate(parts) if row[axis] <= high)].append(row)
        return [(list(ends), own) for ends, own in zip(parts, members, strict=True) if own]
    alike: dict[Any, list[Row]] = {}
    for row in rows:
        alike.setdefault(_hashable(row[axis]), []).append(row)
    return [(own[0][axis], own) for own in alike.values()]


def _by_draw(rows: Sequence[Row], drawn: Sequence[str]) -> list[list[Row]]:
    """Group rows by the values of the axes that were drawn; no two draws have the same."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[field] for field in drawn), []).append(row)
    return list(found.values())


def _per_draw(rows: Sequence[Row], drawn: Sequence[str], loss: str) -> list[float]:
    """Return the mean finite loss of each draw that has one."""
    known = [row for row in rows if row[loss] is not None]
    return [float(np.mean([row[loss] for row in own])) for own in _by_draw(known, drawn)]


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def best_replica(rows: Sequence[Row], names: Names) -> int | None:
    """Return the replica with the lowest frozen loss; None if no loss is finite.

    The loss is that of the validation rows, or of the training rows if there are none; never of test rows.
    A replica that did not go on from a rung is not the best.
    """
    validation, train = names.choosing
    went_on = [row for row in rows if not is_halved(row)]
    losses = [(row.get(validation, row[train]), row["replica"]) for row in went_on]
    finite = [(loss, replica) for loss, replica in losses if loss is not None]
    return min(finite)[1] if finite else None


def is_halved(row: Row) -> bool:
    """Return whether the replica of a row of sweep.json stopped at a rung of successive halving."""
    return row.get("stop_reason") == HALVED


def halved_at(rows: Sequence[Row]) -> dict[int, list[int]]:
    """Return the replicas that stopped at each rung of successive halving, by its epoch."""
    halved = [row for row in rows if is_halved(row)]
    return {
        epoch: [row["replica"] for row in halved if row["epochs"] == epoch]
        for epoch in sorted({row["epochs"] for row in halved})
    }


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


def text(
    rows: Sequence[Row], aggregates: Sequence[Row], axes: Sequence[str], names: Names
) -> list[str]:
    """Return the results as lines of text; `axes` are the fields that were swept."""
    solved = sum(is_solved(row, names) for row in rows)
    return [
        f"{solved} of {len(rows)} replicas have {goal_words(rows, names)} on the test rows.",
        "",
        *_table(rows, aggregates, names),
        "",
        *_stopped(rows),
        *_best(rows, axes, names),
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
        if a.get("halved"):
            said += f", {a['halved']} halved"
        lines.append(f"{name:<{width}}  {a['replicas']:>8}  {said:<41} {number(a[f'{loss}_best'])}")
    return lines


def _stopped(rows: Sequence[Row]) -> list[str]:
    lines = []
    for reason in ("non_finite", "diverged"):
        stopped = [row["replica"] for row in rows if row["stop_reason"] == reason]
        if stopped:
            lines.append(
                f"stopped as {reason}: {len(stopped)} (replica {_listed(stopped)}); the others went on"
            )
    return lines + _halved(rows)


def _halved(rows: Sequence[Row]) -> list[str]:
    """Return a line for each rung at which replicas stopped."""
    lines = [
        f"halved at epoch {epoch}: {len(stopped)} (replica {_listed(stopped)})"
        for epoch, stopped in halved_at(rows).items()
    ]
    if lines:
        lines.append("means count a replica that was halved with its loss at that epoch")
    return lines


def _listed(replicas: Sequence[int]) -> str:
    return ", ".join(map(str, replicas[:8])) + (" …" if len(replicas) > 8 else "")


def _best(rows: Sequence[Row], axes: Sequence[str], names: Names) -> list[str]:
    best = best_replica(rows, names)
    if best is None:
        return []
    row, (validation, train) = rows[best], names.choosing
    split = "validation" if validation in row else "training"
    chosen = f", validation {number(row[validation])}" if validation in row else ""
    return [
        f"best by frozen {split} {names.label}: replica {best}, train {number(row[train])}{chosen}, "
        f"test {number(row[names.test])}",
        f"its values: {' '.join(_flag(axis, row[axis]) for axis in axes)}",
    ]


def _flag(axis: str, value: Any) -> str:
    """Return a field and its value as they are given on a command line."""
    return shlex.quote(printable(f"--config.{axis}={as_text(None, value)}"))


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
    axis, value = aggregated["axis"], aggregated["value"]
    if "draws" in aggregated:  # a part of a law
        low, high = map(shown, value)
        return f"{axis} = {low} to {high}" if low != high else f"{axis} = {low}"
    return f"{axis} = {shown(value)}"


def shown(value: Any) -> str:
    """Return a value of an axis as text; the items of a tuple, with spaces, are numbers or texts."""
    if not isinstance(value, (list, tuple)):
        return f"{value}"
    return " ".join(f"{item:g}" if isinstance(item, (int, float)) else f"{item}" for item in value)
