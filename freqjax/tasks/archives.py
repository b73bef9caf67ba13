"""Named arrays of any shape in an .npz, whose sizes are compared before anything is read."""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy

from freqjax.errors import UserError
from freqjax.recordings.arrays import BROKEN
from freqjax.text import printable, shortened

# No deflated member grows by more when it is unpacked.
_LARGEST_RATIO = 1032


class ArrayHead(NamedTuple):
    """Header of an array: what it promises.

    Attributes:
      shape: of the array.
      dtype: of its values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype


def read_heads(path: Path, source: str) -> dict[str, ArrayHead]:
    """Read the headers of all arrays of an .npz, by name and in the order of the file.

    Args:
      path: the file.
      source: how messages begin, such as "task.data is a.npz".

    Raises:
      UserError: the file is damaged or no .npz, or holds Python objects.
    """
    with _opened(path, source) as archive:
        return {
            name: _head(archive, archive.getinfo(member), f"{source}, {printable(name)}")
            for name, member in _members(archive).items()
        }


def read_arrays(
    path: Path, source: str, required: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Read arrays of an .npz by name, and no others.

    Args:
      path: the file.
      source: how messages begin, such as "task.data is a.npz".
      required: names of arrays.
      optional: names of more; those that are missing are left out.

    Raises:
      UserError: the file is damaged or no .npz, lacks an array, or holds Python objects.
    """
    with _opened(path, source) as archive:
        members = _members(archive)
        for name in required:
            if name not in members:
                held = printable(shortened(", ".join(members), 200)) or "no arrays"
                raise UserError(f"{source}: it must hold the array {name}, and has {held}.")
        names = [name for name in (*required, *optional) if name in members]
        return {name: _read(archive, members[name], f"{source}, {name}") for name in names}


@contextmanager
def _opened(path: Path, source: str) -> Iterator[zipfile.ZipFile]:
    """Open an archive; what breaks while it is open becomes an error of the user."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except BROKEN as error:
        what = printable(" ".join(str(error).split())[:200].rstrip(".")) or type(error).__name__
        raise UserError(f"{source}: it cannot be read as an .npz ({what}).") from None


def _members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the members that are arrays, by the names of these."""
    return {n.removesuffix(".npy"): n for n in archive.namelist() if n.endswith(".npy")}


def _read(archive: zipfile.ZipFile, member: str, source: str) -> np.ndarray:
    info = archive.getinfo(member)
    _head(archive, info, source)
    with archive.open(info) as file:
        return npy.read_array(file, allow_pickle=False)


def _head(archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: str) -> ArrayHead:
    """Read a header, and compare the sizes that it and the archive promise with what there is."""
    deflated = info.compress_type == zipfile.ZIP_DEFLATED
    most = info.compress_size * (_LARGEST_RATIO if deflated else 1)
    if info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and info.file_size > (
        most + _LARGEST_RATIO
    ):
        raise UserError(
            f"{source}: its header promises {info.file_size} bytes, and it has {info.compress_size}."
        )
    with archive.open(info) as file:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
        promised = file.tell() + math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise UserError(
                f"{source}: it holds Python objects, which are not loaded, and must hold numbers or text."
            )
        if promised != info.file_size or any(length < 0 for length in shape):
            raise UserError(
                f"{source}: its header promises {promised} bytes, and it has {info.file_size}."
            )
    return ArrayHead(shape, dtype)


def require_hash(path: Path, sha256: str) -> None:
    """Check that a file is the one that data are made from.

    Raises:
      UserError: there is no such file, or its SHA-256 is another.
    """
    if not path.is_file():
        raise UserError(f"{printable(str(path))}: there is no such file.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise UserError(f"{printable(str(path))} has the SHA-256 {found}: it must be {sha256}.")
