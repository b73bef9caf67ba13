"""Folders of arrays, written and read by orbax; no other module uses orbax."""

from __future__ import annotations

import functools
import logging
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np

from freqjax.checkpoints import manifests
from freqjax.checkpoints.leaves import Leaf
from freqjax.text import printable

# So many signs of what orbax says are told.
_MOST_WORDS = 160
_MOST_KEY_WORDS = 16


@functools.cache
def _orbax() -> ModuleType:
    """Import orbax on first use, so that commands without checkpoints do not wait for it.

    Its log messages are suppressed: orbax logs every save at level INFO, and a traceback per thread at
    level ERROR for errors that it raises as well.
    """
    import orbax.checkpoint

    package = str(Path(orbax.checkpoint.__file__).parent) + os.sep
    logging.getLogger("absl").addFilter(lambda record: not record.pathname.startswith(package))
    sys.unraisablehook = functools.partial(_report_unraisable, sys.unraisablehook)
    return orbax.checkpoint


def _report_unraisable(report: Callable[[Any], object], unraisable: Any) -> None:
    """Report every unraisable exception except a late "Event loop is closed" of orbax.

    If an array cannot be written, the threads that write the other arrays find their event loop closed,
    at any later time.
    """
    late_writer = unraisable.object is None and isinstance(unraisable.exc_value, RuntimeError)
    if not (late_writer and str(unraisable.exc_value) == "Event loop is closed"):
        report(unraisable)


def new_checkpointer() -> Any:
    """Return a checkpointer that works in a single process; the caller closes it."""
    ocp = _orbax()
    # If a folder that is created in the background cannot be created, threads wait for it for five
    # minutes, and the interpreter does not exit before they end.
    options = ocp.AsyncOptions(create_directories_asynchronously=False)
    # Only one process writes; without this, orbax would wait for the others indefinitely.
    me = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"freqjax-{me}"
    )
    composite = ocp.CompositeOptions(async_options=options, multiprocessing_options=alone)
    return ocp.Checkpointer(
        ocp.CompositeCheckpointHandler(composite_options=composite), multiprocessing_options=alone
    )


def save(
    checkpointer: Any,
    folder: Path,
    arrays: Mapping[str, dict[str, np.ndarray]],
    meta: Mapping[str, Any],
) -> None:
    """Write the named arrays of each item, and `meta`, to a folder that is created atomically."""
    args = _orbax().args
    # orbax rejects an item without arrays; the manifest records that it existed.
    items = {item: args.StandardSave(tree) for item, tree in arrays.items() if tree}
    checkpointer.save(folder, args=args.Composite(meta=args.JsonSave(dict(meta)), **items))


def read(
    checkpointer: Any, folder: Path, wanted: Mapping[str, Sequence[Leaf]]
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """Read the named arrays of each item, and the meta, as they were given to `save`.

    Args:
      checkpointer: as `new_checkpointer` makes it.
      folder: of the step.
      wanted: what each item holds by its manifest.

    Raises:
      manifests.Damaged: orbax cannot read them, or they are others; those are not read.
    """
    args = _orbax().args
    present = {item: args.StandardRestore() for item in wanted if (folder / item).exists()}
    asked = args.Composite(meta=args.JsonRestore(), **present)
    try:
        for item in present:
            _require_same(folder / item, wanted[item])
        restored = checkpointer.restore(folder, args=asked)
    except manifests.Damaged:
        raise
    except Exception as error:  # files removed since they were verified, or of another orbax
        reason = printable(str(error).strip().partition("\n")[0][:_MOST_WORDS].rstrip(". "))
        raise manifests.Damaged(f"orbax cannot read it: {reason}") from error
    if not isinstance(restored["meta"], dict):
        raise manifests.Damaged("its meta is not an object")
    return {item: restored[item] if item in present else {} for item in wanted}, restored["meta"]


def _require_same(folder: Path, leaves: Sequence[Leaf]) -> None:
    """Compare names, shapes and dtypes of the arrays in `folder` with `leaves`, before any is read."""
    found = _orbax().StandardCheckpointHandler().metadata(folder).tree
    by_name = {leaf.name: leaf for leaf in leaves if 0 not in leaf.shape}
    if found.keys() != by_name.keys():
        raise manifests.Damaged(
            f"the arrays of {folder.name} are not those that its manifest names"
        )
    for name, array in found.items():
        leaf = by_name[name]
        shape, dtype = tuple(array.shape), str(np.dtype(array.dtype))
        # A key is kept as its data, of a few words each.
        is_key = leaf.key_impl is not None
        words = math.prod(shape[len(leaf.shape) :])
        same = shape[: len(leaf.shape)] == leaf.shape and words <= (
            _MOST_KEY_WORDS if is_key else 1
        )
        if not same or (not is_key and (len(shape) != len(leaf.shape) or dtype != leaf.dtype)):
            kind = f"{dtype}[{','.join(map(str, shape))}]"
            raise manifests.Damaged(f"its {printable(name)} is {kind}, and {leaf} in its manifest")
