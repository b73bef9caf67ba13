"""Reading of steps: each is proven before its arrays are read, and a damaged one is passed over by name.

A reader may stand beside a run that goes on. A step that is removed while it is read is not damaged: the
folder is looked at again, and the step that is best, or newest, by then is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from freqjax.checkpoints import manifests, orbax_files
from freqjax.checkpoints.leaves import Leaf, require_match, size_of, to_device
from freqjax.errors import UserError
from freqjax.system import memory
from freqjax.text import printable

Warn = Callable[[str], None]

# A step lives for two saves or more, and is read in less time than one takes.
_ATTEMPTS = 20


class Restored(NamedTuple):
    """One checkpoint in memory; parts that were not asked for are None.

    Arrays are jax arrays on the default device, committed to none, whatever they were saved from.
    """

    step: int  # parameter updates made when it was saved
    params: Any  # as the template's structure
    training: Any | None  # the rest of the train state, as the template's structure
    meta: dict[str, Any]  # what `save` was given, as JSON gives it back
    metric: float  # lower is better; +inf where none was measured


class Described(NamedTuple):
    """Step, meta and leaves of a checkpoint whose arrays are not read yet."""

    meta: dict[str, Any]
    leaves: Mapping[str, Sequence[Leaf]]  # of "params" and, where it is there, "training"


# For each item that is wanted its template; or what makes these of the step's description.
Templates = Mapping[str, Any] | Callable[[Described], Mapping[str, Any]]


def first_good(
    checkpointer: Any,
    directory: Path,
    list_steps: Callable[[], Sequence[int]],
    templates: Templates,
    warn: Warn,
) -> Restored | None:
    """Restore the first good one of the steps that `list_steps` gives, in their order.

    Args:
        checkpointer: as `orbax_files.new_checkpointer` makes it.
        directory: the folder of the steps.
        list_steps: called again where a step has gone since.
        templates: pytrees of arrays or of `jax.ShapeDtypeStruct`s, by item.
        warn: called with one sentence for each damaged step that is passed over.

    Returns:
        None where there is no step.

    Raises:
        UserError: none is good, or the first good one does not fit its template or is of a newer format.
    """
    told: set[str] = set()
    for _ in range(_ATTEMPTS):
        steps = list_steps()
        if not steps:
            return None
        damages = []
        for step in steps:
            folder = directory / str(step)
            before = _identity(folder)
            try:
                return _load(checkpointer, directory, step, templates)
            except manifests.Damaged as damage:
                if before is None or _identity(folder) != before:
                    break
                damages.append(printable(f"checkpoint {folder} is damaged: {damage}."))
                if len(steps) > 1 and damages[-1] not in told:
                    told.add(damages[-1])
                    warn(damages[-1])
        else:
            everything = f"every checkpoint in {printable(str(directory))} is damaged."
            raise UserError(damages[0] if len(steps) == 1 else everything)
    raise UserError(
        f"the checkpoints in {printable(str(directory))} are replaced faster than they can be read: try "
        "again when the run that writes them has stopped."
    )


def _identity(folder: Path) -> tuple[int, int] | None:
    """Tell one folder from another of its name; None where there is none."""
    try:
        state = folder.stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns


def _load(checkpointer: Any, directory: Path, step: int, templates: Templates) -> Restored:
    """Load one step; raise manifests.Damaged, or UserError if it is good but does not fit the templates."""
    folder = directory / str(step)
    manifest = manifests.read(directory, step)
    if callable(templates):
        manifests.prove(folder, manifest, needs_training=False)
        _, meta = orbax_files.read(checkpointer, folder, {})
        templates = templates(Described(meta, manifest.leaves))
    manifests.prove(folder, manifest, needs_training="training" in templates)
    for item, template in templates.items():
        if item not in manifest.leaves:
            raise UserError(
                f"checkpoint {printable(str(folder))} was exported without its {item} state."
            )
        require_match(folder, item, manifest.leaves[item], template)
    wanted = {item: manifest.leaves[item] for item in templates}
    _require_memory(folder, wanted)
    arrays, meta = orbax_files.read(checkpointer, folder, wanted)
    trees = {
        item: to_device(manifest.leaves[item], arrays[item], template)
        for item, template in templates.items()
    }
    return Restored(step, trees.get("params"), trees.get("training"), meta, manifest.metric)


def _require_memory(folder: Path, wanted: Mapping[str, Sequence[Leaf]]) -> None:
    needed, there = sum(map(size_of, wanted.values())), memory.physical_bytes()
    if there is not None and needed > there:
        raise UserError(
            f"checkpoint {printable(str(folder))} holds arrays of {needed / 1e9:.3g} GB, and this machine "
            f"has {there / 1e9:.3g} GB of memory."
        )
