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
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from freqjax.checkpoints.leaves import Leaf
from freqjax.errors import UserError
from freqjax.system import files

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


def _checksum(content: Mapping[str, Any]) -> str:
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
    unfinished = path.with_suffix(".tmp")
    envelope = {"sha256": _checksum(content), "manifest": content}
    unfinished.write_text(json.dumps(envelope, indent=1), encoding="utf-8")
    files.sync(unfinished)
    files.replace(unfinished, path)
    files.sync(path.parent)


def read(directory: Path, step: int) -> Manifest:
    """Read the manifest of `step`.

    Raises:
      Damaged: the manifest is missing or altered.
      UserError: the manifest has a newer format.
    """
    path = path_of(directory, step)
    try:
        envelope = json.loads(path.read_text(encoding="utf-8"))
        content = envelope["manifest"]
        intact = _checksum(content) == envelope["sha256"] and content["step"] == step
    except FileNotFoundError as error:
        raise Damaged("it has no manifest") from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Damaged(f"its manifest {path} cannot be read") from error
    if not intact:
        raise Damaged(f"its manifest {path} was altered")
    if content["format_version"] > FORMAT_VERSION:
        raise UserError(
            f"checkpoint {directory / str(step)} has format {content['format_version']}, but this "
            f"freqjax reads up to {FORMAT_VERSION}: update it."
        )
    return Manifest(
        metric=math.inf if content["metric"] is None else content["metric"],
        keep=content["keep"],
        files={name: (size, digest) for name, (size, digest) in content["files"].items()},
        leaves={
            item: [Leaf(name, tuple(shape), *rest) for name, shape, *rest in leaves]
            for item, leaves in content["leaves"].items()
        },
    )


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
    names = set(map(str, steps(directory)))
    for path in (directory / FOLDER).iterdir():
        if path.suffix == ".tmp" or (path.suffix == ".json" and path.stem not in names):
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
    for name, expected in manifest.files.items():
        if name.startswith("training/") and not needs_training:
            continue
        try:
            found = _fingerprint(folder / name)
        except OSError as error:
            raise Damaged(f"its file {name} cannot be read ({error.strerror})") from error
        if found != expected:
            raise Damaged(f"its file {name} differs from the manifest")
