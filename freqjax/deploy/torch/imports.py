"""The mode import: conversion of a state_dict to the folder of a run, which the other modes accept."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from pathlib import Path

from freqjax.checkpoints import store as checkpoints
from freqjax.config import sections as configs
from freqjax.config.sections import Config
from freqjax.deploy import torch as interop
from freqjax.networks import count_parameters
from freqjax.run.workdir import IDLE, Workdir
from freqjax.system import files, leftovers


def base_config(path: Path, task: str | None) -> Config:
    """Return the config in the file at `path`, or the default config, with the sizes of the file.

    `task` is the one that the command line names, if any: that of the default config, if it is one whose
    network is no layers of a cell.

    Raises:
      UserError: as `freqjax.deploy.torch.load`.
    """
    return interop.base_config(path, _source(path), task)


def run(path: Path, config: Config, folder: Path, *, say: Callable[[str], None]) -> None:
    """Write to a new or empty `folder`: config.json, and the weights as the only step, 0, of checkpoints/.

    Raises:
      UserError: as `freqjax.deploy.torch.load`; or the folder holds files or cannot be written.
    """
    trained, told, words = interop.convert(path, config, _source(path))
    values = configs.to_dict(config)
    written = ("config.json", "checkpoints", ".lock", ".lock.holder")
    if folder.is_dir():  # what a kill has left half-written
        leftovers.remove_temporaries(folder, ("config.json",), idle=IDLE)
    empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    with (
        files.filling(folder, written) if empty else contextlib.nullcontext(),
        Workdir(folder, resume=False) as work,
    ):
        work.write_json("config.json", values)
        # The error of the weights is unknown.
        checkpoints.save_params_only(
            folder, 0, trained.params, {"config": values}, metric=math.inf, warn=say
        )
    for line in told:
        say(line)
    say(f"{count_parameters(trained.params):,} parameters of {path}: {words}")
    say(f"evaluate them: python -m freqjax.main --mode evaluate --checkpoint {folder}")


def _source(path: Path) -> str:
    return f"--input {path}"
