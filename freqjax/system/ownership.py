"""Whether others than the user of this process can change a file or a folder.

What is loaded from disk and run must not have been put there by somebody else. Systems that do not tell
owners and modes, such as Windows, keep a user's folders from others by themselves.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def fault(path: Path) -> str | None:
    """Say why others could have changed `path`, a clause about it; None where they could not.

    Raises:
      OSError: there is no such file, or it cannot be looked at.
    """
    getuid = getattr(os, "getuid", None)
    if getuid is None:
        return None
    found = path.stat()
    if found.st_uid != getuid():
        return "belongs to another user"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written by others (chmod go-w takes that away)"
    return None
