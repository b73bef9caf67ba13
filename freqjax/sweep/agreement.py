"""What the processes of a sweep, and a sweep and its resume, must have in common."""

from __future__ import annotations

import dataclasses
from typing import Any

from freqjax.config import sections as configs
from freqjax.config import validation
from freqjax.config.sections import Config, RunConfig
from freqjax.errors import UserError
from freqjax.run.workdir import Workdir
from freqjax.sweep import processes


def anywhere(config: Config) -> Config:
    """Return `config` with the default `run` section, which does not affect the results."""
    return dataclasses.replace(config, run=RunConfig())


def refuse_other_processes(config: Config) -> None:
    """Compare the config with those of the other processes.

    Raises:
      UserError: one was started with another config.
    """
    told = processes.gather(_identity(config))
    others = [n for n, found in enumerate(told) if found != told[0]]
    if others:
        raise UserError(
            f"process {others[0]} was started with another config than process 0: only run.* may differ."
        )


def refuse_other_sweep(config: Config, folder: Workdir) -> None:
    """Compare the config with that of the sweep which is in a folder already, if there is one.

    Raises:
      UserError: they differ in more than devices and processes.
    """
    saved = folder.read_json("config.json")
    if saved is None:
        return
    before = validation.from_dict(saved, "config.json")
    changed = [f for f in configs.differing_fields(config, before) if not f.startswith("run.")]
    if not changed and list(before.sweep.axes) != list(config.sweep.axes):
        changed = ["sweep.axes (their order)"]
    if changed:
        raise UserError(
            f"{', '.join(changed)} differ from the sweep's own: only run.* may change on a resume."
        )


def _identity(config: Config) -> list[Any]:
    """Return what all processes of a sweep must have in common; the order of axes is that of replicas."""
    values = configs.to_dict(anywhere(config))
    values.pop("modules", None)  # where modules are may differ from machine to machine
    return [values, list(config.sweep.axes)]
