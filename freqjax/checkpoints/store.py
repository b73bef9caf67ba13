"""Checkpoints: each one is whole and proven by a manifest, or it is passed over by name.

    run/checkpoints/<step>/params/          the network's parameters       (orbax, StandardSave)
    run/checkpoints/<step>/training/        the rest of the train state    (orbax, StandardSave)
    run/checkpoints/<step>/meta/            configuration and counters     (orbax, JsonSave)
    run/checkpoints/manifests/<step>.json   SHA-256 of every file, metric, names and types of leaves
    run/checkpoints/unfinished-*/           a step on its way in
    run/checkpoints/trash-*/                steps on their way out

A step is written and its manifest too, then it is renamed into place, and only then are older steps
removed; a step is removed by renaming it into trash-*/ first. So whatever the moment of a kill, each
step is whole or not there.

`freqjax.checkpoints.orbax_files` drives orbax's `Checkpointer`, which writes one folder atomically, and not
the `CheckpointManager` around it: the manager puts a step in place, and removes old ones, before a
manifest of it can exist, and cleans up in a thread that nothing waits for until the next save. The
folders are the same, and a manager can read them.
"""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from freqjax.checkpoints import clearing, manifests, orbax_files
from freqjax.checkpoints.leaves import describe, nested_template, to_host
from freqjax.checkpoints.reading import Described, Restored, Templates, Warn, first_good
from freqjax.errors import UserError
from freqjax.system import files

_NEWEST_KEPT = 2


class CheckpointStore:
    """The checkpoints of one run, written by one process.

    `save` is synchronous: when it returns, the step is on disk and proven.
    """

    def __init__(self, directory: Path, *, warn: Warn, read_only: bool = False) -> None:
        """Opens the folder of the steps, by custom `<run>/checkpoints`.

        Unless `read_only`, makes it where missing and removes what a kill left half-done in it.
        `warn` is called with one sentence for each damaged step that is passed over.

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
            # Refuse a newer format now: going on would rank, and remove, what cannot be read.
            manifests.read_all(self._directory)
        self._checkpointer = orbax_files.new_checkpointer()

    def save(
        self,
        step: int,
        params: Any,
        training: Any,
        meta: Mapping[str, Any],
        *,
        metric: float,
        keep: bool = False,
    ) -> None:
        """Saves a step durably, then removes those that need not be kept.

        Kept are the newest 2, the best by metric and every one saved with `keep`. A step without
        a readable manifest is neither counted nor removed: it cannot be judged.

        Args:
            step: parameter updates made so far, from 0.
            params: pytree of arrays.
            training: pytree of arrays; NamedTuples, optax states and typed PRNG keys are welcome.
            meta: what JSON can hold.
            metric: lower is better; NaN and infinities count as +inf, the worst.
            keep: never remove this one.

        Raises:
            UserError: the step exists already, or the disk is full or cannot be written; in both
                cases the earlier checkpoints are as they were.
            TypeError: a leaf is not an array of a type that JAX holds, or meta is not JSON.
        """
        self._require_writable()
        if step < 0:
            raise ValueError(f"step must be 0 or more, not {step}")
        trees = {"params": params, "training": training}
        self._write(step, trees, meta, metric, keep)
        self._prune()

    def restore_last(self, params_template: Any, training_template: Any) -> Restored | None:
        """Restores the newest good step; None where there is no checkpoint at all.

        Templates are pytrees of arrays or of `jax.ShapeDtypeStruct`s.

        Raises:
            UserError: there are checkpoints but none is good; or the one found differs from the
                templates in the name, shape or dtype of a leaf, or is of a newer format.
        """
        templates = {"params": params_template, "training": training_template}
        return self._first_good(self._newest_first, templates)

    def restore_last_described(
        self, templates_of: Callable[[Described], Mapping[str, Any]]
    ) -> Restored | None:
        """As `restore_last`, with templates that are made of each step's own meta and leaves, by item."""
        return self._first_good(self._newest_first, templates_of)

    def restore_last_params(self, params_template: Any) -> Restored | None:
        """As `restore_last`, but parameters and meta alone; the training state need not be good."""
        return self._first_good(self._newest_first, {"params": params_template})

    def restore_best(self, params_template: Any) -> Restored | None:
        """As `restore_last_params`, but of the good steps the one with the lowest metric."""
        return self._first_good(
            lambda: manifests.best_first(self._directory), {"params": params_template}
        )

    def steps(self) -> list[int]:
        """Steps on disk, good or not, ascending."""
        return sorted(manifests.steps(self._directory))

    def last_meta(self) -> dict[str, Any] | None:
        """The meta of the newest step whose parameters are good."""
        restored = self._first_good(self._newest_first, {})
        return None if restored is None else restored.meta

    def discard_after(self, step: int) -> None:
        """Removes every step newer than `step`, good or damaged; the newest first.

        A kill on the way leaves the rest of them untouched. A folder that only has the name of a step stays.
        """
        self._require_writable()
        for newer in self._newest_first():
            if newer > step and clearing.is_step(self._directory / str(newer)):
                self._remove(newer)

    def close(self) -> None:
        """Frees orbax's resources; nothing is ever pending."""
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
        trees: Mapping[str, Any],
        meta: Mapping[str, Any],
        metric: float,
        keep: bool,
    ) -> None:
        """Writes the step aside, then its manifest, and moves it in; on any error, leaves none."""
        folder = self._directory / str(step)
        if folder.exists():
            raise UserError(f"checkpoint {step} exists already in {self._directory}.")
        json.dumps(meta)  # what is wrong with meta must not be reported as a failing disk
        leaves = {item: describe(tree) for item, tree in trees.items()}
        arrays = {item: to_host(tree) for item, tree in trees.items()}
        metric = float(metric) if math.isfinite(metric) else math.inf
        try:
            # A fresh name each time: after an error, orbax's writers may go on for a while, and
            # must not write into the next attempt.
            unfinished = Path(tempfile.mkdtemp(prefix=clearing.UNFINISHED, dir=self._directory))
            orbax_files.save(self._checkpointer, unfinished / folder.name, arrays, meta)
            # orbax writes the machine's own path into these, and reads no more than that they exist.
            for marker in (unfinished / folder.name).rglob("commit_success.txt"):
                marker.write_text("committed\n", encoding="utf-8", newline="\n")
            proof = manifests.fingerprints(unfinished / folder.name)
            manifests.write(self._directory, step, manifests.Manifest(metric, keep, proof, leaves))
            files.replace(unfinished / folder.name, folder)
            files.sync(self._directory)
            unfinished.rmdir()
        except Exception as error:  # orbax raises ValueError for a full disk, among others
            # Free what was written. Should that fail too, the next store to open does it, and
            # the error to report is the first.
            with contextlib.suppress(OSError, UserError):
                clearing.take_away(self._directory, step)
                clearing.sweep(self._directory)
            # orbax tells the cause last, behind names of files that have gone since.
            last = str(error).partition("\n")[0].rpartition(": ")[2].rstrip(".")
            reason = (isinstance(error, OSError) and error.strerror) or last
            message = f"cannot save checkpoint {step} in {self._directory}: {reason}."
            raise UserError(message) from error

    def _prune(self) -> None:
        for step in manifests.superfluous(self._directory, newest=_NEWEST_KEPT):
            self._remove(step)

    def _remove(self, step: int) -> None:
        try:
            clearing.take_away(self._directory, step)
        except OSError as error:
            raise UserError(
                f"cannot remove checkpoint {step} in {self._directory}: {error}."
            ) from error


def read_meta(path: Path, *, warn: Warn) -> Restored:
    """Reads step and meta of a checkpoint, as one needs them to make a template.

    Args:
        path: a run's folder, which means the best good step in its `checkpoints/`; or the folder
            of one step, `.../checkpoints/<step>`. While a run goes on its best changes, and what was the
            best may be gone by the next read.
        warn: called with one sentence for each damaged step that is passed over.

    Raises:
        UserError: nothing is there, it is not a checkpoint, it is damaged, or it is of a newer
            format.
    """
    return _restore_from(path, {}, warn)


def restore_described(
    path: Path, template_of: Callable[[Described], Any], *, warn: Warn
) -> Restored:
    """Restores parameters and meta, where only the checkpoint tells what template they need.

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
    """Restores parameters and meta for evaluation; the training state need not be on disk.

    Args:
        path: as for `read_meta`.
        params_template: pytree of arrays or of `jax.ShapeDtypeStruct`s.
        warn: as for `read_meta`.

    Raises:
        UserError: as for `read_meta`; or a leaf differs from the template in name, shape or dtype.
    """
    return _restore_from(path, {"params": params_template}, warn)


def export_params_only(source: Path, destination: Path, *, warn: Warn) -> Path:
    """Copies a checkpoint without its training state, for shipping.

    Args:
        source: as for `read_meta`.
        destination: a folder, made where missing, that becomes like a run's: the step is written
            to `destination/checkpoints/<step>`, with its manifest. Returned is that folder.
        warn: as for `read_meta`.

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
    params: Any,
    meta: Mapping[str, Any],
    *,
    metric: float,
    warn: Warn,
) -> Path:
    """Writes weights without a training state, as `export_params_only` does; returns the step's folder.

    Args:
        destination: a folder, made where missing, that becomes like a run's.
        step: as for `CheckpointStore.save`, as are the next three.
        params: pytree of arrays.
        meta: what JSON can hold.
        metric: lower is better.
        warn: as for `read_meta`.

    Raises:
        UserError: the step exists at the destination, or cannot be written.
    """
    with CheckpointStore(Path(destination) / "checkpoints", warn=warn) as store:
        store._write(step, {"params": params}, meta, metric, False)
        return store._directory / str(step)


def _restore_from(path: Path, templates: Templates, warn: Warn) -> Restored:
    directory, _ = manifests.locate(path)  # a wrong path need not wait for orbax
    with contextlib.closing(orbax_files.new_checkpointer()) as checkpointer:
        found = first_good(
            checkpointer, directory, lambda: manifests.locate(path)[1], templates, warn
        )
    assert found is not None  # `locate` gives a step or raises
    return found
