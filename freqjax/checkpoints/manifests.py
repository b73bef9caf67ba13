"""Manifests: a checksum file for each step, which shows that the step is complete and unaltered.

    checkpoints/<step>/                 the step
    checkpoints/manifests/<step>.json   SHA-256 of every file in it, metric, names and types of leaves

A manifest also holds its own SHA-256. This module lists the steps, finds the best one and verifies the
files of a step; `freqjax.checkpoints.store` reads the arrays.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from freqjax.checkpoints.leaves import Leaf
from freqjax.checkpoints.leaves import parse as parse_leaves
from freqjax.errors import UserError
from freqjax.system import files, leftovers
from freqjax.text import printable

FORMAT_VERSION = 1
FOLDER = "manifests"


class Manifest(NamedTuple):
    """Description of a step, available without opening its folder."""

    metric: float  # lower is better; +inf if it was not finite
    keep: bool
    files: dict[str, tuple[int, str]]  # path inside the step's folder: bytes, SHA-256
    leaves: dict[str, list[Leaf]]  # of "params" and, unless exported without it, "training"


class Damaged(Exception):
    """A step that cannot be used; the message is the reason."""


def steps(directory: Path) -> list[int]:
    """Return the steps that have a folder, intact or damaged; none if the directory is missing."""
    if not directory.is_dir():
        return []
    names = [entry.name for entry in directory.iterdir() if entry.is_dir()]
    return [int(name) for name in names if name.isdecimal() and str(int(name)) == name]


def best_first(directory: Path) -> list[int]:
    """Return the steps by metric, the newest first among equals; those without a readable manifest lead.

    Any of the latter may have been the best, so that they must be tried and reported.
    """
    found = read_all(directory)

    def rank(step: int) -> tuple[float, int]:
        manifest = found[step]
        return (-math.inf if manifest is None else manifest.metric, -step)

    return sorted(found, key=rank)


def superfluous(directory: Path, *, newest: int) -> list[int]:
    """Return the steps that may be removed, ascending: all but the best, the `newest` and those to keep.

    Steps without a readable manifest are not among them, since their metric is unknown.
    """
    readable = {step: found for step, found in read_all(directory).items() if found is not None}
    best = min(readable, key=lambda step: (readable[step].metric, -step), default=None)
    kept = {best, *sorted(readable)[-newest:]}
    return [step for step in sorted(readable) if step not in kept and not readable[step].keep]


def locate(path: Path) -> tuple[Path, list[int]]:
    """Return the folder of steps that `path` refers to, and its steps in the order to try them.

    Args:
      path: a run's folder, for all its steps, the best first; or the folder of one step.

    Raises:
      UserError: the path does not exist, or is neither.
    """
    path = Path(path).absolute()
    if not path.exists():
        raise UserError(f"there is no checkpoint at {path}: it does not exist.")
    directory = path / "checkpoints"
    if directory.is_dir():
        ranked = best_first(directory)
        if not ranked:
            raise UserError(f"there is no checkpoint in {directory}.")
        return directory, ranked
    if path.name in map(str, steps(path.parent)) and (path.parent / FOLDER).is_dir():
        return path.parent, [int(path.name)]
    raise UserError(
        f"{path} is not a checkpoint: give a run's folder, with checkpoints/ in it, or the folder "
        "of one step, checkpoints/<step>."
    )


def path_of(directory: Path, step: int) -> Path:
    """Return the path of the manifest of `step`, whether it exists or not."""
    return directory / FOLDER / f"{step}.json"


def _checksum(content: object) -> str:
    """Compute the manifest's own SHA-256, of its canonical JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write(directory: Path, step: int, manifest: Manifest) -> None:
    """Write the manifest of `step` durably and atomically."""
    content = {
        **manifest._asdict(),
        "format_version": FORMAT_VERSION,
        "step": step,
        "metric": manifest.metric if math.isfinite(manifest.metric) else None,  # JSON has no inf
    }
    path = path_of(directory, step)
    envelope = {"sha256": _checksum(content), "manifest": content}
    files.write_text(path, json.dumps(envelope, indent=1))
    files.sync(path.parent)


def read(directory: Path, step: int) -> Manifest:
    """Read the manifest of `step`.

    Raises:
      Damaged: the manifest is missing, altered, or not of the form that this module writes.
      UserError: the manifest has a newer format.
    """
    path = path_of(directory, step)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise Damaged(f"its manifest {path} is not a file")
        envelope = files.parse_json(path.read_text(encoding="utf-8"))
        content = envelope["manifest"]
        intact = _checksum(content) == envelope["sha256"] and content["step"] == step
    except FileNotFoundError as error:
        raise Damaged("it has no manifest") from error
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise Damaged(f"its manifest {path} cannot be read") from error
    if not intact:
        raise Damaged(f"its manifest {path} was altered")
    version = content.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        raise UserError(
            f"checkpoint {directory / str(step)} has format {version}, but this "
            f"freqjax reads up to {FORMAT_VERSION}: update it."
        )
    try:
        return _parse(content)
    except ValueError as error:
        reason = printable(str(error))
        raise Damaged(f"its manifest {path} is not of the right form: {reason}") from error


def _parse(content: Mapping[str, Any]) -> Manifest:
    """Return the manifest that JSON `content` holds; raises ValueError, with the reason, where it is none."""
    metric, keep, proof, leaves = (
        content.get(key) for key in ("metric", "keep", "files", "leaves")
    )
    if type(content.get("format_version")) is not int or content["format_version"] < 1:
        raise ValueError("format_version must be a whole number")
    if metric is not None and (type(metric) not in (int, float) or not math.isfinite(metric)):
        raise ValueError("metric must be a finite number or null")
    if type(keep) is not bool:
        raise ValueError("keep must be true or false")
    if not isinstance(leaves, dict) or not {"params"} <= leaves.keys() <= {"params", "training"}:
        raise ValueError("leaves must be those of params and of training")
    if not isinstance(proof, dict):
        raise ValueError("files must be an object")
    found = {item: parse_leaves(values) for item, values in leaves.items()}
    proven = {name: _parse_file(name, value) for name, value in proof.items()}
    for item in ("meta", *(item for item in found if any(math.prod(x.shape) for x in found[item]))):
        if not any(name.startswith(f"{item}/") for name in proven):
            raise ValueError(f"files names none of {item}")
    return Manifest(math.inf if metric is None else float(metric), keep, proven, found)


def _parse_file(name: str, value: Any) -> tuple[int, str]:
    """Return size and SHA-256 of a file that a manifest names; it must lie in the folder of the step."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or set(name) & set("\\:\0"):
        raise ValueError(f"{name!r} is not the name of a file in the step's folder")
    if not (isinstance(value, list) and len(value) == 2):
        raise ValueError(f"file {name!r} must have a size and a SHA-256")
    size, digest = value
    if type(size) is not int or size < 0:
        raise ValueError(f"the size of file {name!r} must be a whole number")
    if not isinstance(digest, str) or re.fullmatch("[0-9a-f]{64}", digest) is None:
        raise ValueError(f"the SHA-256 of file {name!r} must be 64 hexadecimal digits")
    return size, digest


def read_all(directory: Path) -> dict[int, Manifest | None]:
    """Read the manifests of all steps on disk; None for one that cannot be read."""
    found: dict[int, Manifest | None] = {}
    for step in steps(directory):
        try:
            found[step] = read(directory, step)
        except Damaged:
            found[step] = None
    return found


def sweep(directory: Path) -> None:
    """Remove incomplete manifests and those whose steps no longer exist."""
    there = set(map(str, steps(directory)))
    for path in (directory / FOLDER).iterdir():
        number = path.name.removeprefix(".").partition(".")[0]
        if not number.isdecimal():
            continue
        is_orphan = path.name == f"{number}.json" and number not in there
        # The second is what version 0.1 wrote.
        is_half = leftovers.is_temporary(path.name, of=f"{number}.json") or (
            path.name == f"{number}.tmp"
        )
        if is_orphan or is_half:
            path.unlink()


def _fingerprint(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()


def fingerprints(folder: Path) -> dict[str, tuple[int, str]]:
    """Flush every file in `folder` to the disk and return its bytes and SHA-256."""
    paths = sorted(folder.rglob("*"))
    for path in (*paths, folder):
        files.sync(path)
    return {p.relative_to(folder).as_posix(): _fingerprint(p) for p in paths if p.is_file()}


def prove(folder: Path, manifest: Manifest, *, needs_training: bool) -> None:
    """Compare the files in `folder` with the manifest.

    Raises:
      Damaged: a file is missing or differs.
    """
    inside = folder.resolve()
    for name, expected in manifest.files.items():
        if name.startswith("training/") and not needs_training:
            continue
        path, shown = folder / name, printable(name)
        try:
            state = path.stat()
            if not stat.S_ISREG(state.st_mode) or not path.resolve().is_relative_to(inside):
                raise Damaged(f"its {shown} is not a file in its folder")
            # What is too long or too short need not be read.
            is_right = state.st_size == expected[0] and _fingerprint(path) == expected
        except OSError as error:
            raise Damaged(f"its file {shown} cannot be read ({error.strerror})") from error
        if not is_right:
            raise Damaged(f"its file {shown} differs from the manifest")
