"""Evaluation on lines: the error power relative to the line's, beside baselines and the limit if it is known.

Axes: B sequences, T samples, C channels, G lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from freqjax.networks.arrays import EitherArray
from freqjax.tasks.batch import Batch
from freqjax.tasks.evaluation import Evaluation, Frozen
from freqjax.tasks.scoring import constant_outputs, what_is_possible

if TYPE_CHECKING:
    from freqjax.tasks.lines.task import Lines

SCORE = "relative error power"


def relative_errors(
    outputs: Float[EitherArray, "B T C"], targets: Float[EitherArray, "B T C"], first: int = 0
) -> Float[np.ndarray, " B"]:
    """Return [B], Σ (y − x)² / Σ x² over the samples of each sequence from `first` on."""
    outputs, targets = (np.asarray(a, np.float64)[:, first:] for a in (outputs, targets))
    wrong = np.square(outputs - targets).sum(axis=(1, 2))
    return wrong / np.maximum(np.square(targets).sum(axis=(1, 2)), np.finfo(np.float64).tiny)


def evaluate(task: Lines, frozen: Frozen) -> Evaluation:
    """Evaluate frozen weights on training and test rows; see `Lines.evaluate`."""
    train, test = (_measured(task, frozen, split) for split in ("train", "test"))
    blocks = frozen.batch("test")
    assert blocks is not None  # `Lines.split` gives it
    scores = {"constant": constant_outputs(task, frozen)}
    baselines = {
        name: float(relative_errors(out, blocks.targets, task.burn_in).mean())
        for name, out in scores.items()
    }
    evaluation = Evaluation(
        score=test["score"],
        score_name=SCORE,
        higher_is_better=False,
        goal=task.goal,
        per_group=test["score_per_frequency"],
        baselines=baselines,
        limit=task.limit,
        limit_note=task.limit_note,
        limit_per_group=None,
        loss=test["mse"],
        loss_name=task.objective.label,
        losses=test["mse_per_frequency"],
        constant_loss=task.constant_loss(frozen),
        constant_name=task.constant_name,
        when=_when(task),
        metrics={"train": _named(train), "test": _named(test)},
        sections=(),
    )
    return evaluation._replace(sections=(what_is_possible(evaluation),))


def _measured(task: Lines, frozen: Frozen, split: str) -> dict[str, Any]:
    blocks = frozen.batch(split)
    assert blocks is not None
    outputs = frozen.outputs(split)
    squared = np.square(np.asarray(outputs, np.float64) - blocks.targets)[:, task.burn_in :]
    losses = squared.sum(axis=-1).mean(axis=1)
    scores = relative_errors(outputs, blocks.targets, task.burn_in)
    return {
        "mse": float(losses.mean()),
        "mse_per_frequency": _by_line(task, losses, blocks),
        "score": float(scores.mean()),
        "score_per_frequency": _by_line(task, scores, blocks),
    }


def _named(measured: dict[str, Any]) -> dict[str, Any]:
    key = SCORE.replace(" ", "_")
    return {name.replace("score", key): value for name, value in measured.items()}


def _by_line(task: Lines, values: Float[np.ndarray, " B"], blocks: Batch) -> list[float]:
    groups = np.asarray(blocks.group)
    return [float(values[groups == g].mean()) for g in range(len(task.group_names))]


def _when(task: Lines) -> str:
    return f" after the first {task.config.burn_in:g} s" if task.burn_in else ""
