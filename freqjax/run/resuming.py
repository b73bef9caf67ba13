"""State of a run in its folder before a resume: config, record, and whether it is finished."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from freqjax.checkpoints.records import Record
from freqjax.checkpoints.store import CheckpointStore
from freqjax.config import sections as configs
from freqjax.config import validation
from freqjax.config.sections import Config, RunConfig
from freqjax.errors import UserError
from freqjax.report import saved as summaries
from freqjax.run.workdir import Workdir
from freqjax.text import printable


class Saved(NamedTuple):
    """A run as its folder tells of it.

    Attributes:
      config: that it was begun or last resumed with.
      record: beside its newest checkpoint; None where there is none.
    """

    config: Config
    record: Record | None = None

    @property
    def can_go_on(self) -> bool:
        """Whether there is a training state, which weights that were exported do not have."""
        return self.record is not None and bool(self.record.replicas)


def read(folder: Workdir, store: CheckpointStore) -> Saved | None:
    """Return what the newest checkpoint tells of the run, or config.json, or None where it never began.

    A run that was killed before its first checkpoint has a config.json alone.

    Raises:
      UserError: they cannot be read.
    """
    meta = store.last_meta()
    if meta is not None:
        return Saved(config_of(meta), Record.from_json(meta, "the checkpoint"))
    values = folder.read_json("config.json")
    return None if values is None else Saved(validation.from_dict(values, "config.json"))


def config_of(meta: dict[str, Any]) -> Config:
    """Return the config in the record beside a checkpoint.

    Raises:
      UserError: it is not valid.
    """
    return validation.from_dict(Record.from_json(meta, "the checkpoint").config, "the checkpoint")


def finished(folder: Workdir, saved: Saved, say: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the summary of a run that has nothing left to do, and say so; None where it has.

    A run that was killed after its summary has no report, or no diagnosis where train.diagnose asks for one;
    if it can be restored, it is summed up again.
    """
    found = summaries.read(folder.path / "summary.json", say)
    if found is None or found["stop_reason"] == "interrupted":
        return None
    wanted = ["report.md", *(["diagnosis.json"] if saved.config.train.diagnose else [])]
    if saved.can_go_on and not all((folder.path / name).exists() for name in wanted):
        return None
    folder.read_rows(say)  # whoever looks at a run is told what is wrong with it
    # An old summary has no checksum: it may say any number.
    done = min(found["epochs"], saved.config.train.epochs)
    folder.say_missing_rows({None: done}, say)
    say(
        f"{printable(str(folder.path))} is finished ({found['stop_reason']} after epoch "
        f"{found['epochs']}); nothing to do. A larger train.epochs goes on."
    )
    return found


def kept(config: Config) -> Config:
    """Return `config` as the folder of a run keeps it: without processes, which a resume need not have."""
    return dataclasses.replace(config, run=RunConfig(cpu_devices=config.run.cpu_devices))


def refuse_other_changes(config: Config, saved: Config) -> list[str]:
    """Return the fields in which a resume differs from its checkpoint, if all of them may.

    Devices and processes, run.*, are none of a run's own.

    Raises:
      UserError: others than train.epochs and optimizer.* do.
    """
    differing = configs.differing_fields(config, saved)
    changed = [field for field in differing if not field.startswith("run.")]
    for field in changed:
        if field != "train.epochs" and not field.startswith("optimizer."):
            section, name = field.split(".")
            others = [f for f in changed if f != "train.epochs" and not f.startswith("optimizer.")]
            raise UserError(
                f"{', '.join(others)} differ from the run's own ({field} is "
                f"{getattr(getattr(config, section), name)!r} and was "
                f"{getattr(getattr(saved, section), name)!r}): only train.epochs, optimizer.* and run.* "
                "may change on a resume."
            )
    if "optimizer.name" in changed and config.is_filter != saved.is_filter:
        raise UserError(
            f"optimizer.name is {config.optimizer.name} and was {saved.optimizer.name}: a resume cannot "
            "change between a filter and gradients, and train.init_from can."
        )
    return changed


def changes_of(config: Config, meta: dict[str, Any], record: Record) -> list[str]:
    """Return the fields in which a resume differs from the checkpoint with `meta` and `record`.

    Raises:
      UserError: they may not, the data are others, or fewer epochs are wanted than were made.
    """
    changed = refuse_other_changes(config, config_of(meta))
    for field in record.changed_files(config):
        raise UserError(
            f"{field}: the file is not the one the run was trained on (its SHA-256 differs); a resume needs "
            "the same data."
        )
    wanted, done = config.train.epochs, record.replicas[0].epoch
    if wanted < done:
        raise UserError(f"train.epochs is {wanted}: the run has made {done} already.")
    return changed
