"""Initial weights of a training: drawn from `train.seed`, or those that `train.init_from` names.

A run saves weights of the second kind as its step 0, so that they are available after the other checkpoint
has been deleted or trained further.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from freqjax.checkpoints import leaves, manifests, store
from freqjax.checkpoints.records import Origin, Record
from freqjax.config import shipped
from freqjax.errors import UserError
from freqjax.networks import Network
from freqjax.networks.network import Params
from freqjax.training.prepared import Prepared, param_shapes

Warn = Callable[[str], None]


class Beginning(NamedTuple):
    """Weights, and the checkpoint they come from; None if they were drawn."""

    params: Params
    origin: Origin | None


def begin(prepared: Prepared, warn: Warn) -> Beginning:
    """Return the initial weights of a training of `prepared.config`.

    Raises:
      UserError: as `read`.
    """
    named = prepared.config.train.init_from
    return (
        read(named, prepared.network, warn) if named else Beginning(prepared.initial_params(), None)
    )


def begun(prepared: Prepared, folder: Path, warn: Warn) -> Beginning:
    """Return the weights that the run in `folder` began with.

    Raises:
      UserError: its step 0 is damaged.
    """
    directory = folder / "checkpoints"
    if not prepared.config.train.init_from or 0 not in manifests.steps(directory):
        return begin(prepared, warn)
    first = store.restore_params(directory / "0", param_shapes(prepared.network), warn=warn)
    record = Record.from_json(first.meta, str(directory / "0"))
    return Beginning(first.params, record.origin)


def read(named: str, network: Network, warn: Warn) -> Beginning:
    """Return the weights of the checkpoint `named`, for `network`.

    Args:
      named: a run's folder, for its best step; the folder of a step; or a checkpoint that ships.
      network: a network with the same arrays.
      warn: called with a sentence for each damaged step that is skipped.

    Raises:
      UserError: there is no such checkpoint, it is damaged, or its arrays differ; each one that differs is
        named.
    """
    path = shipped.checkpoint(named, "train.init_from")
    template = param_shapes(network)
    try:
        found = store.read_meta(path, warn=warn)
        record = Record.from_json(found.meta, f"the checkpoint {path}")
        # The best step of a run that is still training may have changed.
        step = path / "checkpoints" / str(found.step) if (path / "checkpoints").is_dir() else path
        saved = manifests.read(step.parent, found.step).leaves["params"]
    except (UserError, manifests.Damaged) as error:
        raise UserError(f"train.init_from is {named}: {error}") from None
    differing = leaves.differences(saved, template)
    if differing:
        raise UserError(
            f"train.init_from is {named}: its weights do not fit the network in {len(differing)} arrays: "
            f"{'; '.join(differing)}."
        )
    params = store.restore_params(step, template, warn=warn).params
    return Beginning(params, Origin(named, found.step, record.initializer))
