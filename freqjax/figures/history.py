"""What figures of training are drawn from: the rows of metrics.jsonl as arrays, and what losses are held
against.

Axes: E rows, G groups.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

Rows = Sequence[dict[str, Any]]


class History(NamedTuple):
    """How the losses of a run went; nan where a row does not tell.

    Attributes:
      epochs: [E].
      updates: [E] made at the end of each.
      loss: [E] while the weights move.
      losses: [E, G] the same of each group.
      frozen: [E] with frozen weights.
      frozen_losses: [E, G] the same of each group.
      settled_losses: [E, G] at the horizon, after the update.
      horizon: [E] of a curriculum, in the unit of `Scale`; nan where there is none.
    """

    epochs: np.ndarray
    updates: np.ndarray
    loss: np.ndarray
    losses: np.ndarray
    frozen: np.ndarray
    frozen_losses: np.ndarray
    settled_losses: np.ndarray
    horizon: np.ndarray

    def where(self, kept: np.ndarray) -> "History":
        """Return the rows at which `kept` [E] is True."""
        return History(*(array[kept] for array in self))

    @property
    def is_staged(self) -> bool:
        """Whether any row has a horizon."""
        return bool(np.isfinite(self.horizon).any())

    @property
    def at_longest_horizon(self) -> "History":
        """The rows at the longest horizon; all of them where there is none."""
        horizons = np.where(np.isfinite(self.horizon), self.horizon, 0.0)
        return self.where(horizons == horizons.max())


class Scale(NamedTuple):
    """What a loss is called, and what it is held against.

    Attributes:
      name: of the loss, as an axis is labelled.
      groups: [G] their names.
      everything: what all groups together are called.
      constant: loss of a predictor without inputs.
      constant_name: what that predictor does.
      goal: the loss that counts as learned; None where none is set.
      unit: of a horizon.
      frozen_on: the split on which frozen losses were measured in training, train or validation.
      possible: losses that bound what is possible on the rows, with a name each; drawn beside frozen losses.
    """

    name: str
    groups: Sequence[str]
    everything: str
    constant: float
    constant_name: str
    goal: float | None
    unit: str
    frozen_on: str = "train"
    possible: Sequence[tuple[float, str]] = ()

    @property
    def guides(self) -> list[float]:
        """The levels that every axis of the loss shows."""
        return [self.constant] if self.goal is None else [self.constant, self.goal]


@runtime_checkable
class Columns(Protocol):
    """The keys under which a row of metrics.jsonl holds losses, which depend on the task."""

    @property
    def loss(self) -> str:
        """Of the losses of each group while the weights move."""
        ...

    @property
    def frozen(self) -> str:
        """Of the frozen loss."""
        ...

    @property
    def frozen_per_group(self) -> str:
        """Of the frozen losses of each group."""
        ...

    @property
    def settled(self) -> str:
        """Of the losses of each group at the horizon."""
        ...

    @property
    def horizon(self) -> str:
        """Of the horizon of a curriculum."""
        ...


def history_of(rows: Rows, groups: int, columns: Columns) -> History:
    """Read parsed rows of metrics.jsonl with losses of G = `groups`; what a row does not tell becomes nan.

    Raises:
      ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("there are no rows to draw")

    def per_group(key: str) -> np.ndarray:
        return np.stack([field(rows, key, index) for index in range(groups)], axis=1)

    return History(
        epochs=field(rows, "epoch"),
        updates=field(rows, "step"),
        loss=field(rows, "loss"),
        losses=per_group(columns.loss),
        frozen=field(rows, columns.frozen),
        frozen_losses=per_group(columns.frozen_per_group),
        settled_losses=per_group(columns.settled),
        horizon=field(rows, columns.horizon),
    )


def field(rows: Rows, key: str, index: int | None = None) -> np.ndarray:
    """Return [rows]: one field, or one entry of a list; nan where null, absent or not finite."""
    values = [row.get(key) for row in rows]
    if index is not None:
        values = [v[index] if v is not None and index < len(v) else None for v in values]
    numbers = np.array([math.nan if v is None else float(v) for v in values])
    return np.where(np.isfinite(numbers), numbers, np.nan)


def by_layer(rows: Rows, key: str) -> dict[str, np.ndarray]:
    """Return layer → [rows]."""
    layers = dict.fromkeys(layer for row in rows for layer in row.get(key) or {})
    flat = [row.get(key) or {} for row in rows]
    return {layer: field(flat, layer) for layer in layers}


def positive(values: np.ndarray) -> np.ndarray:
    """Return `values` with nan for what a log axis cannot show."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def last_known(values: np.ndarray) -> float:
    """Return the last value that was measured, nan if none was."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else math.nan


def widest_gap(moving: np.ndarray, frozen: np.ndarray) -> int | None:
    """Return the row with the largest frozen / prequential, None where no row has both."""
    ratio = frozen / positive(moving)
    return int(np.nanargmax(ratio)) if np.isfinite(ratio).any() else None
