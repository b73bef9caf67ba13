"""Outputs during training: what weights put out after a few of the epochs, for a page to go through.

An epoch is kept if it is the first, or at least half as many again as the last one kept, so that a run of
any length keeps few. Axes: S epochs kept, G groups, N samples.
"""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from freqjax.networks.network import Params
from freqjax.page.traces import are_shown, first_sequences, series
from freqjax.system import files
from freqjax.training.prepared import Prepared

NAME = "snapshots.npz"
# Samples of each group that are kept, and up to which a network is run for them.
_KEPT, _RUN = 1_000, 10_000
# Groups that are kept, and integers of all epochs together: a megabyte.
_MOST_GROUPS, _MOST = 8, 500_000


class Snapshots(NamedTuple):
    """Outputs after some epochs.

    Attributes:
      epochs: [S].
      integers: [S, G, N]; an output is its epoch's scale times the integer.
      scales: [S, G].
      first: the sample, from the beginning of a sequence, that the first one kept is.
      targets: [G, N], as integers.
      target_scales: [G].
      groups: [G], the number of each group in the task; those without test rows are left out.
    """

    epochs: Int[np.ndarray, " S"]
    integers: Int[np.ndarray, "S G N"]
    scales: Float[np.ndarray, "S G"]
    first: int
    targets: Int[np.ndarray, "G N"]
    target_scales: Float[np.ndarray, " G"]
    groups: Int[np.ndarray, " G"]


class Recorder:
    """Recorder of the outputs on the first test sequence of every group."""

    def __init__(self, prepared: Prepared, folder: Path, done: int = 0) -> None:
        """Go on from what the folder of a run has of its first `done` epochs.

        Nothing is recorded where a network's outputs are not one signal, or need samples behind them.
        """
        self._path, task = folder / NAME, prepared.task
        batch = prepared.batches["test"] if are_shown(task) else None
        several = task.output_size > 1 or task.context is not None
        self._is_on = batch is not None and np.ndim(batch.targets) == 3 and not several
        if not self._is_on:
            return
        rows = prepared.rows("test")
        first = first_sequences(np.asarray(rows.groups), len(task.group_names))
        self._groups = np.array(list(first)[:_MOST_GROUPS])
        places = [first[group] for group in self._groups]
        inputs = np.asarray(rows.inputs)[places, :_RUN]
        self._xs = jax.device_put(inputs.swapaxes(0, 1))
        self._first = max(inputs.shape[1] - _KEPT, 0)
        chosen = np.asarray(rows.targets)[places, self._first : _RUN, 0]
        self._targets = [series("target", row) for row in chosen]
        self._run = jax.jit(self._outputs_of(prepared.network))
        self._kept = _until(done, read(folder))
        self._epochs = [] if self._kept is None else self._kept.epochs.tolist()

    def _outputs_of(self, network: Any) -> Any:
        resets = np.zeros(self._xs.shape[:2], bool)

        def run(params: Params) -> jax.Array:
            carry = network.init_carry(params, self._xs.shape[1])
            return network.unroll(params, carry, self._xs, resets)[1][self._first :, :, 0].T

        return run

    def after(
        self,
        epoch: int,
        params: Params,
        do: Callable[[Callable[[], None]], None] = lambda work: work(),
    ) -> None:
        """Keep what weights put out, if it is the turn of this epoch.

        `do` is given the work, which it may do later, in another thread and while the weights train on, if it
        keeps the order of the epochs.
        """
        if self._is_on and self._is_due(epoch):
            self._epochs.append(epoch)
            # Copies, so that an update can reuse the memory of the arrays.
            do(functools.partial(self._keep, epoch, jax.tree.map(np.array, params)))

    def _keep(self, epoch: int, params: Params) -> None:
        """Run the network and write its outputs beside those of earlier epochs."""
        found = [series("output", row) for row in np.asarray(self._run(params))]
        new = Snapshots(
            np.array([epoch]),
            np.stack([s.integers for s in found])[None],
            np.array([[s.scale for s in found]]),
            self._first,
            np.stack([s.integers for s in self._targets]),
            np.array([s.scale for s in self._targets]),
            self._groups,
        )
        before = self._kept
        if before is not None and len(before.epochs):
            epochs, integers, scales = (
                np.concatenate(pair) for pair in zip(before[:3], new[:3], strict=True)
            )
            new = new._replace(epochs=epochs, integers=integers, scales=scales)
        self._kept = new
        write(self._path, new)

    def _is_due(self, epoch: int) -> bool:
        if not self._epochs:
            return True
        last, of_one = self._epochs[-1], sum(len(target.integers) for target in self._targets)
        full = len(self._epochs) * of_one + self._xs.shape[1] * _KEPT > _MOST
        return epoch >= last + max(last // 2, 1) and not full


def _until(done: int, found: Snapshots | None) -> Snapshots | None:
    """Return the snapshots of the first `done` epochs."""
    if found is None:
        return None
    kept = found.epochs <= done
    return found._replace(
        epochs=found.epochs[kept], integers=found.integers[kept], scales=found.scales[kept]
    )


def write(path: Path, snapshots: Snapshots) -> None:
    """Replace the file in one step."""
    arrays: Any = snapshots._asdict()
    with files.replacing(path) as file:
        np.savez_compressed(file, **arrays)


def read(folder: Path) -> Snapshots | None:
    """Read the snapshots of a run; None if it has none, or none that can be read."""
    try:
        with open(folder / NAME, "rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in Snapshots._fields}
            return Snapshots(**{**arrays, "first": int(arrays["first"])})
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None
