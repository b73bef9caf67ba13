"""Removal of steps, and of what a kill left on its way in or out.

    checkpoints/unfinished-*/<step>...   a step on its way in, as orbax names it meanwhile
    checkpoints/trash-*/<step>/          a step on its way out; in version 0.1 trash/<step>/

The folder may be a link to one that holds other things: only what has the form of a step is removed.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from pathlib import Path

from freqjax.checkpoints import manifests
from freqjax.system import files

UNFINISHED = "unfinished-"
_TRASH = "trash"
# Eight signs are those of `tempfile`.
_ON_ITS_WAY = re.compile(f"{UNFINISHED}[a-z0-9_]{{8}}|{_TRASH}(?:-[a-z0-9_]{{8}})?")
_STEP = re.compile(r"\d+(?:\.orbax-checkpoint-tmp.*)?")
# What may lie in the folder of a step.
_PARTS = {"params", "training", "meta", "commit_success.txt"}


def take_away(directory: Path, step: int) -> None:
    """Remove a step in one rename; what follows may be cut short and is then swept up.

    Raises:
      OSError: the system refuses.
    """
    folder = directory / str(step)
    if folder.exists():
        trash = Path(tempfile.mkdtemp(prefix=f"{_TRASH}-", dir=directory))
        files.replace(folder, trash / folder.name)
        files.sync(directory)
        manifests.path_of(directory, step).unlink(missing_ok=True)
        shutil.rmtree(trash)
    else:
        manifests.path_of(directory, step).unlink(missing_ok=True)


def sweep(directory: Path) -> None:
    """Remove what an interrupted save or removal left behind; never a whole step, nor a stranger's file.

    Raises:
      OSError: the system refuses.
    """
    for place in directory.iterdir():
        if _ON_ITS_WAY.fullmatch(place.name) and place.is_dir() and not place.is_symlink():
            for entry in place.iterdir():
                if is_step(entry):
                    shutil.rmtree(entry)
            with contextlib.suppress(OSError):  # not empty: it holds what is not a step
                place.rmdir()
    manifests.sweep(directory)


def is_step(folder: Path) -> bool:
    """Tell whether `folder` has the form of a step, or of a part of one."""
    if not _STEP.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return False
    return all(
        entry.name.partition(".orbax-checkpoint-tmp")[0] in _PARTS or entry.name.startswith("_")
        for entry in folder.iterdir()
    )
