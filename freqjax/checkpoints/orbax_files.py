"""Folders of arrays, written and read by orbax; no other module knows it."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np

from freqjax.checkpoints import manifests


@functools.cache
def _orbax() -> ModuleType:
    """Imports orbax on first use: commands that touch no checkpoint should not wait for it.

    It also keeps orbax's noise off the terminal: orbax narrates every save at level INFO, and
    prints a traceback per thread at level ERROR for errors that it raises as well; those reach
    the user through the exception.
    """
    import orbax.checkpoint

    package = str(Path(orbax.checkpoint.__file__).parent) + os.sep
    logging.getLogger("absl").addFilter(lambda record: not record.pathname.startswith(package))
    sys.unraisablehook = functools.partial(_report_unraisable, sys.unraisablehook)
    return orbax.checkpoint


def _report_unraisable(report: Callable[[Any], object], unraisable: Any) -> None:
    """Reports all but one complaint: when an array cannot be written, the writers of its siblings
    find their event loop closed, at any later time, and say so from threads that are not Python's.
    """
    late_writer = unraisable.object is None and isinstance(unraisable.exc_value, RuntimeError)
    if not (late_writer and str(unraisable.exc_value) == "Event loop is closed"):
        report(unraisable)


def new_checkpointer() -> Any:
    """What writes and reads folders for one process alone; the caller closes it."""
    ocp = _orbax()
    # Made in the background, a folder that cannot be made leaves threads waiting for it for five
    # minutes, and the interpreter's exit waits for them.
    options = ocp.AsyncOptions(create_directories_asynchronously=False)
    # One process writes, and must not wait for others: without this orbax would, for ever.
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
    """Write the named arrays of each item, and `meta`, to a folder that appears whole or not at all."""
    args = _orbax().args
    # orbax refuses an item without arrays; the manifest tells that it was there.
    items = {item: args.StandardSave(tree) for item, tree in arrays.items() if tree}
    checkpointer.save(folder, args=args.Composite(meta=args.JsonSave(dict(meta)), **items))


def read(
    checkpointer: Any, folder: Path, items: Sequence[str]
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """The named arrays of each item, and the meta, as they were given to `save`.

    Raises:
      manifests.Damaged: orbax cannot read them.
    """
    args = _orbax().args
    present = {item: args.StandardRestore() for item in items if (folder / item).exists()}
    wanted = args.Composite(meta=args.JsonRestore(), **present)
    try:
        restored = checkpointer.restore(folder, args=wanted)
    except Exception as error:  # the files were right, but are gone since, or not for this orbax
        raise manifests.Damaged(f"orbax cannot read it: {error}") from error
    return {item: restored[item] if item in present else {} for item in items}, restored["meta"]
