"""Text of a page: what its template is filled with, besides the figures that can be zoomed."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freqjax.config import sections as configs
from freqjax.config.sections import Config
from freqjax.page.cards import cards_of
from freqjax.report import summary
from freqjax.report.markdown import cause_line, finds_chasing, next_commands
from freqjax.report.parts import Run
from freqjax.report.tables import cell
from freqjax.tasks.evaluation import Table
from freqjax.text import duration

if TYPE_CHECKING:
    from freqjax.diagnosis import Diagnosis

# Bytes of PNGs that a page holds; further ones are named only.
_MOST_BYTES = 1_500_000


def contents_of(run: Run) -> dict[str, Any]:
    """Return the variables of the template."""
    evaluation, task, values = run.evaluation, run.task, run.values
    verdict = summary.verdict(values, evaluation, task, chasing=finds_chasing(run.diagnosis))
    title, _, rest = verdict.partition(":")
    drawn = [path for section in evaluation.sections for path in section.figures]
    return {
        "name": run.folder.name,
        "title": title.rstrip("."),
        "verdict": rest.strip()[:1].upper() + rest.strip()[1:] if rest else "",
        "cause": cause_line(run.diagnosis),
        "facts": _facts(values),
        "cards": cards_of(evaluation, task),
        "groups": table_of(summary.group_table(values, evaluation, task)),
        "sections": [
            {
                "title": section.title,
                "words": section.words,
                "table": None if section.table is None else table_of(section.table),
            }
            for section in evaluation.sections
        ],
        "limit_note": evaluation.limit_note,
        "causes": [] if run.diagnosis is None else run.diagnosis.causes,
        "others": _others(run.diagnosis),
        "commands": next_commands(run.diagnosis, run.folder, values["epochs"] or 100),
        "repeat": _repeat(run.folder),
        "pictures": pictures([*drawn, *run.figures]),
        "config": config_rows(run.config),
    }


def table_of(table: Table) -> dict[str, Any]:
    """Return a table with its cells as text, and the places of the columns that hold words."""
    cells = list(zip(*table.rows, strict=True))
    return {
        "columns": list(table.columns),
        "words": [n for n, values in enumerate(cells) if any(isinstance(v, str) for v in values)],
        "rows": [[cell(value) for value in row] for row in table.rows],
    }


def pictures(paths: Sequence[Path], most: int = _MOST_BYTES) -> list[dict[str, str]]:
    """Return PNGs as data that are part of the page; of those that are too many, the file alone."""
    found, spent = [], 0
    for path in paths:
        data = path.read_bytes()
        spent += len(data)
        inside = base64.b64encode(data).decode("ascii") if spent <= most else ""
        place = path.relative_to(path.parents[1]).as_posix()
        found.append({"name": path.stem.replace("_", " "), "data": inside, "place": place})
    return found


def _facts(values: dict[str, Any]) -> list[tuple[str, str]]:
    facts = [("parameters", f"{values['parameters']:,}"), ("weights", str(values["weights"]))]
    if values["updates"] is not None:
        facts += [("updates", f"{values['updates']:,}"), ("epochs", f"{values['epochs']:,}")]
    if values["wall_seconds"] is not None:
        facts.append(("training", duration(values["wall_seconds"])))
    if values["stop_reason"] is not None:
        facts.append(("stopped by", values["stop_reason"].replace("_", " ")))
    return [*facts, ("device", values["device"])]


def _others(diagnosis: Diagnosis | None) -> list[tuple[str, str, str]]:
    """Return what was examined and not found, and what could not be examined."""
    if diagnosis is None or diagnosis.healthy:
        return []
    state = {False: "not found", None: "not examined"}
    return [
        (e.cause.replace("_", " "), state[e.found], e.words)
        for e in diagnosis.examinations
        if e.found in state
    ]


def _repeat(folder: Path) -> str:
    place = shlex.quote(str(folder / "config.json"))
    return f"python -m freqjax.main --config {place} --workdir runs/again"


def config_rows(config: Config) -> list[tuple[str, str]]:
    """Return the fields as section.field and value."""
    return [
        (f"{section}.{field}", str(value))
        for section, fields in configs.to_dict(config).items()
        if isinstance(fields, dict)
        for field, value in fields.items()
    ]
