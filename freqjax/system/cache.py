"""Cache folder, and cached results in it as small JSON files.

The folder is $FREQJAX_CACHE, else `freqjax` in $XDG_CACHE_HOME, else in the system's default: ~/.cache, on
macOS ~/Library/Caches, on Windows %LOCALAPPDATA%. Every file is named by a hash of its inputs. The cache is
optional: if it cannot be read or written, freqjax runs without one. Files that belong to another user are
not read, if the system provides their owner.
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

# Part of every hash: raise it whenever the result for the same inputs changes.
VERSION = 2


def folder() -> Path:
    """Return the cache folder.

    Raises:
      RuntimeError: the user has no home folder, and no variable names another folder.
    """
    named = os.environ.get("FREQJAX_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else _custom()) / "freqjax"


def _custom() -> Path:
    """Return the system's default folder of caches."""
    if sys.platform == "darwin":
        return Path("~/Library/Caches").expanduser()
    local = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None
    return Path(local) if local else Path("~/.cache").expanduser()


def make_folder(path: Path) -> None:
    """Create the folder `path` of the cache if it is missing, with access only for its user."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def cached(question: dict[str, Any], answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the cached result for `question`, or compute it and store it in the cache.

    Args:
      question: all inputs of the result, ready for JSON.
      answer: computes the result, ready for JSON.
    """
    text = json.dumps({"version": VERSION, **question}, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:32]
    try:
        path = folder() / f"answer-{name}.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if is_own(path) else {}
        # The inputs are stored as well, to detect hash collisions and incomplete files.
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
