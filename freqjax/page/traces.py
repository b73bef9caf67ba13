"""Signals of a page: inputs, targets and outputs of a group's first test sequence, as 16-bit integers.

Axes: T samples, D inputs, O outputs, G groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from freqjax.tasks import Task
from freqjax.tasks.evaluation import Frozen

# Samples that all traces of a page have together: 6 MB of deflated integers.
MOST_SAMPLES = 1_000_000
# Inputs, and outputs of a group, that are shown.
_MOST_INPUTS, _MOST_OUTPUTS = 3, 8
# Largest integer, and the one of long signals, whose lowest bits would be noise that cannot be deflated.
_FINE, _COARSE = 32_767, 4_095
_LONG = 200_000


class Series(NamedTuple):
    """Signal as integers: value = scale · integer.

    Attributes:
      name: input, target or output, as the page names it.
      integers: [T].
      scale: of one step.
    """

    name: str
    integers: Int[np.ndarray, " T"]
    scale: float


class Trace(NamedTuple):
    """Signals of one group.

    Attributes:
      name: of the group, and of the output if there are several.
      series: the inputs, then target and output.
      left_out: samples behind those shown.
    """

    name: str
    series: Sequence[Series]
    left_out: int


def are_shown(task: Task) -> bool:
    """Return whether outputs are signals: compared with a target at every sample by their squares."""
    return task.objective.squared and task.samples > 1


def traces_of(task: Task, frozen: Frozen, most: int = MOST_SAMPLES) -> list[Trace]:
    """Return the traces of a task; none if its outputs are no signals.

    Args:
      task: of which the first test sequence of every group is shown.
      frozen: the network.
      most: samples of all traces together; longer ones are cut at their end.
    """
    batch = frozen.batch("test") if are_shown(task) else None
    if batch is None or np.ndim(batch.targets) != 3:
        return []
    rows, outputs = task.sequences(batch), np.asarray(frozen.outputs("test"))
    inputs, targets = np.asarray(rows.inputs), np.asarray(rows.targets)
    first = first_sequences(np.asarray(rows.groups), len(task.group_names))
    shown = min(outputs.shape[2], _MOST_OUTPUTS)
    samples = min(outputs.shape[1], most // max(len(first) * shown, 1))
    found = []
    for group, row in first.items():
        signals = list(_inputs(task, inputs[row, :samples]))
        for output in range(shown):
            pair = [
                series("target", targets[row, :samples, output]),
                series("output", outputs[row, :samples, output]),
            ]
            name = task.group_names[group]
            name = name if shown == 1 else f"{name}, output {output + 1}"
            found.append(Trace(name, [*signals, *pair], outputs.shape[1] - samples))
    return found


def first_sequences(groups: Int[np.ndarray, " B"], count: int) -> dict[int, int]:
    """Return group → index of its first sequence, for the groups that have any."""
    found = {group: np.flatnonzero(groups == group) for group in range(count)}
    return {group: int(rows[0]) for group, rows in found.items() if rows.size}


def _inputs(task: Task, values: Float[np.ndarray, "T D"]) -> Iterator[Series]:
    """Yield the inputs that are no selectors."""
    selectors = set(task.selectors)
    kept = [d for d in range(values.shape[1]) if d not in selectors][:_MOST_INPUTS]
    for number, place in enumerate(kept, 1):
        yield series("input" if len(kept) == 1 else f"input {number}", values[:, place])


def series(name: str, values: Float[np.ndarray, " T"]) -> Series:
    """Return values as integers; those that are not finite become 0."""
    values = np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    largest = _COARSE if len(values) > _LONG else _FINE
    scale = float(np.abs(values).max(initial=0.0)) / largest or 1.0
    return Series(name, np.round(values / scale).astype("<i2"), scale)
