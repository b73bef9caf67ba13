"""summary.json of a run, and the same as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freqjax.networks import count_parameters
from freqjax.networks.network import Params
from freqjax.report.tables import text_section, text_table
from freqjax.system import devices
from freqjax.tasks import Task
from freqjax.tasks.columns import is_filtered
from freqjax.tasks.evaluation import Evaluation, Table
from freqjax.text import duration, number, printable
from freqjax.training.monitors import finite_or_null

# A frozen error this many times the prequential one means that the weights chase the target.
CHASING_RATIO = 1.5
# If a loss is above this share of the constant predictor's, nothing was learned.
_NOTHING_SHARE = 0.9


def assemble(
    evaluation: Evaluation,
    task: Task,
    params: Params,
    *,
    initializer: str,
    weights: str,
    prequential: float | None = None,
    prequential_per_group: Sequence[float | None] | None = None,
    frozen_prequential_ratio: float | None = None,
    wall_seconds: float | None = None,
    stop_reason: str | None = None,
    epochs: int | None = None,
    updates: int | None = None,
    distinct_rows: int | None = None,
) -> dict[str, Any]:
    """Return the object of summary.json and evaluation.json; entries about training are null without it.

    `initializer` is the initialiser of the weights. `prequential` is the loss of the last epoch, each row
    measured just before the update that learned from it; `frozen_prequential_ratio` the largest in any epoch
    on the training rows. Every other loss is with frozen weights. Metrics of the task replace general entries
    of the same name.
    """
    metric, label = task.objective.metric, task.group_label
    train, test = (evaluation.metrics[split][metric] for split in ("train", "test"))
    values = {
        "parameters": count_parameters(params),
        **task.describe(),
        "initializer": initializer,
        "weights": weights,
        "metric": metric,
        "score": evaluation.score,
        "score_name": evaluation.score_name,
        "higher_is_better": evaluation.higher_is_better,
        f"score_per_{label}": evaluation.per_group,
        "goal": evaluation.goal,
        "learned": None if evaluation.goal is None else evaluation.is_learned,
        "baselines": evaluation.baselines,
        "limit": evaluation.limit,
        "limit_note": evaluation.limit_note,
        **evaluation.metrics,
        "train_test_ratio": train / test if test else None,
        f"prequential_{metric}": prequential,
        f"prequential_{metric}_per_{label}": prequential_per_group,
        "frozen_prequential_ratio": None if validates(evaluation) else frozen_prequential_ratio,
        "epochs": epochs,
        "updates": updates,
        "distinct_rows": distinct_rows,
        "wall_seconds": wall_seconds,
        "stop_reason": stop_reason,
        "versions": devices.versions(),
        "device": devices.describe(),
    }
    return finite_or_null(values)


def validates(evaluation: Evaluation) -> bool:
    """Return whether the frozen losses during training are on validation rows."""
    return "validation" in evaluation.metrics


def of_rows(rows: Sequence[dict[str, Any]], task: Task, epochs: int) -> dict[str, Any]:
    """Return the arguments of `assemble` that come from the rows of metrics.jsonl after `epochs` epochs."""
    columns = task.columns
    last = rows[-1] if rows and rows[-1]["epoch"] == epochs else {}  # its row may be damaged
    ratios = [
        row[columns.frozen] / row["loss"]
        for row in rows
        if row.get(columns.frozen) is not None
        and row["loss"]
        and columns.horizon not in row
        and "pretraining" not in row
        and not is_filtered([row])
    ]
    return {
        "prequential": last.get("loss"),
        "prequential_per_group": last.get(columns.loss),
        "frozen_prequential_ratio": max(ratios, default=None),
    }


def text(
    values: dict[str, Any],
    evaluation: Evaluation,
    task: Task,
    folder: Path,
    figures: Sequence[Path],
    *,
    chasing: bool = True,
) -> str:
    """Return the summary as text; `chasing` as in `verdict`."""
    lines = ["", verdict(values, evaluation, task, chasing=chasing), ""]
    lines += text_table(group_table(values, evaluation, task))
    for section in evaluation.sections:
        lines += ["", *text_section(section)]
    lines.append("")
    if values["wall_seconds"] is not None:
        lines.append(
            f"stopped: {values['stop_reason']} after {values['updates']} updates, "
            f"{values['epochs']} epochs, {duration(values['wall_seconds'])}; {values['weights']} weights"
        )
    if values["distinct_rows"] is not None:
        lines.append(f"training saw {values['distinct_rows']:,} distinct rows (fresh noise)")
    if figures:
        lines.append(f"figures: {printable(str(figures[0].parent))}")
    lines.append(f"everything: {printable(str(folder))}")
    return "\n".join(lines)


def verdict(
    values: dict[str, Any], evaluation: Evaluation, task: Task, *, chasing: bool = True
) -> str:
    """Return a sentence on what was learned and, if `chasing`, on the difference of the two losses.

    Args:
      values: the result of `assemble`.
      evaluation: the evaluation that `values` were made from.
      task: names groups and columns.
      chasing: whether a low loss in training may be attributed to weights that follow the target.
    """
    if not evaluation.is_finite:
        return "The network's output is not finite: nothing was learned."
    opening = _opening(values, evaluation, task.group_word)
    ratio = values["frozen_prequential_ratio"]
    if chasing and ratio is not None and ratio > CHASING_RATIO and not evaluation.is_learned:
        last = values[f"prequential_{task.objective.metric}"]
        opening += (
            f" While training the loss was up to {ratio:.1f} times lower than the frozen one "
            f"({number(last)} in the last epoch): the weights chase the target as it moves, and keep nothing."
        )
    return opening


def _opening(values: dict[str, Any], evaluation: Evaluation, group: str) -> str:
    """Describe the score beside goal and constant."""
    name, when, score = evaluation.score_name, evaluation.when, evaluation.score
    said = f"with frozen weights the test {name}{when} is {number(score)}"
    several = len(evaluation.per_group) > 1
    worst = f"{number(evaluation.worst)} for the worst {group}" if several else ""
    constant = f"{evaluation.constant_name} is {number(evaluation.constant_score)}"
    if values["initializer"] == "constructed":
        return f"Constructed, not learned: the solution was written into the weights; {said}" + (
            f" ({worst})." if worst else "."
        )
    if evaluation.is_learned:
        side = "above" if evaluation.higher_is_better else "below"
        which = f"every {group} is" if several else f"the test {name} is"
        return (
            f"Learned: with frozen weights {which} {side} {evaluation.goal:.3g} on the test rows{when} "
            f"({number(score)} in all)."
        )
    if _is_worse(evaluation):
        return f"Worse than {evaluation.constant_name}: {said}, that of {constant}."
    if _is_nothing(evaluation):
        return f"Nothing was learned: {said}, that of {constant}."
    opening = "Better than a constant" if evaluation.goal is None else "Partly learned"
    least = "" if evaluation.limit is None else f"; {number(evaluation.limit)} is the best possible"
    return f"{opening}: {said} ({f'{worst}; ' if worst else ''}that of {constant}{least})."


def _is_worse(evaluation: Evaluation) -> bool:
    """Return whether the loss is clearly above the constant's, and no group was learned."""
    above = evaluation.score * _NOTHING_SHARE > evaluation.constant_score
    return not evaluation.higher_is_better and above and not _has_learned_group(evaluation)


def _has_learned_group(evaluation: Evaluation) -> bool:
    """Return whether the score of at least one group reaches the goal."""
    goal, sign = evaluation.goal, 1 if evaluation.higher_is_better else -1
    return goal is not None and any(sign * score > sign * goal for score in evaluation.per_group)


def _is_nothing(evaluation: Evaluation) -> bool:
    """Return whether the score is hardly better than the constant's, and no group was learned."""
    constant = evaluation.constant_score
    if _has_learned_group(evaluation):
        return False
    if evaluation.higher_is_better:
        return evaluation.score <= constant
    return evaluation.score > _NOTHING_SHARE * constant


def group_table(values: dict[str, Any], evaluation: Evaluation, task: Task) -> Table:
    """Return the frozen test and training loss beside the prequential one, a row per group.

    If the score is not the loss, it has its own column; so have validation rows.
    """
    metric, label = task.objective.metric, task.group_label
    key = f"{metric}_per_{label}"
    splits = [s for s in ("test", "validation", "train") if s in evaluation.metrics]
    columns = {
        f"frozen {split}": [*evaluation.metrics[split][key], evaluation.metrics[split][metric]]
        for split in splits
    }
    moving = values[f"prequential_{key}"] or [None] * len(task.group_names)
    columns["prequential"] = [*moving, values[f"prequential_{metric}"]]
    if not evaluation.scores_loss:
        scores = [*evaluation.per_group, evaluation.score]
        columns = {f"test {evaluation.score_name}": scores, **columns}
    constant = {"frozen test": evaluation.constant_loss}
    if not evaluation.scores_loss:
        constant[f"test {evaluation.score_name}"] = evaluation.baselines["constant"]
    rows = [
        (name, *cells)
        for name, *cells in zip([*task.group_names, "all"], *columns.values(), strict=True)
    ]
    if len(task.group_names) == 1:
        del rows[0]  # the same as all of them
    rows.append((evaluation.constant_name, *map(constant.get, columns)))
    return Table((label, *columns), rows)
