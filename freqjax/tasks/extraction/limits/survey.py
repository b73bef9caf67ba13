"""The mode limits: the least possible MSE on the config's task at several phase scales, after n samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from freqjax.config.sections import Config
from freqjax.system import files
from freqjax.tasks.extraction.config import ExtractionConfig, limits_of
from freqjax.tasks.extraction.limits.bayes import bayes_curve
from freqjax.tasks.extraction.limits.law import NoBayesLimit
from freqjax.tasks.extraction.limits.linear import linear_curve
from freqjax.text import number


def run(config: Config, folder: Path, *, figures: bool, say: Callable[[str], None]) -> None:
    """Compute the limits, print the table, write limits.json and figures/limits.png to `folder`.

    Other files in the folder, such as those of a run, stay as they are.

    Args:
      config: its task and its section `limits` are used.
      folder: an existing folder.
      figures: whether to draw.
      say: called with each line.

    Raises:
      UserError: a bad config.
    """
    asked, limits = limits_of(config)
    seen = tuple(n for n in limits.samples_seen if n <= asked.samples)
    rows = []
    for start in ("zero", "random"):
        tasks = [
            dataclasses.replace(asked, start=start, phase_scale=scale)
            for scale in limits.phase_scales
        ]
        for line in _head(asked, start, seen):
            say(line)
        for task in tasks:
            rows.append(survey_row(task, seen))
            for line in _lines(rows[-1]):
                say(line)
    files.write_json(folder / "limits.json", [point for row in rows for point in points(row)])
    say("")
    if figures:
        # matplotlib takes most of a second to import.
        from freqjax.tasks.extraction.figures.limits import limit_curves

        say(f"figure: {limit_curves(rows, folder / 'figures')}")
    say(f"everything: {folder}")


def survey_row(task: ExtractionConfig, samples_seen: Sequence[int]) -> dict[str, Any]:
    """Compute the limits of `task` after each of `samples_seen`, ready for JSON.

    Returns:
      `phase_scale`, `start`, `samples_seen` and, with an entry for each number of samples, `bayes_mse`,
      `bayes_mse_per_frequency`, `low` and `high` (None if the limit is refused), `linear_mmse` (phase
      unknown); `streams` simulated, `resolution` to which a sample was rounded, and `note`, None or why
      the limit is refused.
    """
    row: dict[str, Any] = {
        "phase_scale": task.phase_scale,
        "start": task.start,
        "samples_seen": list(samples_seen),
        **dict.fromkeys(
            ("bayes_mse", "bayes_mse_per_frequency", "low", "high", "streams", "resolution", "note")
        ),
        "linear_mmse": linear_curve(task, samples_seen).mean(axis=1).tolist(),
    }
    try:
        curve = bayes_curve(task, samples_seen)
    except NoBayesLimit as error:
        return row | {"note": str(error)}
    return row | {
        "bayes_mse": curve.mse.tolist(),
        "bayes_mse_per_frequency": curve.mse_per_frequency.tolist(),
        "low": curve.low.tolist(),
        "high": curve.high.tolist(),
        "streams": curve.streams.tolist(),
        "resolution": curve.resolution,
    }


# Fields of a row with an entry for every number of samples.
_PER_SAMPLES = (
    "samples_seen",
    "bayes_mse",
    "bayes_mse_per_frequency",
    "low",
    "high",
    "streams",
    "linear_mmse",
)


def points(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Split a row of `survey_row` into the objects of limits.json, one for every number of samples."""
    return [
        row | {name: None if row[name] is None else row[name][k] for name in _PER_SAMPLES}
        for k in range(len(row["samples_seen"]))
    ]


def _head(task: ExtractionConfig, start: str, samples_seen: Sequence[int]) -> list[str]:
    """Return the lines above the table, which explain the columns."""
    known = "known" if start == "zero" else "anywhere in the common period"
    hertz = ", ".join(f"{f:g}" for f in task.frequencies)
    return [
        "",
        f"start {start} ({known}): the least possible MSE of a component of {hertz} Hz, mean over them,",
        "at the latest of n samples (±: 95 %); linear: of linear estimators, without knowledge of the start;",
        "predicting zero has 0.5",
        f"{'phase_scale':<20}" + "".join(f"  {f'n={n}':>9}" for n in samples_seen),
    ]


def _lines(row: dict[str, Any]) -> list[str]:
    """Return the limit, its error and the linear limit, with a column for each number of samples."""
    scale = f"{row['phase_scale']:g}"
    linear = _cells("linear", row["linear_mmse"])
    if row["bayes_mse"] is None:
        return [f"{scale:<7} {row['note']}", f"{'':<7} {linear}"]
    half = [h - m for h, m in zip(row["high"], row["bayes_mse"], strict=True)]
    lines = [f"{scale:<7} {_cells('limit', row['bayes_mse'])}"]
    if any(row["streams"]):
        lines.append(f"{'':<7} {_cells('±', half)}")
    return [*lines, f"{'':<7} {linear}"]


def _cells(name: str, values: Sequence[float]) -> str:
    return f"{name:<12}" + "".join(f"  {_short(value):>9}" for value in values)


def _short(value: float) -> str:
    return "0" if value == 0 else number(value)
