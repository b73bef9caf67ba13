"""Temporary files that a killed process leaves behind (`freqjax.system.files.replacing`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

# How the name of a temporary ends: at random, or in version 0.1 with the number of a process.
_ENDING = re.compile("[0-9a-f]{16}|[0-9]{1,10}")


def is_temporary(name: str, of: str) -> bool:
    """Tell whether a file called `name` was to become the file `of`."""
    ending = name.removeprefix(f".{of}.")
    return ending != name and _ENDING.fullmatch(ending) is not None


def remove_temporaries(folder: Path, names: Iterable[str]) -> None:
    """Remove the files in `folder` that were to become one of `names`.

    The caller must be the only one that writes these.
    """
    names = tuple(names)
    for path in folder.glob(".*.*"):
        ours = any(is_temporary(path.name, of=name) for name in names)
        if ours and path.is_file() and not path.is_symlink():
            path.unlink(missing_ok=True)
