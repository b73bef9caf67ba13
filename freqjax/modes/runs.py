"""Modes that begin with a config or a run: train, sweep, diagnose, limits and generate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from freqjax.config import sections as configs
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.modes import bases
from freqjax.run import workdir
from freqjax.system import files, leftovers
from freqjax.system.output import tell


def train(config: Config, flags: dict[str, Any]) -> int:
    """Train a network and evaluate it."""
    from freqjax.run import escalation

    if config.run.coordinator and flags["workdir"] is None:
        raise UserError(
            "--workdir is missing: it must name the folder of the run where run.coordinator is set."
        )
    with bases.work_folder(flags) as folder:
        outcome = escalation.run(config, folder, resume=flags["resume"], say=tell)
    return 0 if outcome.signum is None else 128 + outcome.signum


def sweep(config: Config, flags: dict[str, Any]) -> int:
    """Train the replicas of a sweep."""
    from freqjax import sweep

    resume, figures = flags["resume"], flags["figures"]
    with bases.work_folder(flags) as folder:
        signum = sweep.run(config, folder, resume=resume, figures=figures, say=tell)
    return 0 if signum is None else 128 + signum


def diagnose(config: Config, flags: dict[str, Any]) -> int:
    """Find the causes of a run's error and write them beside the run."""
    from freqjax.diagnosis import diagnose, saved_run
    from freqjax.page import writing as page
    from freqjax.report import documents, summary
    from freqjax.report import markdown as report
    from freqjax.report.parts import Run
    from freqjax.training.placement import placed

    folder, config = Path(flags["workdir"]), configs.with_fixed_rows(config, tell)
    differing = configs.differing_fields(config, saved_run.run_config(folder))
    for field in differing:
        if not field.startswith("task."):
            raise UserError(
                f"{field} differs from the run's own: a diagnosis may change task.* alone."
            )
    leftovers.remove_temporaries(
        folder, ("diagnosis.json", *documents.NAMES, "page.html"), idle=workdir.IDLE
    )
    tell("evaluating the weights, the baselines and the limit …")
    run, values = saved_run.read(folder, config, tell)
    tell("diagnosing …")
    with placed(config, tell):
        found = diagnose(run)
    figures = sorted((folder / "figures").glob("*.png"))
    files.write_json(folder / "diagnosis.json", found.to_json())
    task, evaluation = run.task, run.evaluation
    frozen = run.prepared.frozen(run.params)
    parts = Run(folder, config, values, evaluation, task, run.rows, figures, found, frozen)
    documents.write(parts, card=not differing)
    page.attempt(parts, tell)
    verdict = summary.verdict(values, evaluation, task, chasing=report.finds_chasing(found))
    tell("\n".join([verdict, "", *report.causes(found)]))
    tell(f"\neverything: {folder / documents.REPORT}")
    return 0


def limits(config: Config, flags: dict[str, Any]) -> int:
    """Find the least error that is possible and write it to a folder."""
    from freqjax.tasks.extraction.config import limits_of
    from freqjax.tasks.extraction.limits import survey

    limits_of(config)  # what cannot be surveyed leaves no folder
    with bases.work_folder(flags) as folder:
        workdir.make(folder, writes=("limits.json",))
        survey.run(config, folder, figures=flags["figures"], say=tell)
    return 0


def generate(config: Config, flags: dict[str, Any]) -> int:
    """Write the rows of a split to a file."""
    from freqjax.tasks import make_task
    from freqjax.tasks.extraction import datasets

    if flags["out"] is None:
        raise UserError(
            "--out is missing: it must name the dataset to write, a .npz, .csv, .npy or .wav."
        )
    if flags["split"] not in (None, "train", "test"):
        raise UserError(f"--split is {flags['split']!r}: it must be train or test.")
    task = make_task(config.task)
    if not isinstance(task, datasets.HasRows):
        raise UserError(
            f"task.name is {config.task.name}: it must be extraction, lines, or another task whose rows have "
            "a signal, a selector and a target."
        )
    blocks = task.split(flags["split"] or "train")
    assert blocks is not None  # as the check of the flag says
    rows = task.dataset(blocks)
    path = Path(flags["out"])
    leftovers.remove_temporaries(path.parent, (path.name,), idle=workdir.IDLE)
    datasets.write_rows(path, rows, task.time.samples, task.samples)
    tell(f"wrote {len(rows.targets):,} rows to {path}")
    return 0
