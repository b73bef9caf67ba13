"""The mode import: from a state_dict to a folder like a run's, which the other modes take."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from freqjax.checkpoints import store as checkpoints
from freqjax.config import sections as configs
from freqjax.config.sections import Config
from freqjax.deploy import torch as interop
from freqjax.networks import count_parameters
from freqjax.run.workdir import Workdir


def base_config(path: Path) -> Config:
    """The config in the file at `path`, or the default one, with the sizes that the file settles.

    Raises:
      UserError: as `freqjax.deploy.torch.load`.
    """
    return interop.read(path, _source(path))[1]


def run(path: Path, config: Config, folder: Path, *, say: Callable[[str], None]) -> None:
    """Make `folder`, new or empty: config.json, and the weights as the only step, 0, of checkpoints/.

    Raises:
      UserError: as `freqjax.deploy.torch.load`; or the folder holds files or cannot be written.
    """
    network, _ = interop.read(path, _source(path))
    trained = interop.fit(network, config, _source(path))
    values = configs.to_dict(config)
    with Workdir(folder, resume=False) as work:
        work.write_json("config.json", values)
        # Nothing is known of how good they are.
        checkpoints.save_params_only(
            folder, 0, trained.params, {"config": values}, metric=math.inf, warn=say
        )
    say(
        f"{count_parameters(trained.params):,} parameters of {path}: {network.cell}, "
        f"layers: {len(network.layers)}, hidden units: {network.hidden_size}"
    )
    say(f"evaluate them: python -m freqjax.main --mode evaluate --checkpoint {folder}")


def _source(path: Path) -> str:
    return f"--input {path}"
