"""Training of autoencoders from Python, in a line.

import freqjax

poems = freqjax.autoencoder("poems.json", numbers=16, epochs=20)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from freqjax.config.fields import nearest as nearest_name
from freqjax.config.sections import Config, field_type
from freqjax.deploy.autoencoder import TrainedAutoencoder, load_autoencoder, task_of
from freqjax.errors import UserError
from freqjax.run import escalation
from freqjax.run.workdir import fresh
from freqjax.system import files
from freqjax.tasks.autoencoder.presets import preset as preset_config

# Sections in which a keyword is looked up, in this order.
_SECTIONS = ("task", "network", "train", "optimizer")


def autoencoder(
    path: str | Path = "",
    *,
    vectors: str | Path = "",
    preset: str = "",
    workdir: str | Path | None = None,
    say: Callable[[str], None] = print,
    **fields: Any,
) -> TrainedAutoencoder:
    """Train an autoencoder of sequences in the folder of a run, as `train` does, and return it.

    Args:
      path: a text (.txt, .json, or a folder of .txt) or an .npz of sequences; empty for the poetic books that
        ship.
      vectors: word vectors of the text; empty for those that ship.
      preset: a name of `freqjax.tasks.autoencoder.presets.PRESETS`; empty for the defaults of the task.
      workdir: the run's folder, absent or empty; none for a fresh one under runs/.
      say: called with each line of progress.
      **fields: fields of the config by their names, as `numbers=16`, looked up in the sections task, network,
        train and optimizer in this order; or by section and name, as `**{"optimizer.clip": "adaptive"}`.

    Raises:
      UserError: an unknown field or preset, or bad values, data or folder; one sentence.
    """
    config = preset_config(preset)
    set_fields(config, fields)
    section = task_of(config)
    section.data, section.vectors = str(path), str(vectors)
    if workdir is not None:
        return _train(config, Path(workdir), say)
    with fresh() as folder:
        return _train(config, folder, say)


def _train(config: Config, folder: Path, say: Callable[[str], None]) -> TrainedAutoencoder:
    escalation.train(config, folder, say=say)
    runs = files.read_json(folder / "escalation.json", list)
    return load_autoencoder(folder / runs[-1]["folder"] if runs else folder, say)


def set_fields(config: Config, fields: dict[str, Any]) -> None:
    """Set fields of a config by their names, as `autoencoder` takes them.

    Raises:
      UserError: there is no such field, or it is one that has an argument of its own.
    """
    owners = {
        name: section
        for section in reversed(_SECTIONS)
        for name in vars(getattr(config, section))
        if (section, name) != ("task", "name")
    }
    for name, value in fields.items():
        section, _, field = name.rpartition(".")
        if section:
            field_type(config, name)  # raises with the nearest one
        elif name not in owners:
            raise UserError(
                f"{name} is not a field: the nearest one is {nearest_name(name, owners)}."
            )
        section = section or owners[name]
        if (section, field) in (("task", "data"), ("task", "vectors"), ("task", "name")):
            raise UserError(f"{name} is given as a field: path and vectors name the data.")
        setattr(getattr(config, section), field, value)
