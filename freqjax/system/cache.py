"""Cache folder, and cached results in it as small JSON files.

The folder is $FREQJAX_CACHE, else `freqjax` in $XDG_CACHE_HOME, else in the system's default: ~/.cache, on
macOS ~/Library/Caches, on Windows %LOCALAPPDATA%. Every file is named by a hash of its inputs. The cache is
optional: if it cannot be read or written, freqjax runs without one. A folder or a file that others than the
user could have changed is not used, and a line on standard error says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freqjax.system import output, ownership
from freqjax.system.files import write_text

# Part of every hash: raise it whenever the result for the same inputs changes, or the form of the files.
VERSION = 3


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
    """Create the folder `path`, which is the cache's or in it, for its user alone, if it is not there."""
    top = folder()
    inside = [place for place in (path, *path.parents) if place == top or top in place.parents]
    for place in reversed(
        inside
    ):  # the mode that `mkdir` takes is not that of the parents it makes
        place.mkdir(mode=0o700, parents=True, exist_ok=True)


def fault(path: Path) -> str | None:
    """Say why `path`, of the cache, is not to be trusted: a clause that begins with what is wrong, and where.

    Its folders up to the cache's own count: who may write there may put another file in its place. A path
    that is not there yet has no fault of its own.

    Raises:
      OSError: it cannot be looked at.
      RuntimeError: there is no home folder.
    """
    top = folder()
    for place in (path, *path.parents):
        found = ownership.fault(place) if place.exists() else None
        if found is not None:
            return f"{place} {found}"
        if place == top:
            break
    return None


# What was said already: a run looks into the cache many times.
_said: set[str] = set()


def is_trusted(path: Path) -> bool:
    """Return whether only the user could have changed `path`; if not, say so on standard error.

    Raises:
      OSError, RuntimeError: as `fault`.
    """
    found = fault(path)
    if found is not None and found not in _said:
        _said.add(found)
        output.warn(f"{found}: it is not used as a cache.")
    return found is None


def cached(
    question: dict[str, Any],
    answer: Callable[[], dict[str, Any]],
    fits: Callable[[dict[str, Any]], bool] = lambda _: True,
) -> dict[str, Any]:
    """Look up the answer to `question`; if it is not in the cache, compute it and put it there.

    A file is believed if it holds this question, the digest of its answer, and an answer that `fits`.

    Args:
      question: everything that decides the answer, ready for JSON.
      answer: computes it, ready for JSON.
      fits: whether what was found has the shape and the range of an answer; it may raise LookupError,
        TypeError or ValueError for one that has not.
    """
    asked = json.dumps({"version": VERSION, **question}, sort_keys=True)
    name = f"answer-{hashlib.sha256(asked.encode()).hexdigest()[:32]}.json"
    try:
        kept = json.loads((folder() / name).read_text(encoding="utf-8"))
        found = kept["answer"]
        whole = kept["question"] == json.loads(asked) and kept["digest"] == _digest(asked, found)
        if whole and fits(found) and is_trusted(folder() / name):
            return found
    except (OSError, LookupError, RecursionError, RuntimeError, TypeError, ValueError):
        pass
    found = answer()
    try:
        make_folder(folder())
        if is_trusted(folder()):
            kept = {"question": json.loads(asked), "answer": found, "digest": _digest(asked, found)}
            write_text(folder() / name, json.dumps(kept) + "\n")
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        pass
    return found


def _digest(asked: str, found: Any) -> str:
    """Return the digest of a question and its answer."""
    return hashlib.sha256(f"{asked}\n{json.dumps(found, sort_keys=True)}".encode()).hexdigest()
