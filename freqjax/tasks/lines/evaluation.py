"""Evaluation on lines: the error power relative to the line's, beside baselines and the limit if it is known.

Axes: B sequences, G lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from freqjax.tasks.evaluation import Evaluation, Frozen, Section, Table
from freqjax.tasks.lines.judged import Judged, by_line, losses, relative_errors
from freqjax.tasks.scoring import score_key, what_is_possible

if TYPE_CHECKING:
    from freqjax.tasks.lines.task import Lines

# Parts of the axis of the ratio of line to noise, in the table.
_PARTS = 4


def evaluate(task: Lines, frozen: Frozen, judged: Judged) -> Evaluation:
    """Evaluate frozen weights on training and test rows; see `Lines.evaluate`."""
    train = frozen.batch("train")
    assert train is not None  # `Lines.split` gives it
    outputs, groups = frozen.outputs("train"), np.asarray(train.group)
    of_train = _measured(
        task,
        losses(outputs, train.targets, task.burn_in),
        relative_errors(outputs, train.targets, task.burn_in),
        groups,
    )
    test = _measured(task, judged.losses["network"], judged.errors["network"], judged.group)
    scores = judged.losses if task.score_name is None else judged.errors
    key = task.objective.metric if task.score_name is None else score_key(task)
    constant = task.constant_loss(frozen)
    limit, note = task.least_possible()
    found = Evaluation(
        score=test[key],
        score_name=task.score_name or task.objective.label,
        higher_is_better=False,
        goal=task.goal if task.goal_share is None else task.goal_share * constant,
        per_group=test[f"{key}_per_{task.group_label}"],
        baselines={n: float(v.mean()) for n, v in scores.items() if n != "network"},
        limit=limit,
        limit_note=note,
        limit_per_group=None,
        loss=test["mse"],
        loss_name=task.objective.label,
        losses=test[f"mse_per_{task.group_label}"],
        constant_loss=constant,
        constant_name=task.constant_name,
        when=f" after the first {task.config.burn_in:g} s" if task.burn_in else "",
        metrics={"train": of_train, "test": test},
        sections=(),
    )
    return found._replace(sections=(what_is_possible(found), by_ratio(judged)))


def _measured(
    task: Lines, mse: Float[np.ndarray, " B"], errors: Float[np.ndarray, " B"], groups: np.ndarray
) -> dict[str, Any]:
    """Return the means of losses and, if it is the score, of relative errors; in all and for each line."""
    measures: Mapping[str, np.ndarray] = {"mse": mse}
    if task.score_name is not None:
        measures = {**measures, score_key(task): errors}
    found: dict[str, Any] = {}
    for name, values in measures.items():
        found[name] = float(values.mean())
        found[f"{name}_per_{task.group_label}"] = by_line(values, groups, len(task.group_names))
    return found


def by_ratio(judged: Judged) -> Section:
    """Compare the errors of the network and the baselines at several ratios of line to noise."""
    parts = np.array_split(np.argsort(judged.ratios), min(_PARTS, len(judged.ratios)))
    heads = [
        f"{judged.ratios[part].min():.0f} to {judged.ratios[part].max():.0f} dB" for part in parts
    ]
    rows = [
        (name.replace("_", " "), *(float(np.median(values[part])) for part in parts))
        for name, values in judged.errors.items()
    ]
    return Section(
        title="Line and noise",
        words=(
            "The median relative error power of test recordings, by the power of the line over that of "
            "everything else. The baselines know the law's harmonics, and those that can use it its detuning "
            "and drift.",
        ),
        table=Table(("", *heads), rows),
    )
