"""What the processes that share a sweep or a run must have in common: the config and the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from freqjax.config import sections as configs
from freqjax.config.sections import Config, RunConfig
from freqjax.processes.exchange import require_same


def anywhere(config: Config) -> Config:
    """Return `config` with the default `run` section, which does not affect the results."""
    return dataclasses.replace(config, run=RunConfig())


def require_same_config(config: Config, *more: Any) -> None:
    """Require that all processes have the same config, but for `run.*`, and the same of what else is given.

    Raises:
      UserError: a process has another one.
    """
    values = configs.to_dict(anywhere(config))
    values.pop("modules", None)  # where modules are may differ from machine to machine
    require_same(
        [values, *more],
        "was started with another config than process 0: only run.* may differ.",
    )


def require_same_data(hashes: Mapping[str, str]) -> None:
    """Require that the files of all processes have the same content; `hashes` are theirs by path.

    Raises:
      UserError: a process has another file.
    """
    require_same(
        list(hashes.values()), "reads other data than process 0: its files must be the same."
    )
