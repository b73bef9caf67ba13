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
from freqjax.networks import Network, Restricted
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
      UserError: there is no such checkpoint, it is damaged, its arrays differ, each of which is named, or a
        weight that the network fixes at 0 is not 0.
    """
    path = shipped.checkpoint(named, "train.init_from")
    try:
        found = store.restore_params(path, param_shapes(network), warn=warn)
        record = Record.from_json(found.meta, f"the checkpoint {path}")
    except leaves.Misfit as misfit:
        raise UserError(
            f"train.init_from is {named}: its weights do not fit the network in {len(misfit.clauses)} "
            f"arrays: {'; '.join(misfit.clauses)}."
        ) from None
    except UserError as error:
        raise UserError(f"train.init_from is {named}: {error}") from None
    if isinstance(network, Restricted) and not network.holds(found.params):
        raise UserError(
            f"train.init_from is {named}: its recurrent weights between pairs must be 0 where "
            "network.recurrence is pairs."
        )
    return Beginning(found.params, Origin(named, found.step, record.initializer))
