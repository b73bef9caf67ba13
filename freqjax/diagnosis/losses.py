"""Causes that show in losses: weights that chase their target, forgetting, rows learned by heart."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.diagnosis.examined import RunUnderExamination, errors_of
from freqjax.report.summary import CHASING_RATIO
from freqjax.tasks.batch import mean_of_all
from freqjax.tasks.examination import Examination
from freqjax.text import number, significant
from freqjax.training.seeds import noise_key

# A prequential loss above this share of the constant predictor's shows no sign of success to be explained.
_SUCCESS_SHARE = 0.8
# What was trained last is remembered and another forgotten if their errors differ by this much.
_FORGETTING_RATIO = 3.0
_OVERFITTING_RATIO = 2.0
# Test rows that look worse are drawn so many times more, where they can be.
_MORE_DRAWS = 4
# Of fewer sequences the spread tells nothing.
_FEWEST_SEQUENCES = 4


def weight_chasing(run: RunUnderExamination) -> Examination:
    """Tell whether the loss while training looked better than the weights are, and still did at the end."""
    why_not = _incomparable(run)
    ratio, group, epoch, moving, frozen = (None,) * 5 if why_not else _lasting_gap(run)
    found = False if why_not else ratio is not None and ratio > CHASING_RATIO
    if found and (
        _last_is_learned(run) or run.errors[run.task.group_names.index(group)] < run.goal
    ):
        found = False
    if why_not:
        words = why_not
    elif ratio is None:
        words = (
            "No late epoch has both losses, or the loss while training shows nothing to explain."
        )
    else:
        words = (
            f"In epoch {epoch} the loss of {group} was {number(moving)} while training and {number(frozen)} "
            f"with the weights frozen, on the same rows: {significant(ratio)} times."
        )
    return Examination(
        cause="weight_chasing",
        found=found,
        words=words,
        evidence={
            "ratio": ratio,
            run.task.group_word: group,
            "epoch": epoch,
            f"prequential_{run.metric}": moving,
            f"frozen_{run.metric}": frozen,
        },
        threshold=(
            f"frozen / prequential above {CHASING_RATIO:g} in a {run.task.group_word}, in the median of the "
            "later half of the epochs: weights that hold what they learned give a ratio of one, and an early "
            "epoch, in which the weights move far, tells nothing of the end"
        ),
        experiment=run.command(
            f"optimizer.learning_rate={run.config.optimizer.learning_rate / 1000:g}"
        ),
        refuted_if="the loss while training stays as low with steps a thousand times smaller",
        advice=(
            "Do not read the loss while training: it falls because the weights move with the target. "
            "Judge by the frozen loss, and let the gradient reach through time."
        ),
    )


def _incomparable(run: RunUnderExamination) -> str:
    """Tell why the two losses cannot tell weights that chase their target; empty where they can."""
    if run.config.is_filter:
        return "The frozen losses of a filter are of weights that began a block, not of those that ended it."
    if run.shuffled:
        return f"The {run.config.train.regime} are shuffled: no target moves on from one update to the next."
    if run.window >= run.task.samples and run.config.train.regime != "online":
        return "No update comes between the rows of a block: the weights cannot follow its target."
    if run.prepared.choosing != "train":
        return "The frozen losses are of the validation rows: they are not compared with those of training."
    if run.config.train.steps_per_epoch is not None:
        return (
            "An epoch does not hold all rows once: its loss is not of the rows of the frozen one."
        )
    return ""


def _lasting_gap(run: RunUnderExamination) -> tuple[Any, ...]:
    """Return (ratio, group, epoch, prequential, frozen) of the group whose losses differ most.

    Of each group it is the median of the later half of the evaluated epochs.
    """
    columns, gaps = run.task.columns, []
    compared = _compared(run)
    late = compared[len(compared) // 2 :]
    for group, name in enumerate(run.task.group_names):
        found: list[tuple[Any, ...]] = []
        for row, losses in late:
            moving, frozen = row[columns.loss][group], losses[group]
            shows = moving and frozen and moving < _SUCCESS_SHARE * run.constant_loss
            ratio = frozen / moving if shows else 0.0
            found.append((ratio, name, row["epoch"], moving, frozen))
        if found:
            gaps.append(sorted(found, key=lambda gap: gap[0])[(len(found) - 1) // 2])
    worst = max(gaps, default=(0.0,), key=lambda gap: gap[0])
    return worst if worst[0] else (None,) * 5


def _compared(run: RunUnderExamination) -> list[tuple[dict[str, Any], Any]]:
    """Return rows of metrics with the frozen losses on the rows that they were trained on.

    The evaluation of an epoch is of the fixed rows; where the noise is fresh, of others than it was trained
    on. Then those of the last epoch are drawn once more.
    """
    columns = run.task.columns
    rows = [row for row in run.rows if columns.horizon not in row]
    if run.config.task.noise != "fresh":
        known = [row for row in rows if row[columns.frozen_per_group] is not None]
        return [(row, row[columns.frozen_per_group]) for row in known]
    if not rows:
        return []
    key = jax.random.fold_in(noise_key(run.config.train.seed), rows[-1]["epoch"] - 1)
    last = run.task.sequences(run.task.sample(key, run.task.samples))
    outputs = run.prepared.forward(run.last_params, last, run.config.task.reset)
    return [(rows[-1], errors_of(outputs, last, run.task))]


def forgetting(run: RunUnderExamination) -> Examination:
    """Tell whether the group trained last is known and one trained before it is not, though it was."""
    found, evidence, word = None, {}, run.task.group_word
    words = f"No {word} comes last: each is trained beside the others."
    if run.config.is_filter:
        words = f"Each {word} has weights of its own, which the others leave as they are."
    in_order = run.config.train.streams == "sequential" and not run.shuffled
    in_order = in_order and not run.config.is_filter
    if in_order and len(run.task.group_names) > 1:
        last, worst, name = _last_and_worst(run)
        learned = _last_is_learned(run)
        moving = _last_prequential(run, name)
        found = learned and moving is not None and moving < _SUCCESS_SHARE * run.constant_loss
        words = (
            f"With the last weights the {word} trained last has {number(last)}, and {name} "
            f"{number(worst)}"
            + ("." if moving is None else f" ({number(moving)} while it was trained).")
        )
        evidence = {
            f"last_component_{run.metric}": _json(last),
            f"worst_{run.metric}": _json(worst),
            "worst": name,
            f"worst_prequential_{run.metric}": moving,
        }
    return Examination(
        cause="forgetting",
        found=found,
        words=words,
        evidence=evidence,
        threshold=(
            f"the {word} trained last is {_FORGETTING_RATIO:g} times better than another that had been "
            "learned while it was trained: order alone makes no such difference to weights that keep both"
        ),
        experiment=run.command(
            "train.streams=parallel"
            if in_order
            else f"optimizer.learning_rate={run.config.optimizer.learning_rate / 10:g}"
        ),
        advice=f"Train every {word} beside the others (train.streams=parallel), or lower the rate.",
    )


def _last_and_worst(run: RunUnderExamination) -> tuple[float, float, str]:
    """Return the frozen training error of the group trained last, of the worst, and the worst's name."""
    errors = run.last_train_errors
    worst = int(np.nanargmax(errors))
    return (
        errors[int(run.train_rows.groups[-1])],
        errors[worst],
        run.task.group_names[worst],
    )


def _last_is_learned(run: RunUnderExamination) -> bool:
    """Tell whether the last weights know the group that was trained last, and others far less."""
    if run.config.train.streams != "sequential" or len(run.task.group_names) < 2:
        return False
    last, worst, _ = _last_and_worst(run)
    return last < worst / _FORGETTING_RATIO and last < _SUCCESS_SHARE / 2 * run.constant_loss


def _last_prequential(run: RunUnderExamination, name: str) -> float | None:
    if not run.rows:
        return None
    losses = run.rows[-1][run.task.columns.loss]
    return losses[run.task.group_names.index(name)]


def overfitting(run: RunUnderExamination) -> Examination:
    """Tell whether the training rows are known and the test rows are not."""
    train, test = run.train_loss, run.test_loss
    known = bool(np.isfinite([train, test]).all()) and train > 0
    ratio, draws = test / train if known else math.nan, 0
    fresh = run.config.task.noise == "fresh"
    if known and not fresh and ratio > _OVERFITTING_RATIO:
        test, draws = _test_again(run, test)
        ratio = test / train
    found = known and not fresh and ratio > _OVERFITTING_RATIO and not _by_chance(run, train)
    words = (
        f"Frozen, the error on the training rows is {number(train)} and on the test rows {number(test)}"
        f"{f', the mean over {draws} draws of them' if draws else ''}: {significant(ratio)} times."
    )
    if fresh:
        words = "Every update had rows of its own, and none was learned by heart."
    elif not known:
        words = "The errors on the training and the test rows cannot be compared."
    more = (
        "fresh noise, more starts, longer streams"
        if run.task.draws
        else "more and longer sequences"
    )
    return Examination(
        cause="overfitting",
        found=found if known or fresh else None,
        words=words,
        evidence={
            f"train_{run.metric}": _json(train),
            f"test_{run.metric}": _json(test),
            "ratio": _json(ratio),
            "test_draws": draws,
            "training_rows": int(np.prod(np.asarray(run.train_rows.targets).shape[:2])),
        },
        threshold=(
            f"test / train above {_OVERFITTING_RATIO:g}, over several draws of the test rows or by twice "
            "their standard error: both follow the same law, so that chance alone moves it by a few per cent"
        ),
        experiment=run.command(*_more_rows(run)),
        advice=f"Show it more: {more}. Only then fewer weights.",
    )


def _more_rows(run: RunUnderExamination) -> list[str]:
    """Return the changes that show the network other rows, or none where the task has no others."""
    if run.task.draws:
        return ["task.noise=fresh", *(["task.train_path="] if run.config.task.train_path else [])]
    decay = max(0.01, 10 * run.config.optimizer.weight_decay)
    return ["optimizer.name=adamw", f"optimizer.weight_decay={decay:g}"]


def _test_again(run: RunUnderExamination, test: float) -> tuple[float, int]:
    """Return the mean test error over more draws of the test rows, and how many; one where none are drawn."""
    task = run.task
    if not task.draws or getattr(run.config.task, "test_path", ""):
        return test, 1
    losses = [test]
    for draw in range(_MORE_DRAWS):
        key = jax.random.fold_in(jax.random.key(run.config.task.test_seed), draw)
        rows = task.sequences(task.sample(key, task.samples))
        outputs = run.prepared.forward(run.params, rows, run.config.task.reset)
        row_losses = task.objective.row_loss(jnp.asarray(outputs), jnp.asarray(rows.targets))
        losses.append(mean_of_all(row_losses, rows))
    return float(np.mean(losses)), len(losses)


def _by_chance(run: RunUnderExamination, train: float) -> bool:
    """Tell whether the test rows are too few for their mean to lie above the training error."""
    if run.task.draws and not getattr(run.config.task, "test_path", ""):
        return False  # more of them were drawn
    rows = run.prepared.rows("test")
    outputs = run.prepared.forward(run.params, rows, run.config.task.reset)
    answers, targets = jnp.asarray(outputs), jnp.asarray(rows.targets)
    losses = np.asarray(run.task.objective.row_loss(answers, targets), np.float64)
    weights = np.ones_like(losses) if rows.weights is None else np.asarray(rows.weights)
    each = np.sum(np.where(weights > 0, weights * losses, 0), axis=1) / np.maximum(
        weights.sum(axis=1), 1e-12
    )
    if len(each) < _FEWEST_SEQUENCES:
        return False
    return bool(each.mean() - 2 * each.std() / math.sqrt(len(each)) < train)


def _json(value: float) -> float | None:
    return value if math.isfinite(value) else None
