"""Limits that were computed before, kept as small JSON files.

They stand in $FREQJAX_CACHE, else $XDG_CACHE_HOME/freqjax, else ~/.cache/freqjax, each under the hash of
everything that decides it. The cache is a convenience: one that cannot be read or written is done without.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freqjax.system.files import write_text

# Goes into every hash: raise it whenever the same question gets another answer.
VERSION = 2


def folder() -> Path:
    """Where the files are."""
    named = os.environ.get("FREQJAX_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "freqjax"


def cached(question: dict[str, Any], answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer to `question`, from the cache or else computed and put there.

    Args:
      question: everything that decides the answer, ready for JSON.
      answer: computes it, ready for JSON.
    """
    text = json.dumps({"version": VERSION, **question}, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:32]
    try:
        path = folder() / f"limit-{name}.json"
        kept = json.loads(path.read_text())
        # The question is kept as well: a file of another one, or half a file, is no answer.
        if kept["question"] == json.loads(text):
            return kept["answer"]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        pass
    found = answer()
    try:
        path = folder() / f"limit-{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({"question": json.loads(text), "answer": found}) + "\n")
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        pass
    return found
