"""Data of the figures of training: the rows of metrics.jsonl as arrays, and reference levels of losses.

Axes: E rows, G groups.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

Rows = Sequence[dict[str, Any]]


class History(NamedTuple):
    """Losses of a run by epoch; nan if a row does not contain the value.

    Attributes:
      epochs: [E] number of each epoch.
      updates: [E] updates made by the end of each epoch.
      loss: [E] loss while training.
      losses: [E, G] the same for each group.
      frozen: [E] loss with frozen weights.
      frozen_losses: [E, G] the same for each group.
      settled_losses: [E, G] loss over the horizon, after the update.
      horizon: [E] horizon of a curriculum, in the unit of `Scale`; nan if there is none.
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
        """True if any row has a horizon."""
        return bool(np.isfinite(self.horizon).any())

    def over_whole_blocks(self, block: float | None) -> "History":
        """Return the rows whose loss while training counts the same samples as the frozen loss.

        Those are all rows without a horizon, and those with a horizon of `block`. If its length is unknown,
        None, the longest horizon is taken for it.
        """
        if not self.is_staged:
            return self
        longest = np.nanmax(self.horizon) if block is None else block
        return self.where(self.horizon >= longest * (1 - 1e-6))


class Scale(NamedTuple):
    """Names and reference levels of a loss.

    Attributes:
      name: the loss, as the label of an axis.
      groups: [G] names of the groups.
      everything: name of all groups together.
      constant: loss of a predictor without inputs.
      constant_name: name of that predictor.
      goal: the loss that counts as learned; None if none is set.
      unit: unit of a horizon.
      frozen_on: the split on which frozen losses were measured in training, train or validation.
      possible: (loss, name) of lower bounds and baselines on the rows; drawn beside frozen losses.
      block: length of a block in `unit`, over which frozen losses are measured; None if unknown.
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
    block: float | None = None

    @property
    def guides(self) -> list[float]:
        """Levels that every axis of the loss shows."""
        return [self.constant] if self.goal is None else [self.constant, self.goal]


@runtime_checkable
class Columns(Protocol):
    """Keys of the losses in a row of metrics.jsonl, which depend on the task."""

    @property
    def loss(self) -> str:
        """Key of the losses of each group while training."""
        ...

    @property
    def frozen(self) -> str:
        """Key of the frozen loss."""
        ...

    @property
    def frozen_per_group(self) -> str:
        """Key of the frozen losses of each group."""
        ...

    @property
    def settled(self) -> str:
        """Key of the losses of each group over the horizon."""
        ...

    @property
    def horizon(self) -> str:
        """Key of the horizon of a curriculum."""
        ...


def history_of(rows: Rows, groups: int, columns: Columns) -> History:
    """Convert parsed rows of metrics.jsonl with losses of G = `groups`; missing values become nan.

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
    """Return [rows]: one field, or one entry of a list; nan if null, absent or not finite."""
    values = [row.get(key) for row in rows]
    if index is not None:
        values = [v[index] if v is not None and index < len(v) else None for v in values]
    numbers = np.array([math.nan if v is None else float(v) for v in values])
    return np.where(np.isfinite(numbers), numbers, np.nan)


def by_layer(rows: Rows, key: str) -> dict[str, np.ndarray]:
    """Return the values of a field by layer, [rows] each."""
    layers = dict.fromkeys(layer for row in rows for layer in row.get(key) or {})
    flat = [row.get(key) or {} for row in rows]
    return {layer: field(flat, layer) for layer in layers}


def positive(values: np.ndarray) -> np.ndarray:
    """Return `values` with nan in place of values that a log axis cannot show."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def last_known(values: np.ndarray) -> float:
    """Return the last finite value, nan if there is none."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else math.nan


def widest_gap(moving: np.ndarray, frozen: np.ndarray) -> int | None:
    """Return the row with the largest ratio frozen / prequential, None if no row has both."""
    ratio = frozen / positive(moving)
    return int(np.nanargmax(ratio)) if np.isfinite(ratio).any() else None
