"""Checkpoints of a run, each verified against a manifest; damaged ones are reported and skipped.

    run/checkpoints/<step>/params/          the network's parameters       (orbax, StandardSave)
    run/checkpoints/<step>/training/        the rest of the train state    (orbax, StandardSave)
    run/checkpoints/<step>/meta/            configuration and counters     (orbax, JsonSave)
    run/checkpoints/manifests/<step>.json   SHA-256 of every file, metric, names and types of leaves
    run/checkpoints/unfinished-*/           a step that is being written
    run/checkpoints/trash/                  steps that are being removed

A step and its manifest are written, then the step is renamed into place, and only then are older steps
removed; to remove a step, it is first renamed into trash/. Whenever the process is killed, each step is
therefore complete or absent.

`freqjax.checkpoints.orbax_files` uses orbax's `Checkpointer`, which writes one folder atomically, instead of
the `CheckpointManager`: the manager moves a step into place, and removes old ones, before its manifest can
exist, and cleans up in a thread that is not joined until the next save. The folders have the same layout,
and a manager can read them.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from freqjax.checkpoints import manifests, orbax_files
from freqjax.checkpoints.leaves import describe, nested_template, require_match, to_device, to_host
from freqjax.errors import UserError
from freqjax.networks.network import Params
from freqjax.system import files

_NEWEST_KEPT = 2
_TRASH = "trash"
_UNFINISHED = "unfinished-"

Warn = Callable[[str], None]


class Restored(NamedTuple):
    """One checkpoint in memory; parts that were not asked for are None.

    Arrays are uncommitted jax arrays on the default device, whatever they were saved from.
    """

    step: int  # parameter updates made when it was saved
    params: Params  # with the template's structure
    training: Any | None  # the rest of the train state, with the template's structure
    meta: dict[str, Any]  # the argument of `save`, as read back from JSON
    metric: float  # lower is better; +inf where none was measured


class CheckpointStore:
    """Checkpoints of one run, written by one process.

    `save` is synchronous: when it returns, the step and its manifest are on disk.
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
        self._read_only = read_only
        if not read_only:
            try:
                (self._directory / manifests.FOLDER).mkdir(parents=True, exist_ok=True)
                _sweep(self._directory)
            except OSError as error:
                raise UserError(f"cannot write checkpoints in {directory}: {error}.") from error
            # Reject a newer format now: otherwise steps that cannot be read would be ranked and removed.
            manifests.read_all(self._directory)
        self._checkpointer = orbax_files.new_checkpointer()

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
        self._require_writable()
        if step < 0:
            raise ValueError(f"step must be 0 or more, not {step}")
        trees = {"params": params, "training": training}
        self._write(step, trees, meta, metric, keep)
        self._prune()

    def restore_last(self, params_template: Any, training_template: Any) -> Restored | None:
        """Restore the newest intact step; return None if there is no checkpoint.

        Templates are pytrees of arrays or of `jax.ShapeDtypeStruct`s.

        Raises:
          UserError: there are checkpoints but none is intact; or the one found differs from the
            templates in the name, shape or dtype of a leaf, or has a newer format.
        """
        steps = sorted(manifests.steps(self._directory), reverse=True)
        templates = {"params": params_template, "training": training_template}
        return self._restore_first(steps, templates)

    def restore_best(self, params_template: Any, training_template: Any) -> Restored | None:
        """Restore the intact step with the lowest metric; otherwise as `restore_last`."""
        steps = manifests.best_first(self._directory)
        templates = {"params": params_template, "training": training_template}
        return self._restore_first(steps, templates)

    def steps(self) -> list[int]:
        """Return the steps on disk, intact or damaged, ascending."""
        return sorted(manifests.steps(self._directory))

    def last_meta(self) -> dict[str, Any] | None:
        """Return the meta of the step that `restore_last` restores, from which templates can be made."""
        restored = self._restore_first(sorted(manifests.steps(self._directory), reverse=True), {})
        return None if restored is None else restored.meta

    def discard_after(self, step: int) -> None:
        """Remove every step newer than `step`, intact or damaged; the newest first.

        If the process is killed meanwhile, the remaining ones are untouched.
        """
        self._require_writable()
        for newer in sorted(manifests.steps(self._directory), reverse=True):
            if newer > step:
                self._remove(newer)

    def close(self) -> None:
        """Free orbax's resources; no write is ever pending."""
        self._checkpointer.close()

    def __enter__(self) -> CheckpointStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_writable(self) -> None:
        if self._read_only:
            raise RuntimeError(f"{self._directory} was opened read-only")

    def _restore_first(self, steps: Sequence[int], templates: Mapping[str, Any]) -> Restored | None:
        if not steps:
            return None
        return _first_good(self._checkpointer, self._directory, steps, templates, self._warn)

    def _write(
        self,
        step: int,
        trees: Mapping[str, Any],
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
        json.dumps(meta)  # an error in meta must not be reported as one of the disk
        leaves = {item: describe(tree) for item, tree in trees.items()}
        arrays = {item: to_host(tree) for item, tree in trees.items()}
        metric = float(metric) if math.isfinite(metric) else math.inf
        try:
            # The name is new each time: after an error, orbax's threads may continue for a while and
            # must not write into the next attempt.
            unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self._directory))
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
                self._remove(step)
                _sweep(self._directory)
            # orbax names the cause last, after files that no longer exist.
            last = str(error).partition("\n")[0].rpartition(": ")[2].rstrip(".")
            reason = (isinstance(error, OSError) and error.strerror) or last
            message = f"cannot save checkpoint {step} in {self._directory}: {reason}."
            raise UserError(message) from error

    def _prune(self) -> None:
        for step in manifests.superfluous(self._directory, newest=_NEWEST_KEPT):
            self._remove(step)

    def _remove(self, step: int) -> None:
        """Remove a step by one rename; the rest may be interrupted and is then completed by `_sweep`."""
        folder = self._directory / str(step)
        trash = self._directory / _TRASH
        try:
            shutil.rmtree(trash, ignore_errors=True)  # a rename onto a folder with files fails
            trash.mkdir(exist_ok=True)
            if folder.exists():
                files.replace(folder, trash / folder.name)
                files.sync(self._directory)
            manifests.path_of(self._directory, step).unlink(missing_ok=True)
            shutil.rmtree(trash)
        except OSError as error:
            raise UserError(
                f"cannot remove checkpoint {step} in {self._directory}: {error}."
            ) from error


def read_meta(path: Path, *, warn: Warn) -> Restored:
    """Read step and meta of a checkpoint, from which a template can be made.

    Args:
      path: a run's folder, for the best intact step in its `checkpoints/`; or the folder of one
        step, `.../checkpoints/<step>`. The best step of a run that is still training may change:
        to read the same checkpoint again, give the folder of the step returned.
      warn: called with one sentence for each damaged step that is skipped.

    Raises:
      UserError: the path does not exist, is not a checkpoint, is damaged, or has a newer format.
    """
    return _restore_from(path, {}, warn)


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
    directory, _ = manifests.locate(source)
    step = read_meta(source, warn=warn).step
    manifest = manifests.read(directory, step)
    template = nested_template(manifest.leaves["params"])
    restored = restore_params(directory / str(step), template, warn=warn)
    return save_params_only(
        destination, step, restored.params, restored.meta, metric=manifest.metric, warn=warn
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
        store._write(step, {"params": params}, meta, metric, False)
        return store._directory / str(step)


def _restore_from(path: Path, templates: Mapping[str, Any], warn: Warn) -> Restored:
    directory, steps = manifests.locate(path)
    with contextlib.closing(orbax_files.new_checkpointer()) as checkpointer:
        return _first_good(checkpointer, directory, steps, templates, warn)


def _first_good(
    checkpointer: Any,
    directory: Path,
    steps: Sequence[int],
    templates: Mapping[str, Any],
    warn: Warn,
) -> Restored:
    """Restore the first intact one of `steps`, with the items in `templates`."""
    damages = []
    for step in steps:
        try:
            return _load(checkpointer, directory, step, templates)
        except manifests.Damaged as damage:
            damages.append(f"checkpoint {directory / str(step)} is damaged: {damage}.")
            if len(steps) > 1:
                warn(damages[-1])
    everything = f"every checkpoint in {directory} is damaged."
    raise UserError(damages[0] if len(steps) == 1 else everything)


def _load(checkpointer: Any, directory: Path, step: int, templates: Mapping[str, Any]) -> Restored:
    """Verify one step and load the items in `templates`.

    Raises:
      manifests.Damaged: the step is damaged.
      UserError: the step is intact but does not match the templates.
    """
    folder = directory / str(step)
    manifest = manifests.read(directory, step)
    manifests.prove(folder, manifest, needs_training="training" in templates)
    for item, template in templates.items():
        if item not in manifest.leaves:
            raise UserError(f"checkpoint {folder} was exported without its {item} state.")
        require_match(folder, item, manifest.leaves[item], template)
    arrays, meta = orbax_files.read(checkpointer, folder, tuple(templates))
    trees = {
        item: to_device(manifest.leaves[item], arrays[item], template)
        for item, template in templates.items()
    }
    return Restored(step, trees.get("params"), trees.get("training"), meta, manifest.metric)


def _sweep(directory: Path) -> None:
    """Delete the remains of an interrupted save or removal; complete steps are not touched."""
    for unfinished in directory.glob(_UNFINISHED + "*"):
        shutil.rmtree(unfinished)
    if (directory / _TRASH).exists():
        shutil.rmtree(directory / _TRASH)
    manifests.sweep(directory)
