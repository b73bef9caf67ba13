"""Folders of arrays, written and read by orbax; no other module uses orbax."""

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
    checkpointer: Any, folder: Path, items: Sequence[str]
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """Read the named arrays of each item, and the meta, as they were given to `save`.

    Raises:
      manifests.Damaged: orbax cannot read them.
    """
    args = _orbax().args
    present = {item: args.StandardRestore() for item in items if (folder / item).exists()}
    wanted = args.Composite(meta=args.JsonRestore(), **present)
    try:
        restored = checkpointer.restore(folder, args=wanted)
    except Exception as error:  # files removed since they were verified, or of another orbax
        raise manifests.Damaged(f"orbax cannot read it: {error}") from error
    return {item: restored[item] if item in present else {} for item in items}, restored["meta"]
