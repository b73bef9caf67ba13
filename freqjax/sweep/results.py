"""What a sweep found: a row a replica, and over each value of an axis the mean and how sure it is."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import special

from freqjax.tasks.examination import GOAL_SHARE
from freqjax.text import number

Row = dict[str, Any]

# Values of an axis that are told one by one.
_MOST_LINES = 12


def mean_interval(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Mean and 95 % interval of it (Student's t); None where there are too few values."""
    count = len(values)
    if count == 0:
        return None, None, None
    mean = float(np.mean(values))
    if count == 1:
        return mean, None, None
    half = float(special.stdtrit(count - 1, 0.975) * np.std(values, ddof=1) / math.sqrt(count))
    return mean, mean - half, mean + half


def aggregate(rows: Sequence[Row], axes: Sequence[str]) -> list[Row]:
    """For every value of every axis, over the replicas that have it: how many, mean test MSE, interval.

    Replicas whose test MSE is not finite are counted and left out of the mean.
    """
    found = []
    for axis in axes:
        alike: dict[Any, list[Row]] = {}
        for row in rows:
            alike.setdefault(_hashable(row[axis]), []).append(row)
        for members in alike.values():
            value = members[0][axis]
            finite = [row["test_mse"] for row in members if row["test_mse"] is not None]
            mean, low, high = mean_interval(finite)
            found.append(
                {
                    "axis": axis,
                    "value": value,
                    "replicas": len(members),
                    "not_finite": len(members) - len(finite),
                    "test_mse_mean": mean,
                    "test_mse_low": low,
                    "test_mse_high": high,
                    "test_mse_best": min(finite, default=None),
                    "test_mse_median": float(np.median(finite)) if finite else None,
                }
            )
    return found


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def best_replica(rows: Sequence[Row]) -> int | None:
    """The replica with the lowest frozen training MSE; test rows have no say. None where none is finite."""
    ranked = [row for row in rows if row["train_mse"] is not None]
    return min(ranked, key=lambda row: row["train_mse"])["replica"] if ranked else None


def to_csv(rows: Sequence[Row]) -> str:
    """The rows as a table; what is held per group gets a column each, a list is written with spaces."""
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


def is_solved(row: Row) -> bool:
    """Whether every component is below the share of predicting zero that counts as learned."""
    worst = row["worst_test_mse"]
    return worst is not None and worst < GOAL_SHARE * row["zero_predictor_mse"]


def text(rows: Sequence[Row], aggregates: Sequence[Row]) -> list[str]:
    """The sweep in lines that a person can read."""
    best = best_replica(rows)
    goals = {f"{GOAL_SHARE * row['zero_predictor_mse']:.3g}" for row in rows}
    goal = goals.pop() if len(goals) == 1 else f"{GOAL_SHARE:.0%} of predicting zero"
    lines = [
        f"{sum(map(is_solved, rows))} of {len(rows)} replicas have every component below {goal} "
        "on the test rows.",
        "",
    ]
    named = [(_name(a), a) for a in _shortened(rows, aggregates)]
    width = max(len(name) for name, _ in named)
    lines.append(f"{'':<{width}}  replicas  frozen test MSE, mean and 95 % interval   best")
    for name, a in named:
        said = number(a["test_mse_mean"])
        if a["test_mse_low"] is not None:
            said += f" ({number(a['test_mse_low'])} to {number(a['test_mse_high'])})"
        if a["not_finite"]:
            said += f", {a['not_finite']} not finite"
        lines.append(
            f"{name:<{width}}  {a['replicas']:>8}  {said:<41} {number(a['test_mse_best'])}"
        )
    lines.append("")
    for reason in ("non_finite", "diverged"):
        stopped = [row["replica"] for row in rows if row["stop_reason"] == reason]
        if stopped:
            names = ", ".join(map(str, stopped[:8])) + (" …" if len(stopped) > 8 else "")
            lines.append(
                f"stopped as {reason}: {len(stopped)} (replica {names}); the others went on"
            )
    if best is not None:
        row = rows[best]
        lines.append(
            f"best by frozen training MSE: replica {best}, train {number(row['train_mse'])}, "
            f"test {number(row['test_mse'])}"
        )
    return lines


def _shortened(rows: Sequence[Row], aggregates: Sequence[Row]) -> list[Row]:
    """The aggregates, with one over all values of an axis in place of more than can be read."""
    found = []
    for axis in dict.fromkeys(a["axis"] for a in aggregates):
        own = [a for a in aggregates if a["axis"] == axis]
        if len(own) > _MOST_LINES:
            ends = f"{_shown(own[0]['value'])} … {_shown(own[-1]['value'])}"
            own = aggregate([{**row, axis: ends} for row in rows], [axis])
        found += own
    return found


def _name(aggregated: Row) -> str:
    return f"{aggregated['axis']} = {_shown(aggregated['value'])}"


def _shown(value: Any) -> str:
    return " ".join(f"{v:g}" for v in value) if isinstance(value, (list, tuple)) else f"{value}"
