"""Settings of a sweep: replicas that differ in nothing but seeds, and the means over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from freqjax.sweep.page.reading import Row, Swept
from freqjax.sweep.results import mean_interval, shown


class Interval(NamedTuple):
    """Mean over seeds, and its 95 % interval of Student's t.

    Attributes:
      mean: None if a replica is not finite, or none has ended.
      low, high: None of a single seed.
    """

    mean: float | None
    low: float | None
    high: float | None


class Setting(NamedTuple):
    """Replicas with the same values of all axes that are no seeds.

    Attributes:
      name: these values in words.
      replicas: their numbers.
      chosen_by: the loss that chooses.
      test: the test loss.
    """

    name: str
    replicas: Sequence[int]
    chosen_by: Interval
    test: Interval


def is_seed(field: str) -> bool:
    """Return whether a field only draws other random numbers."""
    return field.rpartition(".")[2].split("_")[-1] == "seed"


def settings_of(swept: Swept) -> list[Setting]:
    """Return the settings; the one with the lowest mean loss that chooses first, unknown ones last."""
    fields = [field for field in swept.axes if not is_seed(field)]
    alike: dict[str, list[Row]] = {}
    for row in swept.rows:
        alike.setdefault(words_of(row, fields), []).append(row)
    found = [
        Setting(
            name or "all seeds",
            [row["replica"] for row in rows],
            _interval(rows, swept.choosing),
            _interval(rows, swept.names.test),
        )
        for name, rows in alike.items()
    ]
    return sorted(found, key=lambda s: (s.chosen_by.mean is None, s.chosen_by.mean or 0.0))


def words_of(row: Row, fields: Sequence[str]) -> str:
    """Return the values of some axes as words, such as "hidden_size 8, learning_rate 0.01"."""
    last = [field.rpartition(".")[2] for field in fields]
    named = [
        short if last.count(short) == 1 else field
        for field, short in zip(fields, last, strict=True)
    ]
    return ", ".join(f"{name} {shown(row[f])}" for name, f in zip(named, fields, strict=True))


def _interval(rows: Sequence[Row], key: str) -> Interval:
    """Return the mean over replicas; unknown if one of them is not finite, since it has none then."""
    values: list[Any] = [row.get(key) for row in rows]
    return Interval(None, None, None) if None in values else Interval(*mean_interval(values))
