"""Files that a reader sees whole or not at all, and what is read back from them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from freqjax.errors import UserError


def read_json(path: Path) -> Any | None:
    """The object in the JSON file `path`, or None where there is no such file.

    Raises:
      UserError: it is not JSON.
    """
    try:
        return json.loads(path.read_text()) if path.is_file() else None
    except ValueError as error:
        raise UserError(f"{path} is damaged: it is not JSON ({error}).") from None


def write_json(path: Path, value: Any) -> None:
    """Replace the JSON file `path` in one step."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The whole rows of a metrics.jsonl; a line that was not finished ends them."""
    rows: list[dict[str, Any]] = []
    if path.is_file():
        for line in path.read_text(errors="replace").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return rows


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
