"""Monitors: rows of metrics.jsonl from the reports of chunks, and alerts on them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from freqjax.training.chunks import ChunkInfo

VANISHING_NORM = 1e-7
EXPLODING_NORM = 100.0
# A loss this many times the median of the rows before it is a spike.
_SPIKE_FACTOR = 2.0
_SPIKE_WINDOW = 5
# A loss whose relative change over this many rows is below this share is on a plateau.
_PLATEAU_SHARE = 0.01
_PLATEAU_WINDOW = 10


@dataclass
class Totals:
    """Sums over the chunks of an epoch so far; plain numbers, saved with a checkpoint within an epoch.

    Lists have one entry per group (loss_sums, row_counts) or per parameter array (layer_*). If rows have
    weights, `row_counts` are the sums of the weights.
    """

    updates: int = 0
    loss_sums: list[float] = dataclasses.field(default_factory=list)
    row_counts: list[float] = dataclasses.field(default_factory=list)
    norm_sum: float = 0.0
    norm_max: float = 0.0
    norm_max_step: int = 0
    layer_norm_sums: list[float] = dataclasses.field(default_factory=list)
    layer_norm_maxima: list[float] = dataclasses.field(default_factory=list)
    layer_norm_max_steps: list[int] = dataclasses.field(default_factory=list)
    update_ratios: list[float] = dataclasses.field(default_factory=list)
    rate: float = 0.0
    seconds: float = 0.0
    bad_step: int | None = None

    def add(self, info: ChunkInfo, first_step: int, updates: int, seconds: float) -> None:
        """Add a chunk of `updates` updates, the first of which is number `first_step` (from 1)."""
        if not self.loss_sums:
            groups, layers = len(info.loss_sums), len(info.layer_norm_sums)
            self.loss_sums, self.row_counts = [0.0] * groups, [0] * groups
            self.layer_norm_sums, self.layer_norm_maxima = [0.0] * layers, [0.0] * layers
            self.layer_norm_max_steps = [first_step] * layers
            self.update_ratios = [0.0] * layers
        self.updates += updates
        self.seconds += seconds
        self.rate = float(info.rate)
        self.loss_sums = [a + float(b) for a, b in zip(self.loss_sums, info.loss_sums, strict=True)]
        self.row_counts = [
            a + b.item() for a, b in zip(self.row_counts, info.row_counts, strict=True)
        ]
        self.norm_sum += float(info.norm_sum)
        if not float(info.norm_max) <= self.norm_max:
            self.norm_max = float(info.norm_max)
            self.norm_max_step = first_step + int(info.norm_argmax)
        for p, (norm_sum, norm_max, argmax, ratio) in enumerate(
            zip(
                info.layer_norm_sums,
                info.layer_norm_maxima,
                info.layer_norm_argmax,
                info.update_ratios,
                strict=True,
            )
        ):
            self.layer_norm_sums[p] += float(norm_sum)
            if not float(norm_max) <= self.layer_norm_maxima[p]:
                self.layer_norm_maxima[p] = float(norm_max)
                self.layer_norm_max_steps[p] = first_step + int(argmax)
            self.update_ratios[p] = float(np.fmax(self.update_ratios[p], float(ratio)))
        if self.bad_step is None and int(info.bad_update) < updates:
            self.bad_step = first_step + int(info.bad_update)

    @property
    def loss(self) -> float:
        """Mean loss of a row over the epoch; NaN if no row has a weight."""
        count = sum(self.row_counts)
        return sum(self.loss_sums) / count if count else math.nan

    def row(self, epoch: int, step: int, group_label: str, layers: Sequence[str]) -> dict[str, Any]:
        """Return the row of metrics.jsonl; numbers that are not finite become null.

        `grad_norm` and `grad_norm_per_layer` are means over the epoch's updates, before clipping;
        `update_ratio_per_layer` is the largest over its chunks of (norm of the change over a chunk /
        norm of the weights at its start).
        """
        means = [
            s / n if n else math.nan for s, n in zip(self.loss_sums, self.row_counts, strict=True)
        ]
        row = {
            "epoch": epoch,
            "step": step,
            "loss": self.loss,
            f"loss_per_{group_label}": means,
            "grad_norm": self.norm_sum / self.updates,
            "grad_norm_max": self.norm_max,
            "lr": self.rate,
            "seconds": self.seconds,
            "grad_norm_per_layer": {
                name: total / self.updates
                for name, total in zip(layers, self.layer_norm_sums, strict=True)
            },
            "grad_norm_max_per_layer": dict(zip(layers, self.layer_norm_maxima, strict=True)),
            "update_ratio_per_layer": dict(zip(layers, self.update_ratios, strict=True)),
        }
        return finite_or_null(row)


def finite_or_null(value: Any) -> Any:
    """Replace every number that is not finite by None, since JSON has no such numbers."""
    if isinstance(value, dict):
        return {key: finite_or_null(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite_or_null(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def alerts(
    totals: Totals, step: int, layers: Sequence[str], earlier_losses: Sequence[float]
) -> list[str]:
    """Return the alerts of an epoch: a sentence with step and layer for each unusual loss or gradient.

    Args:
      totals: of the epoch that has ended.
      step: updates made at its end.
      layers: names of the parameter arrays.
      earlier_losses: the losses of the rows before, oldest first.
    """
    found = []
    if totals.bad_step is not None:
        found.append(f"non-finite loss or gradient first at step {totals.bad_step}")
    maxima, steps = totals.layer_norm_maxima, totals.layer_norm_max_steps
    found += layer_alerts(layers, maxima, steps, step, exploding=True)
    recent = list(earlier_losses)[-_SPIKE_WINDOW:]
    if recent and totals.loss > _SPIKE_FACTOR * float(np.median(recent)):
        found.append(
            f"loss spike: {totals.loss:.3g} in the epoch that ends at step {step}, where the median "
            f"of the last {len(recent)} was {float(np.median(recent)):.3g}; largest gradient "
            f"{totals.norm_max:.3g} at step {totals.norm_max_step}"
        )
    window = [*list(earlier_losses)[-_PLATEAU_WINDOW + 1 :], totals.loss]
    if len(window) == _PLATEAU_WINDOW and max(window) - min(window) < _PLATEAU_SHARE * abs(
        max(window)
    ):
        found.append(
            f"plateau: the loss has stayed within {_PLATEAU_SHARE:.0%} of {window[-1]:.3g} for "
            f"{_PLATEAU_WINDOW} epochs, up to step {step}"
        )
    return found


def layer_alerts(
    layers: Sequence[str],
    maxima: Sequence[float],
    steps: Sequence[int],
    step: int,
    *,
    exploding: bool,
) -> list[str]:
    """Return the alerts on gradients by layer.

    Args:
      layers: names of the parameter arrays.
      maxima: [P] largest norm of each in the row.
      steps: [P] the update with the largest norm.
      step: updates made at the row's end.
      exploding: whether a large norm is an alert.
    """
    found = []
    for name, largest, at in zip(layers, maxima, steps, strict=True):
        if not math.isfinite(largest):
            found.append(f"non-finite gradient in {name} at step {at}")
        elif largest < VANISHING_NORM:
            found.append(
                f"vanishing gradient in {name}: at most {largest:.1e} up to step {step}, "
                f"below {VANISHING_NORM:.0e}"
            )
        elif exploding and largest > EXPLODING_NORM:
            found.append(
                f"exploding gradient in {name}: {largest:.3g} at step {at}, above {EXPLODING_NORM:g}"
            )
    return found
