"""The folder of what was computed before, and answers kept in it as small JSON files.

The folder is $FREQJAX_CACHE, else `freqjax` in $XDG_CACHE_HOME, else in the system's own place: ~/.cache, on
macOS ~/Library/Caches, on Windows %LOCALAPPDATA%. Everything in it is named by the hash of what decides it.
The cache is a convenience: if it cannot be read or written, freqjax runs without one. Files that belong to
another user are not read, if the system tells.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freqjax.system.files import is_own, write_text

# Goes into every hash: raise it whenever the same question gets another answer.
VERSION = 2


def folder() -> Path:
    """Return where the files are.

    Raises:
      RuntimeError: the user has no home folder, and no variable names another place.
    """
    named = os.environ.get("FREQJAX_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else _custom()) / "freqjax"


def _custom() -> Path:
    """Return where programs keep such files by the system's custom."""
    if sys.platform == "darwin":
        return Path("~/Library/Caches").expanduser()
    local = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None
    return Path(local) if local else Path("~/.cache").expanduser()


def make_folder(path: Path) -> None:
    """Create the folder `path` of the cache for its user alone, if it is not there."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def cached(question: dict[str, Any], answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Look up the answer to `question`; if it is not in the cache, compute it and put it there.

    Args:
      question: everything that decides the answer, ready for JSON.
      answer: computes it, ready for JSON.
    """
    text = json.dumps({"version": VERSION, **question}, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:32]
    try:
        path = folder() / f"answer-{name}.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if is_own(path) else {}
        # The question is kept as well: a file of another one, or half a file, is no answer.
        if kept["question"] == json.loads(text):
            return kept["answer"]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        pass
    found = answer()
    try:
        path = folder() / f"answer-{name}.json"
        make_folder(path.parent)
        write_text(path, json.dumps({"question": json.loads(text), "answer": found}) + "\n")
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        pass
    return found
