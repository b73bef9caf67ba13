"""report.md: what a run says to a reader, the verdict first, every number from the run's own files."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from freqjax.diagnosis import Diagnosis
from freqjax.report import summary
from freqjax.report.phases import split
from freqjax.system.files import write_text
from freqjax.tasks import Extraction
from freqjax.tasks.examination import Examination
from freqjax.text import duration, number

# So many alerts are quoted.
_ALERTS = 8


def write(
    path: Path,
    values: dict[str, Any],
    task: Extraction,
    rows: Sequence[dict[str, Any]],
    figures: Sequence[Path],
    diagnosis: Diagnosis | None,
) -> None:
    """Write the report to `path`.

    Args:
      path: report.md of the run's folder.
      values: the object of summary.json.
      task: names the components.
      rows: of metrics.jsonl.
      figures: the PNGs of the run, in reading order.
      diagnosis: the causes; None where nobody has looked for them.
    """
    sections = [
        _opening(values, diagnosis),
        ["## How the loss went", "", *_trajectory(rows)],
        ["## Component by component", "", *_components(values, task)],
        ["## What is possible", "", *_possible(values, task)],
        ["## Clock or locker?", "", "```", *summary.probe_table(values, task), "```"],
        ["## Gradients", "", *_gradients(rows)],
        ["## Causes", "", *causes(diagnosis)],
        ["## What it is not", "", *_refuted(diagnosis)],
        ["## Next", "", *_next(diagnosis, path.parent, values["epochs"] or 100)],
        ["## Figures", "", *_figures(figures, path.parent)],
    ]
    write_text(path, "\n\n".join("\n".join(section) for section in sections) + "\n")


def _opening(values: dict[str, Any], diagnosis: Diagnosis | None) -> list[str]:
    """The verdict: three lines that stand by themselves, then how the run ended."""
    if values["stop_reason"] is None and not values["updates"]:
        sentence = "Nothing was trained yet: no update has been made."
    else:
        sentence = summary.verdict(values, chasing=finds_chasing(diagnosis))
    lines = [f"# {sentence.split(':')[0].rstrip('.')}", sentence, cause_line(diagnosis), ""]
    if values["stop_reason"] is not None:
        lines.append(
            f"It stopped by {values['stop_reason']} after {values['updates']:,} updates in "
            f"{duration(values['wall_seconds'])}; {values['parameters']:,} parameters, begun as "
            f"{values['initializer']}; the numbers are of the {values['weights']} weights; "
            f"{values['device']}."
        )
    else:
        lines.append(f"The run has no end yet: the numbers are of its {values['weights']} weights.")
    return lines


def finds_chasing(diagnosis: Diagnosis | None) -> bool:
    """Whether a verdict may say that the weights chase: where it was looked for it must have been found."""
    return diagnosis is None or any(e.cause == "weight_chasing" for e in diagnosis.causes)


def cause_line(diagnosis: Diagnosis | None) -> str:
    """The ranked causes in one line."""
    if diagnosis is None:
        return "Why, nobody has looked: `--mode diagnose` does."
    if diagnosis.healthy:
        return "Nothing is wrong: every component is below the goal, so no cause was looked for."
    if not diagnosis.causes:
        return (
            "No cause that was looked for explains the error; a run that still improves needs time."
        )
    first, *others = (f"{e.cause.replace('_', ' ')}" for e in diagnosis.causes)
    return f"Cause: {first}" + (f"; after it {', '.join(others)}." if others else ".")


def _trajectory(rows: Sequence[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["No epoch was completed."]
    lines = [
        "Loss: each row just before the update that learned from it (prequential). Frozen: with the weights",
        "held still, on all training rows.",
        "",
        "| epochs | updates | loss | frozen | per epoch | |",
        "|---|---|---|---|---|---|",
    ]
    for phase in split(rows):
        first, last = rows[phase.first], rows[phase.last]
        lines.append(
            f"| {first['epoch']}–{last['epoch']} | {first['step']:,}–{last['step']:,} "
            f"| {_from_to(first['loss'], last['loss'])} "
            f"| {_frozen(rows[phase.first : phase.last + 1])} "
            f"| {'-' if math.isnan(phase.rate) else f'{phase.rate:+.2%}'} | {phase.name} |"
        )
    if "horizon_s" in rows[-1]:
        horizons = f"{rows[0]['horizon_s']:g} s to {rows[-1]['horizon_s']:g} s"
        lines += ["", f"The loss is over the horizon, which went from {horizons}."]
    alerts = [alert for row in rows for alert in row["alerts"]]
    lines += ["", f"Alerts: {len(alerts)}.", *(f"- {alert}" for alert in alerts[:_ALERTS])]
    if len(alerts) > _ALERTS:
        lines.append(f"- … and {len(alerts) - _ALERTS} more in metrics.jsonl")
    return lines


def _frozen(rows: Sequence[dict[str, Any]]) -> str:
    """From the first evaluation among `rows` to the last."""
    known = [row["frozen_mse"] for row in rows if row["frozen_mse"] is not None]
    return _from_to(known[0], known[-1]) if known else "-"


def _from_to(first: float | None, last: float | None) -> str:
    return f"{number(first)} → {number(last)}"


def _components(values: dict[str, Any], task: Extraction) -> list[str]:
    lines = ["```", *summary.table(values, task), "```"]
    tones = values["test"].get("tones")
    if not tones:
        return lines
    lines += [
        "",
        "On the test rows, frozen:",
        "",
        "| | amplitude | correlation | R² | SI-SDR, dB | frequency error, mHz | phase drift, rad |",
        "|---|---|---|---|---|---|---|",
    ]
    keys = (
        "amplitude_ratio",
        "correlation",
        "r2",
        "si_sdr_db",
        "frequency_error_mhz",
        "phase_drift_rad",
    )
    for name, tone in zip(task.group_names, tones, strict=True):
        cells = ("-" if tone[key] is None else f"{tone[key]:.3g}" for key in keys)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, "", "SI-SDR does not see the amplitude: read it beside the first column."]


def _possible(values: dict[str, Any], task: Extraction) -> list[str]:
    return ["```", *summary.limit_table(values, task), "```"]


def _gradients(rows: Sequence[dict[str, Any]]) -> list[str]:
    layers = rows[-1].get("grad_norm_max_per_layer", {}) if rows else {}
    if not layers:
        return ["None was recorded."]
    lines = [
        "Norms before clipping, the largest of each epoch; and how far an update, or a chunk of them, moves",
        "the weights, as a share of their norm.",
        "",
        "| layer | first epoch | median | largest | last epoch | moved at most |",
        "|---|---|---|---|---|---|",
    ]
    for name in layers:
        norms = [row["grad_norm_max_per_layer"][name] for row in rows]
        finite = [norm for norm in norms if norm is not None]
        moved = [row["update_ratio_per_layer"][name] for row in rows]
        cells = [
            norms[0],
            float(np.median(finite)) if finite else None,
            max(finite, default=None),
            norms[-1],
            max((m for m in moved if m is not None), default=None),
        ]
        lines.append(f"| {name} | {' | '.join(_short(c) for c in cells)} |")
    return lines


def _short(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.2g}"


def causes(diagnosis: Diagnosis | None) -> list[str]:
    """The ranked causes, each with its threshold, what to change and what would refute it."""
    if diagnosis is None or not diagnosis.causes:
        return [cause_line(diagnosis)]
    lines = []
    for rank, cause in enumerate(diagnosis.causes, 1):
        lines += [
            f"{rank}. **{cause.cause.replace('_', ' ')}.** {cause.words}",
            f"   - Threshold: {cause.threshold}.",
            f"   - What to change: {cause.advice}",
            f"   - Refuted, if {cause.refuted_if}:",
            f"     `{cause.experiment}`",
        ]
    return lines


def _refuted(diagnosis: Diagnosis | None) -> list[str]:
    if diagnosis is None or diagnosis.healthy:
        return [cause_line(diagnosis)]
    lines = [_line(e) for e in diagnosis.examinations if e.found is False]
    unknown = [_line(e) for e in diagnosis.examinations if e.found is None]
    if unknown:
        lines += ["", "Not examined:", "", *unknown]
    return lines


def _line(examination: Examination) -> str:
    return f"- {examination.cause.replace('_', ' ')}: {examination.words}"


def _next(diagnosis: Diagnosis | None, folder: Path, epochs: int) -> list[str]:
    program, place = "python -m freqjax.main", shlex.quote(str(folder))
    if diagnosis is None:
        commands = [f"{program} --mode diagnose --workdir {place}"]
    elif diagnosis.causes:
        commands = list(dict.fromkeys(cause.experiment for cause in diagnosis.causes))[:3]
    elif diagnosis.healthy:
        commands = [f"{program} --mode evaluate --checkpoint {place} --config.task.test_seed=7"]
    else:
        commands = [f"{program} --workdir {place} --resume --config.train.epochs={10 * epochs}"]
    return ["```sh", *commands, "```"]


def _figures(figures: Sequence[Path], folder: Path) -> list[str]:
    if not figures:
        return ["None was drawn."]
    return [f"![{figure.stem}]({figure.relative_to(folder).as_posix()})" for figure in figures]
