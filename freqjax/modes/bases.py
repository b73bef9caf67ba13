"""Base configs of the modes: where a mode takes the config from that the overrides are applied to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from freqjax.config import overrides, shipped, validation
from freqjax.config import sections as configs
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.run import workdir
from freqjax.system.output import warn

Overrides = Sequence[tuple[str, str]]


def of_file(flags: dict[str, Any], given: Overrides) -> Config:
    """Read the config that --config names, or else make the default one of the task that is named.

    Raises:
      UserError: neither is given, or the config is not there or not valid.
    """
    task = overrides.task_name(given)
    if flags["config"] is not None:
        return overrides.load(flags["config"], warn)
    if task is None:
        raise UserError(
            "--config is missing: it must name a config that ships, a .py file with get_config() or a "
            "config.json; or --config.task.name a task, whose defaults are taken."
        )
    return configs.default_config(task)


def of_run(flags: dict[str, Any], given: Overrides) -> Config:
    """Read the config of a training: as `of_file`, or a recipe; a resume without either reads the run's own.

    Raises:
      UserError: as `of_file`, or a resume without the folder of a run.
    """
    if flags["resume"] and flags["workdir"] is None:
        raise UserError("--resume needs --workdir, the folder of the run to go on with.")
    _check_recipe(flags)
    if flags["config"] is None and flags["recipe"] is None and flags["resume"]:
        saved = Path(flags["workdir"]) / "config.json"
        if saved.is_file():
            return overrides.load(saved, warn)
    return _of_recipe(flags) if flags["recipe"] is not None else of_file(flags, given)


def _check_recipe(flags: dict[str, Any]) -> None:
    """Check that --recipe stands alone, and --hz and --rate only beside it.

    Raises:
      UserError: they do not.
    """
    if flags["recipe"] is not None and flags["config"] is not None:
        raise UserError("--recipe is given beside --config: one of them must be left out.")
    for flag in ("hz", "rate"):
        if flags[flag] is not None and flags["recipe"] is None:
            raise UserError(
                f"--{flag} is given without --recipe: it belongs to a recipe; a config has "
                "--config.task.frequencies and --config.task.sampling_rate."
            )


def _of_recipe(flags: dict[str, Any]) -> Config:
    from freqjax.tasks.lines.config import LinesConfig
    from freqjax.tasks.lines.recipe import rescaled

    hz, rate = flags["hz"], flags["rate"]
    frequencies = None if hz is None else [_number("hz", text) for text in hz.split(",")]
    sampling_rate = None if rate is None else _number("rate", rate)
    config = overrides.load(shipped.config(flags["recipe"], "--recipe"), warn)
    if not isinstance(config.task, LinesConfig):
        raise UserError(
            f"--recipe is {flags['recipe']}: it must name a config whose task.name is lines, and this one's "
            f"is {config.task.name}."
        )
    return rescaled(config, frequencies, sampling_rate)


def _number(flag: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"--{flag} is {text!r}: it must be a number above 0, in Hz.") from None


def of_checkpoint(flags: dict[str, Any], _: Overrides) -> Config:
    """Read the config that --config names, or else that of the checkpoint.

    That the checkpoint is of version 0.1 is told when its weights are loaded.

    Raises:
      UserError: there is no checkpoint or it is damaged, or the config is not valid.
    """
    from freqjax.checkpoints import store as checkpoints

    if flags["checkpoint"] is None:
        raise UserError(
            "--checkpoint is missing: it must name a run's folder or the folder of a step."
        )
    if flags["config"] is not None:
        return overrides.load(flags["config"], warn)
    meta = checkpoints.read_meta(Path(flags["checkpoint"]), warn=warn).meta
    return validation.from_dict(meta.get("config"), f"--checkpoint {flags['checkpoint']}")


def of_input(flags: dict[str, Any], given: Overrides) -> Config:
    """Read the config that --config names, or else derive one from the file to import.

    Raises:
      UserError: there is no such file, or it holds no network that freqjax has.
    """
    if flags["input"] is None:
        raise UserError(
            "--input is missing: it must name a state_dict, FILE.pt, FILE.ckpt or FILE.safetensors."
        )
    if flags["config"] is not None:
        return overrides.load(flags["config"], warn)
    from freqjax.deploy.torch import imports

    return imports.base_config(Path(flags["input"]), overrides.task_name(given))


@contextlib.contextmanager
def work_folder(flags: dict[str, Any]) -> Iterator[Path]:
    """Give the folder of --workdir, which need not be there, or a fresh one, as `workdir.fresh` does.

    Raises:
      UserError: a fresh one cannot be made.
    """
    if flags["workdir"] is not None:
        yield Path(flags["workdir"])
        return
    with workdir.fresh() as folder:
        yield folder


def of_workdir(flags: dict[str, Any], _: Overrides) -> Config:
    """Read the config of the run in --workdir.

    Raises:
      UserError: there is no such run.
    """
    from freqjax.diagnosis import saved_run

    if flags["workdir"] is None:
        raise UserError("--workdir is missing: it must name the folder of the run to diagnose.")
    return saved_run.run_config(Path(flags["workdir"]), warn)
