"""report.md of a run: the verdict first, and every number from the run's own files."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freqjax.report import summary
from freqjax.report.escapes import block, code, inline
from freqjax.report.phases import split, stages
from freqjax.report.tables import markdown_figures, markdown_section, markdown_table
from freqjax.system.files import write_text
from freqjax.tasks import Task
from freqjax.tasks.columns import is_filtered
from freqjax.tasks.evaluation import Evaluation, Table
from freqjax.tasks.examination import Examination
from freqjax.text import duration, number

if TYPE_CHECKING:
    from freqjax.diagnosis import Diagnosis

# Number of alerts quoted.
_ALERTS = 8
# Phases of a curriculum that are listed from its start, and as many to its end.
_STAGES = 8


def write(
    path: Path,
    values: dict[str, Any],
    evaluation: Evaluation,
    task: Task,
    rows: Sequence[dict[str, Any]],
    figures: Sequence[Path],
    diagnosis: Diagnosis | None,
) -> None:
    """Write the report to `path`.

    Args:
      path: report.md of the run's folder.
      values: the object of summary.json.
      evaluation: evaluation of the weights that the run kept.
      task: names groups and columns.
      rows: of metrics.jsonl.
      figures: the PNGs of the run, in reading order.
      diagnosis: the causes; None if the run was not diagnosed.
    """
    label, folder = task.group_label, path.parent
    groups = markdown_table(summary.group_table(values, evaluation, task))
    sections = [
        _opening(values, evaluation, task, diagnosis),
        ["## How the loss went", "", *_trajectory(rows, evaluation, task)],
        [
            "## Losses"
            if len(task.group_names) == 1
            else f"## {inline(label.capitalize())} by {inline(label)}",
            "",
            *groups,
        ],
        *(markdown_section(section, folder) for section in evaluation.sections),
        ["## Gradients", "", *_gradients(rows)],
        ["## Causes", "", *_ranked(diagnosis)],
        ["## What it is not", "", *_refuted(diagnosis)],
        ["## Next", "", *block(next_commands(diagnosis, folder, values["epochs"] or 100), "sh")],
        ["## Figures", "", *(markdown_figures(figures, folder) or ["None was drawn."])],
    ]
    write_text(path, "\n\n".join("\n".join(section) for section in sections) + "\n")


def _opening(
    values: dict[str, Any], evaluation: Evaluation, task: Task, diagnosis: Diagnosis | None
) -> list[str]:
    """Return title, verdict and causes, a line each, then the end of the run."""
    if values["stop_reason"] is None and not values["updates"]:
        sentence = "Nothing was trained yet: no update has been made."
    else:
        sentence = summary.verdict(values, evaluation, task, chasing=finds_chasing(diagnosis))
    title, cause = sentence.split(":")[0].rstrip("."), cause_line(diagnosis)
    lines = [f"# {inline(title)}", inline(sentence), inline(cause), ""]
    if values["stop_reason"] is not None:
        said = (
            f"It stopped by {values['stop_reason']} after {values['updates']:,} updates in "
            f"{duration(values['wall_seconds'])}; {values['parameters']:,} parameters, begun as "
            f"{values['initializer']}; the numbers are of the {values['weights']} weights; "
            f"{values['device']}."
        )
        lines.append(inline(said))
    else:
        lines.append(f"The run has no end yet: the numbers are of its {values['weights']} weights.")
    return lines


def finds_chasing(diagnosis: Diagnosis | None) -> bool:
    """Return whether the diagnosis found weight chasing, so that a verdict may mention it."""
    return diagnosis is None or any(e.cause == "weight_chasing" for e in diagnosis.causes)


def cause_line(diagnosis: Diagnosis | None) -> str:
    """Return the ranked causes in one line."""
    if diagnosis is None:
        return "Not diagnosed yet; run --mode diagnose."
    if diagnosis.healthy:
        return "Nothing is wrong: what the task asks for was reached, so no cause was looked for."
    if not diagnosis.causes:
        return (
            "No cause that was looked for explains the error; a run that still improves needs time."
        )
    first, *others = (f"{e.cause.replace('_', ' ')}" for e in diagnosis.causes)
    return f"Cause: {first}" + (f"; after it {', '.join(others)}." if others else ".")


def _trajectory(rows: Sequence[dict[str, Any]], evaluation: Evaluation, task: Task) -> list[str]:
    if not rows:
        return ["No epoch was completed."]
    chooses = "the validation rows" if summary.validates(evaluation) else "all training rows"
    frozen = (
        "Frozen: the lowest so far of weights\nheld still, on the rows of the block that they began."
        if is_filtered(rows)
        else f"Frozen: with the weights\nheld still, on {chooses}."
    )
    lines = [
        "Loss: each row just before the update that learned from it (prequential). " + frozen,
        "",
    ]
    lines += _phases(rows, task)
    found = {row["epoch"] for row in rows}
    missing = max(found) - len(found)
    if missing > 0:
        epochs = (str(epoch) for epoch in itertools.count(1) if epoch not in found)
        named = ", ".join(itertools.islice(epochs, min(missing, _ALERTS)))
        more = " …" if missing > _ALERTS else ""
        lines += ["", f"metrics.jsonl has no whole row of {missing} epochs: {named}{more}."]
    alerts = [alert for row in rows for alert in row["alerts"]]
    lines += [
        "",
        f"Alerts: {len(alerts)}.",
        *(f"- {inline(str(alert))}" for alert in alerts[:_ALERTS]),
    ]
    if len(alerts) > _ALERTS:
        lines.append(f"- … and {len(alerts) - _ALERTS} more in metrics.jsonl")
    return lines


def _phases(rows: Sequence[dict[str, Any]], task: Task) -> list[str]:
    """Return the table of the phases of the loss; those of a curriculum are its horizons."""
    horizon, unit = task.columns.horizon, task.time.name
    staged = all(horizon in row for row in rows)
    phases = stages(rows, horizon) if staged else split(rows)
    table: list[tuple[str, ...]] = [
        (
            _span(rows[phase.first]["epoch"], rows[phase.last]["epoch"]),
            _span(rows[phase.first]["step"], rows[phase.last]["step"]),
            *([f"{rows[phase.first][horizon]:g} {unit}"] if staged else []),
            _from_to(rows[phase.first]["loss"], rows[phase.last]["loss"]),
            _frozen(rows[phase.first : phase.last + 1], task.columns.frozen),
            "-" if math.isnan(phase.rate) else f"{phase.rate:+.2%}",
            phase.name,
        )
        for phase in phases
    ]
    left_out = len(table) - 2 * _STAGES
    if left_out > 1:
        table[_STAGES:-_STAGES] = [(f"… {left_out} more", *["…"] * (len(table[0]) - 1))]
    columns = ("epochs", "updates", *(["horizon"] if staged else []))
    lines = markdown_table(Table((*columns, "loss", "frozen", "per epoch", ""), table))
    if staged:
        lines += [
            "",
            "The loss is over the horizon: only losses over the same one can be compared.",
        ]
    return lines


def _span(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,}–{last:,}"


def _frozen(rows: Sequence[dict[str, Any]], column: str) -> str:
    """Return the first evaluation among `rows` and the last."""
    known = [row[column] for row in rows if row.get(column) is not None]
    return _from_to(known[0], known[-1]) if known else "-"


def _from_to(first: float | None, last: float | None) -> str:
    return number(first) if first == last else f"{number(first)} → {number(last)}"


def _gradients(rows: Sequence[dict[str, Any]]) -> list[str]:
    if is_filtered(rows):
        return ["A Kalman filter takes no gradient of a loss: there are no norms."]
    layers = rows[-1].get("grad_norm_max_per_layer", {}) if rows else {}
    if not layers:
        return ["None was recorded."]
    lines = [
        "Norms before clipping, the largest of each epoch; and how far an update, or a chunk of them, moves",
        "the weights, as a share of their norm.",
        "",
    ]
    table = []
    for name in layers:
        norms = [row.get("grad_norm_max_per_layer", {}).get(name) for row in rows]
        finite = [norm for norm in norms if norm is not None]
        moved = [row.get("update_ratio_per_layer", {}).get(name) for row in rows]
        cells = [
            norms[0],
            float(np.median(finite)) if finite else None,
            max(finite, default=None),
            norms[-1],
            max((m for m in moved if m is not None), default=None),
        ]
        table.append((name, *map(_short, cells)))
    columns = ("layer", "first epoch", "median", "largest", "last epoch", "moved at most")
    return [*lines, *markdown_table(Table(columns, table))]


def _short(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.2g}"


def causes(diagnosis: Diagnosis | None) -> list[str]:
    """Return the ranked causes, each with its threshold, a remedy and the experiment that can refute it."""
    if diagnosis is None or not diagnosis.causes:
        return [inline(cause_line(diagnosis))]
    lines = []
    for rank, cause in enumerate(diagnosis.causes, 1):
        lines += [
            f"{rank}. **{inline(cause.cause.replace('_', ' '))}.** {inline(cause.words)}",
            f"   - Threshold: {inline(cause.threshold)}.",
            f"   - What to change: {inline(cause.advice)}",
            f"   - Refuted, if {inline(cause.refuted_if)}:",
            f"     {code(cause.experiment)}",
        ]
    return lines


def _ranked(diagnosis: Diagnosis | None) -> list[str]:
    """Return the causes; where there are none, say only that, since the report begins with the reason."""
    if diagnosis is None or diagnosis.healthy:
        return ["None was looked for."]
    return causes(diagnosis) if diagnosis.causes else ["None was found."]


def _refuted(diagnosis: Diagnosis | None) -> list[str]:
    if diagnosis is None or diagnosis.healthy:
        return ["Nothing was excluded."]
    lines = [_line(e) for e in diagnosis.examinations if e.found is False]
    unknown = [_line(e) for e in diagnosis.examinations if e.found is None]
    if unknown:
        lines += ["", "Not examined:", "", *unknown]
    return lines


def _line(examination: Examination) -> str:
    return inline(f"- {examination.cause.replace('_', ' ')}: {examination.words}")


def next_commands(diagnosis: Diagnosis | None, folder: Path, epochs: int) -> list[str]:
    """Return the commands that a diagnosis suggests for a run of so many epochs."""
    program, place = "python -m freqjax.main", shlex.quote(str(folder))
    if diagnosis is None:
        return [f"{program} --mode diagnose --workdir {place}"]
    if diagnosis.causes:
        return list(dict.fromkeys(cause.experiment for cause in diagnosis.causes))[:3]
    if diagnosis.healthy:
        return [f"{program} --mode evaluate --checkpoint {place} --config.task.test_seed=7"]
    return [f"{program} --workdir {place} --resume --config.train.epochs={10 * epochs}"]
