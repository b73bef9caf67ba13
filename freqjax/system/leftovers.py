"""Temporary files that a killed process leaves behind (`freqjax.system.files.replacing`)."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable
from pathlib import Path

from freqjax.system.files import LONGEST_NAME

# How the name of a temporary ends: at random, or in version 0.1 with the number of a process.
_ENDING = re.compile("[0-9a-f]{16}|[0-9]{1,10}")


def is_temporary(name: str, of: str) -> bool:
    """Tell whether a file called `name` was to become the file `of`."""
    ending = name.removeprefix(f".{of[:LONGEST_NAME]}.")
    return ending != name and _ENDING.fullmatch(ending) is not None


def remove_temporaries(folder: Path, names: Iterable[str], *, idle: float = 0.0) -> None:
    """Remove the files in `folder` that were to become one of `names` and did not change for `idle` seconds.

    Where `idle` is 0 the caller must be the only one that writes these.
    """
    names, latest = tuple(names), time.time() - idle
    for path in folder.glob(".*.*"):
        ours = any(is_temporary(path.name, of=name) for name in names)
        if ours and path.is_file() and not path.is_symlink():
            # Another process may have finished or removed it.
            with contextlib.suppress(FileNotFoundError):
                if not idle or path.stat().st_mtime <= latest:
                    path.unlink()
