"""Escalation: further runs with more units if the diagnosis finds that capacity is the cause."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.run.experiment import OnRow, Outcome, Say
from freqjax.run.experiment import run as run_once
from freqjax.system import files


def train(
    config: Config,
    workdir: str | Path,
    *,
    resume: bool = False,
    say: Say = print,
    on_row: OnRow | None = None,
) -> dict[str, Any]:
    """Train as `python -m freqjax.main` does, and return the object of summary.json of the last run.

    Of processes that share a run, only process 0 has one; the others return an empty dictionary.

    Args:
      config: validated again before anything is written.
      workdir: the run's folder; absent or empty unless `resume`.
      resume: whether to continue the run in `workdir`.
      say: called with each line of progress.
      on_row: called with each row of metrics.jsonl once it is written, in the order of the epochs; what it
        raises ends the training.

    Raises:
      UserError: bad config, data or folder; one sentence.
      KeyboardInterrupt: a signal to end came before anything was written.
    """
    return run(config, Path(workdir), resume=resume, say=say, on_row=on_row).summary


def run(
    config: Config, folder: Path, *, resume: bool, say: Say, on_row: OnRow | None = None
) -> Outcome:
    """Train at `network.hidden_size`, then at the sizes of `train.escalate`, while capacity is the cause.

    The first run is `folder` itself, the others are folders `hidden_<H>` in it, each a complete run. The
    decision after each run and its reason are printed and written to escalation.json. A resume skips the runs
    that are finished.

    Returns:
      The outcome of the last run.
    """
    sizes = [config.network.hidden_size, *config.train.escalate]
    decisions = []
    outcome = None
    for size, following in zip(sizes, [*sizes[1:], None], strict=True):
        place = folder if not decisions else folder / f"hidden_{size}"
        one = _at(config, size, first=not decisions)
        outcome = run_once(one, place, resume=resume, say=say, on_row=on_row)
        if not outcome.summary:  # another process leads the run
            break
        goes_on, why = _decide(outcome, place, following)
        metric = outcome.summary.get("metric", "mse")  # a summary of version 0.1 does not name it
        decisions.append(
            {
                "hidden_size": size,
                "folder": place.relative_to(folder).as_posix(),
                f"test_{metric}": outcome.summary["test"].get(metric),
                "stop_reason": outcome.summary["stop_reason"],
                "goes_on": goes_on,
                "why": why,
            }
        )
        if config.train.escalate:
            files.write_json(folder / "escalation.json", decisions)
            say(f"escalation: {why}")
        if not goes_on:
            break
    assert outcome is not None
    return outcome


def _at(config: Config, size: int, *, first: bool) -> Config:
    """Return the config of one of the runs; those after the first start anew and do not escalate."""
    if first:
        return config
    return dataclasses.replace(
        config,
        network=dataclasses.replace(config.network, hidden_size=size),
        train=dataclasses.replace(config.train, escalate=(), init_from=""),
    )


def _decide(outcome: Outcome, place: Path, following: int | None) -> tuple[bool, str]:
    """Return whether to continue with `following` units, and the reason."""
    # A signal may come after the summary, which then tells why training stopped.
    if outcome.signum is not None or outcome.summary["stop_reason"] == "interrupted":
        return False, "stops here: the run was interrupted."
    causes: list[dict[str, Any]] | None = files.read_json(place / "diagnosis.json", list)
    if causes is None:
        return False, "stops here: the run has no diagnosis.json, which --mode diagnose makes."
    if not causes:
        return False, "stops here: no cause was found that more units could remove."
    first = causes[0].get("cause") if isinstance(causes[0], dict) else None
    if not isinstance(first, str):
        raise UserError(f"{place / 'diagnosis.json'} is damaged: its first entry names no cause.")
    if first != "capacity":
        return (
            False,
            f"stops here: the cause is {first.replace('_', ' ')}, which more units do not remove.",
        )
    if following is None:
        return False, "stops here: the cause is capacity, and train.escalate names no larger size."
    return True, f"the cause is capacity: on to {following} units."
