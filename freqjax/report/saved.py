"""summary.json of a run, with a checksum of its own, and how it is read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from freqjax.errors import UserError
from freqjax.system import files
from freqjax.text import printable

_SUM = "sha256"
# What a summary of every version has, and readers go by.
_NEEDED: Mapping[str, tuple[type, ...]] = {
    "parameters": (int,),
    "initializer": (str,),
    "weights": (str,),
    "test": (dict,),
    "epochs": (int,),
    "updates": (int,),
    "wall_seconds": (int, float),
    "stop_reason": (str,),
    "device": (str,),
}


def write(path: Path, values: dict[str, Any]) -> None:
    """Replace the summary `path` in one step; its last key is the SHA-256 of the others."""
    files.write_json(path, {**values, _SUM: _checksum(values)})


def read(path: Path, say: Callable[[str], None]) -> dict[str, Any] | None:
    """Read the summary `path`, without its checksum.

    Returns:
      None where there is no such file; and where it is damaged, which `say` is told.
    """
    try:
        values = files.read_json(path)
        if values is not None:
            _check(path, values)
    except UserError as error:
        say(f"{str(error).rstrip('.')}; what it says is found anew.")
        return None
    return values


def _check(path: Path, values: dict[str, Any]) -> None:
    """Take the checksum out of `values` and compare it; older versions have none.

    Raises:
      UserError: they are not what was written.
    """
    shown, proof = printable(str(path)), values.pop(_SUM, None)
    if proof is not None and proof != _checksum(values):
        raise UserError(f"{shown} is damaged: its checksum does not fit what it holds.")
    for name, kinds in _NEEDED.items():
        if name not in values:
            raise UserError(f"{shown} is damaged: it has no {name}.")
        if not isinstance(values[name], kinds) or isinstance(values[name], bool):
            raise UserError(f"{shown} is damaged: its {name} is of the wrong kind.")


def _checksum(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
