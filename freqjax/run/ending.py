"""End of a run whose training is over: evaluation, summary, figures, diagnosis, report and page.

A run that a signal ended has a summary of what is known at once, and no more.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

from freqjax import progress
from freqjax.checkpoints.records import Origin
from freqjax.config.sections import Config
from freqjax.diagnosis import Diagnosis, RunUnderExamination, diagnose
from freqjax.figures.attempt import arrived, made
from freqjax.networks.network import Params
from freqjax.page import writing as page
from freqjax.report import documents, summary, unfinished
from freqjax.report import markdown as report
from freqjax.report.parts import Run
from freqjax.report.saved import read as read_summary
from freqjax.report.saved import write as write_summary
from freqjax.run.workdir import Workdir
from freqjax.tasks.evaluation import Evaluation
from freqjax.training.prepared import Prepared
from freqjax.training.trainers import Trainer

Say = Callable[[str], None]


@dataclasses.dataclass
class Outcome:
    """End of a run.

    Attributes:
      summary: the object of summary.json; empty in a process that follows another.
      signum: the signal that interrupted it, or None.
    """

    summary: dict[str, Any]
    signum: int | None = None


@dataclasses.dataclass(frozen=True)
class Trained:
    """Training that is over, as its end needs it.

    Attributes:
      config: of the run.
      folder: of the run.
      prepared: its task, rows and network.
      trainer: after its last update.
      initial_params: the weights that it began with.
      origin: the checkpoint that these come from; None if they were drawn.
      rows: the rows of metrics.jsonl.
      seconds: how long it took.
    """

    config: Config
    folder: Workdir
    prepared: Prepared
    trainer: Trainer
    initial_params: Params
    origin: Origin | None
    rows: Sequence[dict[str, Any]]
    seconds: float

    @property
    def initializer(self) -> str:
        """What made the initial weights."""
        return self.origin.initializer if self.origin else self.config.network.initializer


def load_ahead(config: Config) -> None:
    """Import what an end needs in a thread, while training waits for its device.

    Matplotlib and Bokeh take seconds between them.
    """
    names = ["freqjax.figures.canvas"]
    if config.train.page and page.is_possible():
        names.append("freqjax.page.panels")

    def load() -> None:
        with contextlib.suppress(Exception):  # who needs them finds out, and says so
            for name in names:
                importlib.import_module(name)

    threading.Thread(target=load, name="load_ahead", daemon=True).start()


def sum_up(
    run: Trained, best: Callable[[], Params | None], reason: str, say: Say
) -> dict[str, Any]:
    """Evaluate the weights of a run, write all that its folder holds of it, and return the summary.

    Args:
      run: the run.
      best: returns the weights to keep; None for the last, where none were evaluated.
      reason: why training stopped.
      say: called with each line.
    """
    params, weights = best(), "best"
    if params is None:
        params, weights = run.trainer.params, "last"
    task, place = run.prepared.task, run.folder.path
    say(f"evaluating the {weights} weights, the baselines and the limit …")
    with progress.phase("evaluating"):
        frozen = run.prepared.frozen(params, run.initial_params)
        evaluation = task.evaluate(frozen)
    values = _summary(run, params, evaluation, weights=weights, stop_reason=reason)
    # First, so that nothing that follows can cost the numbers.
    write_summary(place / "summary.json", values)
    say("drawing the figures …")
    parts = values, evaluation, task, run.rows, [], None, frozen
    ended = Run(place, run.config, *parts)
    with progress.phase("figures"):
        folder = place / "figures"
        figures = made(lambda: task.draw(frozen, evaluation, run.rows, folder), say)
        # Of the page too, while other processes draw.
        drawn = page.draw_ahead(ended) if run.config.train.page else None
        ended = ended._replace(figures=arrived(figures, say))
    # A run with a summary and a report is a finished run.
    documents.write(ended)
    if run.config.train.diagnose:
        say("diagnosing …")
        found = examine(run, params, evaluation)
        run.folder.write_json("diagnosis.json", found.to_json())
        ended = ended._replace(diagnosis=found)
        documents.write(ended)
    if run.config.train.page:
        page.attempt(ended, say, drawn)
    chasing = report.finds_chasing(ended.diagnosis)
    say(summary.text(values, evaluation, task, place, ended.figures, chasing=chasing))
    say(report.cause_line(ended.diagnosis))
    return values


def _summary(run: Trained, params: Params, evaluation: Evaluation, **ended: str) -> dict[str, Any]:
    """Return the entries of summary.json; `ended` is which weights they are of, and why training stopped."""
    task = run.prepared.task
    values = summary.assemble(
        evaluation,
        task,
        params,
        initializer=run.initializer,
        wall_seconds=run.seconds,
        distinct_rows=run.trainer.distinct_rows,
        **ended,
        **summary.of_rows(run.rows, task, run.trainer.epoch),
        epochs=run.trainer.epoch,
        updates=run.trainer.step,
    )
    if run.origin is not None:
        values["init_from"] = run.origin.to_json()
    return values


def examine(run: Trained, params: Params, evaluation: Evaluation) -> Diagnosis:
    """Find the causes of the error of the weights `params`, if it is above the goal."""
    return diagnose(
        RunUnderExamination(
            folder=run.folder.path,
            prepared=run.prepared,
            initial_params=run.initial_params,
            params=params,
            last_params=run.trainer.params if run.trainer.step else run.initial_params,
            rows=run.rows,
            evaluation=evaluation,
            seconds=run.seconds,
        )
    )


def end_early(run: Trained, say: Say) -> dict[str, Any]:
    """Write what is known at once of a run that a signal ended; a summary that is there stays."""
    place = run.folder.path
    values = read_summary(place / "summary.json", say)
    if values is not None:
        say(
            "interrupted after the summary: figures and causes that are missing are made by --mode "
            f"evaluate and --mode diagnose --workdir {place}"
        )
        return values
    values = unfinished.assemble(
        run.prepared.task,
        run.trainer.params,
        run.rows,
        initializer=run.initializer,
        epochs=run.trainer.epoch,
        updates=run.trainer.step,
        wall_seconds=run.seconds,
        distinct_rows=run.trainer.distinct_rows,
    )
    if run.origin is not None:
        values["init_from"] = run.origin.to_json()
    write_summary(place / "summary.json", values)
    say(unfinished.text(values, place))
    return values
