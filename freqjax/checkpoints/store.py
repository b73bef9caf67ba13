"""Checkpoints of a run, each verified against a manifest; damaged ones are reported and skipped.

    run/checkpoints/<step>/params/          the network's parameters       (orbax, StandardSave)
    run/checkpoints/<step>/training/        the rest of the train state    (orbax, StandardSave)
    run/checkpoints/<step>/meta/            configuration and counters     (orbax, JsonSave)
    run/checkpoints/manifests/<step>.json   SHA-256 of every file, metric, names and types of leaves
    run/checkpoints/unfinished-*/           a step that is being written
    run/checkpoints/trash-*/                steps that are being removed

A step and its manifest are written, then the step is renamed into place, and only then are older steps
removed; to remove a step, it is first renamed into trash-*/. Whenever the process is killed, each step is
therefore complete or absent.

`freqjax.checkpoints.orbax_files` uses orbax's `Checkpointer`, which writes one folder atomically, instead of
the `CheckpointManager`: the manager moves a step into place, and removes old ones, before its manifest can
exist, and cleans up in a thread that is not joined until the next save. The folders have the same layout,
and a manager can read them.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from freqjax.checkpoints import clearing, manifests, orbax_files
from freqjax.checkpoints.leaves import Leaf, describe, nested_template, to_host
from freqjax.checkpoints.reading import Described, Restored, Templates, Warn, first_good
from freqjax.errors import UserError
from freqjax.networks.network import Params
from freqjax.system import files

_NEWEST_KEPT = 2


class CheckpointStore:
    """Checkpoints of one run, written by one process.

    `save` is synchronous: when it returns, the step and its manifest are on disk. `saving` is for who writes
    them beside other work.
    """

    def __init__(self, directory: Path, *, warn: Warn, read_only: bool = False) -> None:
        """Open the folder of the steps, by convention `<run>/checkpoints`.

        Unless `read_only`, the folder is created if it is missing, and the remains of an interrupted save
        or removal are deleted. `warn` is called with one sentence for each damaged step that is skipped.

        Raises:
          UserError: the folder cannot be written, or holds checkpoints of a newer freqjax.
        """
        self._directory = Path(directory).absolute()
        self._warn = warn
        self._told: set[str] = set()
        self._read_only = read_only
        if not read_only:
            try:
                (self._directory / manifests.FOLDER).mkdir(parents=True, exist_ok=True)
                clearing.sweep(self._directory)
            except OSError as error:
                raise UserError(f"cannot write checkpoints in {directory}: {error}.") from error
            # Reject a newer format now: otherwise steps that cannot be read would be ranked and removed.
            manifests.read_all(self._directory)

    @functools.cached_property
    def _checkpointer(self) -> Any:
        # Not before there is something to write or to read: orbax takes a fraction of a second to import.
        return orbax_files.new_checkpointer()

    def save(
        self,
        step: int,
        params: Params,
        training: Any,
        meta: Mapping[str, Any],
        *,
        metric: float,
        keep: bool = False,
    ) -> None:
        """Save a step durably, then remove those that need not be kept.

        The newest 2, the best by metric and every step saved with `keep` are kept. A step without a
        readable manifest is neither counted nor removed, since its metric is unknown.

        Args:
          step: parameter updates made so far, from 0.
          params: pytree of arrays.
          training: pytree of arrays; NamedTuples, optax states and typed PRNG keys are supported.
          meta: a JSON-serialisable dictionary.
          metric: lower is better; NaN and infinities count as +inf, the worst.
          keep: whether this step is never removed.

        Raises:
          UserError: the step exists already, or the disk is full or cannot be written; in both
            cases the earlier checkpoints are unchanged.
          TypeError: a leaf is not an array of a dtype that JAX supports, or meta is not
            JSON-serialisable.
        """
        self.saving(step, params, training, meta, metric=metric, keep=keep, apart=False)()

    def saving(
        self,
        step: int,
        params: Params,
        training: Any,
        meta: Mapping[str, Any],
        *,
        metric: float,
        keep: bool = False,
        apart: bool = True,
    ) -> Callable[[], None]:
        """Return what writes a step as `save` does, of the arrays as they are now.

        It may be called later and in another thread, if all steps are written in one, in their order: with
        `apart` it has copies of the arrays.

        Raises:
          TypeError: as `save`; what is returned raises the rest.
        """
        self._require_writable()
        if step < 0:
            raise ValueError(f"step must be 0 or more, not {step}")
        json.dumps(meta)  # an error in meta must not be reported as one of the disk
        trees = {"params": params, "training": training}
        leaves = {item: describe(tree) for item, tree in trees.items()}
        arrays = {item: to_host(tree) for item, tree in trees.items()}
        if apart:  # on a CPU they are the memory of the arrays, which an update can then not reuse
            arrays = jax.tree.map(np.array, arrays)

        def write() -> None:
            self._write(step, arrays, leaves, meta, metric, keep)
            self._prune()

        return write

    def restore_last(self, params_template: Any, training_template: Any) -> Restored | None:
        """Restore the newest intact step; return None if there is no checkpoint.

        Templates are pytrees of arrays or of `jax.ShapeDtypeStruct`s.

        Raises:
          UserError: there are checkpoints but none is intact; or the one found differs from the
            templates in the name, shape or dtype of a leaf, or has a newer format.
        """
        templates = {"params": params_template, "training": training_template}
        return self._first_good(self._newest_first, templates)

    def restore_last_described(
        self, templates_of: Callable[[Described], Mapping[str, Any]]
    ) -> Restored | None:
        """Restore as `restore_last`, with templates made from each step's own meta and leaves, by item."""
        return self._first_good(self._newest_first, templates_of)

    def restore_last_params(self, params_template: Any) -> Restored | None:
        """Restore parameters and meta of the newest step; its training state need not be good."""
        return self._first_good(self._newest_first, {"params": params_template})

    def restore_best(self, params_template: Any) -> Restored | None:
        """Restore parameters and meta of the good step with the lowest metric."""
        return self._first_good(
            lambda: manifests.best_first(self._directory), {"params": params_template}
        )

    def steps(self) -> list[int]:
        """Return the steps on disk, intact or damaged, ascending."""
        return sorted(manifests.steps(self._directory))

    def last_meta(self) -> dict[str, Any] | None:
        """Return the meta of the newest step whose parameters are good."""
        restored = self._first_good(self._newest_first, {})
        return None if restored is None else restored.meta

    def discard_after(self, step: int) -> None:
        """Remove every step newer than `step`, intact or damaged; the newest first.

        If the process is killed meanwhile, the remaining ones are untouched. A folder that only has the name
        of a step stays.
        """
        self._require_writable()
        for newer in self._newest_first():
            if newer > step and clearing.is_step(self._directory / str(newer)):
                self._remove(newer)

    def close(self) -> None:
        """Free orbax's resources; no write is ever pending."""
        if "_checkpointer" in self.__dict__:
            self._checkpointer.close()

    def __enter__(self) -> CheckpointStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_writable(self) -> None:
        if self._read_only:
            raise RuntimeError(f"{self._directory} was opened read-only")

    def _newest_first(self) -> list[int]:
        return sorted(manifests.steps(self._directory), reverse=True)

    def _first_good(
        self, list_steps: Callable[[], list[int]], templates: Templates
    ) -> Restored | None:
        if not list_steps():
            return None
        return first_good(
            self._checkpointer, self._directory, list_steps, templates, self._warn_once
        )

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._warn(sentence)

    def _write(
        self,
        step: int,
        arrays: Mapping[str, dict[str, np.ndarray]],
        leaves: dict[str, list[Leaf]],
        meta: Mapping[str, Any],
        metric: float,
        keep: bool,
    ) -> None:
        """Write the step to a temporary folder, then its manifest, and move it into place.

        On any error, neither is left behind.
        """
        folder = self._directory / str(step)
        if folder.exists():
            raise UserError(f"checkpoint {step} exists already in {self._directory}.")
        metric = float(metric) if math.isfinite(metric) else math.inf
        try:
            # The name is new each time: after an error, orbax's threads may continue for a while and
            # must not write into the next attempt.
            unfinished = Path(tempfile.mkdtemp(prefix=clearing.UNFINISHED, dir=self._directory))
            orbax_files.save(self._checkpointer, unfinished / folder.name, arrays, meta)
            # orbax writes a path of this machine into these files, and only checks that they exist.
            for marker in (unfinished / folder.name).rglob("commit_success.txt"):
                marker.write_text("committed\n", encoding="utf-8", newline="\n")
            proof = manifests.fingerprints(unfinished / folder.name)
            manifests.write(self._directory, step, manifests.Manifest(metric, keep, proof, leaves))
            files.replace(unfinished / folder.name, folder)
            files.sync(self._directory)
            unfinished.rmdir()
        except Exception as error:  # orbax raises ValueError for a full disk, among others
            # Delete what was written. If that fails too, the next store to open does it, and the
            # error to report is the first.
            with contextlib.suppress(OSError, UserError):
                clearing.take_away(self._directory, step)
                clearing.sweep(self._directory)
            # orbax names the cause last, after files that no longer exist.
            last = str(error).partition("\n")[0].rpartition(": ")[2].rstrip(".")
            reason = (isinstance(error, OSError) and error.strerror) or last
            message = f"cannot save checkpoint {step} in {self._directory}: {reason}."
            raise UserError(message) from error

    def _prune(self) -> None:
        for step in manifests.superfluous(self._directory, newest=_NEWEST_KEPT):
            self._remove(step)

    def _remove(self, step: int) -> None:
        """Remove a step by one rename; the rest may be interrupted and is then swept up."""
        try:
            clearing.take_away(self._directory, step)
        except OSError as error:
            raise UserError(
                f"cannot remove checkpoint {step} in {self._directory}: {error}."
            ) from error


def read_meta(path: Path, *, warn: Warn) -> Restored:
    """Read step and meta of a checkpoint, from which a template can be made.

    Args:
      path: a run's folder, for the best intact step in its `checkpoints/`; or the folder of one
        step, `.../checkpoints/<step>`. The best step of a run that is still training may change, and may be
        gone by the next read.
      warn: called with one sentence for each damaged step that is skipped.

    Raises:
      UserError: the path does not exist, is not a checkpoint, is damaged, or has a newer format.
    """
    return _restore_from(path, {}, warn)


def restore_described(
    path: Path, template_of: Callable[[Described], Any], *, warn: Warn
) -> Restored:
    """Restore parameters and meta if only the checkpoint tells what template they need.

    Two reads, of the meta and then of the parameters, might be of two steps: a run that goes on may remove
    the first in between.

    Args:
        path: as for `read_meta`.
        template_of: makes the template of a step's meta and leaves; called again where the step has gone.
        warn: as for `read_meta`.

    Raises:
        UserError: as for `restore_params`.
    """
    return _restore_from(path, lambda found: {"params": template_of(found)}, warn)


def restore_params(path: Path, params_template: Any, *, warn: Warn) -> Restored:
    """Restore parameters and meta for evaluation; the training state need not be on disk.

    Args:
      path: as for `read_meta`.
      params_template: pytree of arrays or of `jax.ShapeDtypeStruct`s.
      warn: as for `read_meta`.

    Raises:
      UserError: as for `read_meta`; or a leaf differs from the template in name, shape or dtype.
    """
    return _restore_from(path, {"params": params_template}, warn)


def export_params_only(source: Path, destination: Path, *, warn: Warn) -> Path:
    """Copy a checkpoint without its training state, for distribution.

    Args:
      source: as for `read_meta`.
      destination: a folder, created if missing, that gets the layout of a run's.
      warn: as for `read_meta`.

    Returns:
      The folder of the step, `destination/checkpoints/<step>`; its manifest is written as well.

    Raises:
      UserError: as for `read_meta`; or the step exists at the destination, or cannot be written.
    """
    restored = restore_described(
        source, lambda found: nested_template(found.leaves["params"]), warn=warn
    )
    return save_params_only(
        destination,
        restored.step,
        restored.params,
        restored.meta,
        metric=restored.metric,
        warn=warn,
    )


def save_params_only(
    destination: Path,
    step: int,
    params: Params,
    meta: Mapping[str, Any],
    *,
    metric: float,
    warn: Warn,
) -> Path:
    """Write weights without a training state, as `export_params_only` does, and return the step's folder.

    Args:
      destination: a folder, created if missing, that gets the layout of a run's.
      step: as for `CheckpointStore.save`, like the next three.
      params: pytree of arrays.
      meta: a JSON-serialisable dictionary.
      metric: lower is better.
      warn: as for `read_meta`.

    Raises:
      UserError: the step exists at the destination, or cannot be written.
    """
    with CheckpointStore(Path(destination) / "checkpoints", warn=warn) as store:
        json.dumps(meta)
        arrays, leaves = {"params": to_host(params)}, {"params": describe(params)}
        store._write(step, arrays, leaves, meta, metric, False)
        return store._directory / str(step)


def _restore_from(path: Path, templates: Templates, warn: Warn) -> Restored:
    directory, _ = manifests.locate(path)  # a wrong path need not wait for orbax
    with contextlib.closing(orbax_files.new_checkpointer()) as checkpointer:
        found = first_good(
            checkpointer, directory, lambda: manifests.locate(path)[1], templates, warn
        )
    assert found is not None  # `locate` gives a step or raises
    return found
