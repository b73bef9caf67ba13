"""Limits of extraction on given rows, and the scores of the baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from freqjax.config.sections import Context
from freqjax.tasks.extraction import tones as metrics
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.limits.bayes import StreamLimit, stream_limit
from freqjax.tasks.extraction.limits.law import NoBayesLimit
from freqjax.tasks.extraction.limits.least_squares import sliding_least_squares
from freqjax.tasks.extraction.limits.linear import kalman, linear_mmse
from freqjax.tasks.extraction.limits.windows import window_limit

# Name in summary.json → the function of (task, mixtures [N, T]) that gives estimates [N, T, F].
BASELINES = {"kalman": kalman, "sliding_least_squares": sliding_least_squares}

# Estimates in memory at once, all components of some mixtures.
_HELD = 8_000_000


def baseline_outputs(
    task: ExtractionConfig, mixture: Float[np.ndarray, "B T"], groups: Int[np.ndarray, " B"]
) -> dict[str, Float[np.ndarray, "B T"]]:
    """Compute each baseline's outputs on the blocks of a network: [B, T] float32 by name.

    Args:
      task: frequencies, rate and noise law, which baselines know.
      mixture: [B, T]; blocks of the same mixture are filtered once.
      groups: [B] int, the selected component of each block.
    """
    rows = np.ascontiguousarray(mixture)
    places: dict[bytes, list[int]] = {}
    for block, row in enumerate(rows):
        places.setdefault(row.tobytes(), []).append(block)
    outputs = {name: np.empty(rows.shape, np.float32) for name in BASELINES}
    shared = list(places.values())
    count = max(1, _HELD // (rows.shape[1] * len(task.frequencies)))
    for first in range(0, len(shared), count):
        part = shared[first : first + count]
        streams = rows[[blocks[0] for blocks in part]].astype(np.float64)
        for name, baseline in BASELINES.items():
            for estimates, blocks in zip(baseline(task, streams), part, strict=True):
                outputs[name][blocks] = estimates[:, groups[blocks]].T
    return outputs


def limits_on(
    task: ExtractionConfig,
    targets: Float[np.ndarray, "B T"],
    groups: Int[np.ndarray, " B"],
    outputs: dict[str, Float[np.ndarray, "B T"]],
    least: StreamLimit | NoBayesLimit,
) -> dict[str, Any]:
    """Return the limits of the law in `task` and the scores of baselines on the rows, ready for JSON.

    Rows of a file have no limit: nobody stated their law.

    Args:
      task: the law, start and duration.
      targets: [B, T].
      groups: [B] int, the selected component of each block.
      outputs: of `baseline_outputs`.
      least: of `least_possible`.

    Returns:
      `bayes_mse`, its 95 % interval `bayes_low` to `bayes_high`, `bayes_mse_per_frequency` and
      `bayes_after_1s_per_frequency` (all None if the limit is refused), `linear_mmse`,
      `linear_mmse_per_frequency` (None for rows of a file), `zero_predictor`, `baselines` and `note`, a
      sentence.
    """
    linear = None if from_file(task) else linear_mmse(task)
    bayes, note = _bayes(task, least)
    return {
        **bayes,
        "linear_mmse": None if linear is None else float(linear.mean()),
        "linear_mmse_per_frequency": None if linear is None else linear.tolist(),
        "zero_predictor": metrics.zero_predictor_mse(targets),
        "baselines": {n: score_outputs(task, o, targets, groups) for n, o in outputs.items()},
        "note": note,
    }


def least_possible(
    task: ExtractionConfig, context: Context | None = None
) -> StreamLimit | NoBayesLimit:
    """Return the Bayes limit of a block, or of the windows of `context`; or the reason for none."""
    fields = from_file(task)
    if fields:
        return NoBayesLimit(
            f"Rows of a file ({' and '.join(fields)}) have no limit, since their law is not stated."
        )
    if task.start == "random" and task.reset != "block":
        # Blocks of one start repeat one mixture, which a carried state has read before.
        return NoBayesLimit(
            f"task.reset is {task.reset}: it must be block, since the limit is that of streams whose start "
            "is unknown, and a carried state reads the same mixture under every selector."
        )
    try:
        return stream_limit(task) if context is None else window_limit(task, context)
    except NoBayesLimit as refusal:
        return refusal


def from_file(task: ExtractionConfig) -> tuple[str, ...]:
    """Return the fields that name a file of rows, whose law is then not that of the config."""
    paths = {"task.train_path": task.train_path, "task.test_path": task.test_path}
    return tuple(field for field, path in paths.items() if path)


def _bayes(task: ExtractionConfig, found: StreamLimit | NoBayesLimit) -> tuple[dict[str, Any], str]:
    names = ("bayes_mse", "bayes_mse_per_frequency", "bayes_low", "bayes_high")
    after = "bayes_after_1s_per_frequency"
    if isinstance(found, NoBayesLimit):
        why = str(found) if from_file(task) else f"No Bayes limit: {found}"
        return dict.fromkeys((*names, after)), why
    values = (found.mse, list(found.mse_per_frequency), found.low, found.high)
    late = found.after_1s_per_frequency
    bayes = dict(zip(names, values, strict=True)) | {after: None if late is None else list(late)}
    if found.note:
        return bayes, found.note
    if task.start == "zero":
        return bayes, "The start is known and the target a fixed function of time: the limit is 0."
    if found.resolution == 0:
        return (
            bayes,
            "The mixture has no information about the start: the limit is the variance of the prior, exact.",
        )
    return bayes, (
        "The Bayes limit is simulated with the exact likelihood of the law in the config; low and high are "
        "the ends of a 95 % interval, widened by the error of rounding the samples."
    )


def score_outputs(
    task: ExtractionConfig,
    outputs: Float[np.ndarray, "B T"],
    targets: Float[np.ndarray, "B T"],
    groups: Int[np.ndarray, " B"],
) -> dict[str, Any]:
    """Return the MSE of `outputs` [B, T] after the burn-in, in all, per frequency, and of judged samples.

    The last is None if the start is known, or streams are not longer than a second.
    """
    squared = np.square(outputs.astype(np.float64) - targets)
    first, after = task.unjudged_samples, None
    present = range(len(task.frequencies))
    if task.start != "zero" and first:
        late = squared[:, first:].mean(axis=1)
        after = [float(late[groups == i].mean()) for i in present]
    whole = squared[:, task.burn_in_samples :].mean(axis=1)
    return {
        "mse": float(whole.mean()),
        "mse_per_frequency": [float(whole[groups == i].mean()) for i in present],
        "mse_after_1s_per_frequency": after,
    }
