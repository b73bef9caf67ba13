"""Arrays of NumPy: a signal [T] or channels [T, C] as .npy, or inside an .npz.

An .npz holds the signal as `S`, or as its only array besides `t` (T times, s) and `sampling_rate`
(a number, Hz), either of which gives the rate. An output has one array `S` [T] and, if it is known,
`sampling_rate`; an .npy has no rate. Floats keep their precision; integers are read without scaling, and
the output of an integer recording has single precision.
"""

from __future__ import annotations

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.lib import format as npy

from freqjax.errors import UserError
from freqjax.recordings.recording import Clock
from freqjax.system.files import replacing

# A file, or a member of an archive.
File = IO[bytes] | io.BufferedIOBase
# Exceptions of numpy and zipfile for a damaged file.
BROKEN = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class _Array(NamedTuple):
    """Header of an array: shape, dtype, order, and the length of the header in bytes."""

    shape: tuple[int, ...]
    dtype: np.dtype
    by_channel: bool
    offset: int

    @property
    def channels(self) -> int:
        """C, the number of channels."""
        return self.shape[1] if len(self.shape) == 2 else 1

    @property
    def written(self) -> np.dtype:
        """Dtype of an output of the same format."""
        return self.dtype if self.dtype.kind == "f" else np.dtype(np.float32)


class NpyRecording:
    """Implementation of `freqjax.recordings.Recording` for an .npy file."""

    layout = ".npy"
    sampling_rate: float | None = None

    def __init__(self, path: Path, field: str) -> None:
        """Read the header.

        Raises:
          UserError: the file is not an array of numbers [T] or [T, C], or its length contradicts its header.
        """
        self.path, self._source = path, f"{field} is {path}"
        with path.open("rb") as file:
            self._array = _read_head(file, path.stat().st_size, self._source)
        self.names = tuple(f"channel {c + 1}" for c in range(self._array.channels))
        self.samples: int | None = self._array.shape[0]

    def chunks(self, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read the samples in order, [n, C] float64."""
        with self.path.open("rb") as file:
            yield from _read(file, self._array, size, self._source)

    @contextmanager
    def writer(self, path: Path) -> Iterator[_ArrayWriter]:
        """Open a new file of an array [T]."""
        assert self.samples is not None
        with replacing(path) as file:
            _write_head(file, self._array.written, (self.samples,))
            yield _ArrayWriter(file, self._array.written)


class NpzRecording:
    """Implementation of `freqjax.recordings.Recording` for an .npz file."""

    layout = ".npz"

    def __init__(self, path: Path, field: str) -> None:
        """Read the headers and the first two times, if there are any.

        Raises:
          UserError: the file is not an archive, or does not hold exactly one signal; or as `NpyRecording`.
        """
        self.path, self._source = path, f"{field} is {path}"
        try:
            with zipfile.ZipFile(path) as archive:
                self._name, self._times = self._choose(archive)
                self._array = self._head(archive, self._name)
                self._packing = archive.getinfo(self._name + ".npy").compress_type
                self._clock = self._start_clock(archive)
                self.sampling_rate = self._rate(archive)
        except BROKEN as error:
            raise UserError(f"{self._source}: it cannot be read as an .npz ({error}).") from None
        self.names = tuple(f"channel {c + 1}" for c in range(self._array.channels))
        self.samples: int | None = self._array.shape[0]

    def chunks(self, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read the samples in order, [n, C] float64."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                times = self._read(archive, "t", size) if self._times else None
                clock = self._start_clock(archive)
                for chunk in self._read(archive, self._name, size):
                    if times is not None and clock is not None:
                        clock.check(next(times)[:, 0])
                    yield chunk
        except BROKEN as error:
            raise UserError(f"{self._source}: it cannot be read as an .npz ({error}).") from None

    @contextmanager
    def writer(self, path: Path) -> Iterator[_ArrayWriter]:
        """Open a new file of an array S [T], compressed as in the recording, with its rate if known."""
        assert self.samples is not None
        with replacing(path) as file, zipfile.ZipFile(file, "w", self._packing) as archive:
            if self.sampling_rate is not None:
                with archive.open("sampling_rate.npy", "w") as member:
                    npy.write_array(member, np.array(self.sampling_rate), allow_pickle=False)
            with archive.open("S.npy", "w", force_zip64=True) as member:
                _write_head(member, self._array.written, (self.samples,))
                yield _ArrayWriter(member, self._array.written)

    def _choose(self, archive: zipfile.ZipFile) -> tuple[str, bool]:
        """Return the name of the signal's array, and whether there are times."""
        held = [name.removesuffix(".npy") for name in archive.namelist()]
        signals = [name for name in held if name not in ("t", "sampling_rate")]
        if "S" not in signals and len(signals) != 1:
            raise UserError(
                f"{self._source}: it holds {', '.join(held) or 'nothing'}: the signal must be named S, or "
                "be the only array besides t and sampling_rate."
            )
        return ("S" if "S" in signals else signals[0]), "t" in held

    def _head(self, archive: zipfile.ZipFile, name: str) -> _Array:
        with archive.open(name + ".npy") as member:
            size = archive.getinfo(name + ".npy").file_size
            source = f"{self._source}, array {name}"
            array = _read_head(member, size, source)
        if array.by_channel:
            raise UserError(
                f"{source}: its channels are stored one after another (Fortran order): save "
                "numpy.ascontiguousarray of it, so that an archive can be read piece by piece."
            )
        return array

    def _read(self, archive: zipfile.ZipFile, name: str, size: int) -> Iterator[np.ndarray]:
        array = self._head(archive, name)
        with archive.open(name + ".npy") as member:
            yield from _read(member, array, size, f"{self._source}, array {name}")

    def _start_clock(self, archive: zipfile.ZipFile) -> Clock | None:
        if not self._times:
            return None
        shape = self._head(archive, "t").shape
        if shape != self._array.shape[:1] or shape[0] < 2:
            raise UserError(
                f"{self._source}: t has shape {shape}: it must be ({self._array.shape[0]},), a time for "
                "every sample, of two samples at least."
            )
        first, second = next(self._read(archive, "t", 2))[:2, 0]
        return Clock(first, second, self._source)

    def _rate(self, archive: zipfile.ZipFile) -> float | None:
        if "sampling_rate.npy" not in archive.namelist():
            return None if self._clock is None else self._clock.sampling_rate
        with archive.open("sampling_rate.npy") as member:
            rate = npy.read_array(member, allow_pickle=False)
        if rate.size != 1 or rate.dtype.kind not in "fiu" or not (0 < float(rate.flat[0]) < np.inf):
            raise UserError(f"{self._source}: sampling_rate must be one number above 0, Hz.")
        return float(rate.flat[0])


class _ArrayWriter:
    clipped = 0

    def __init__(self, file: File, dtype: np.dtype) -> None:
        self._file, self._dtype = file, dtype

    def write(self, samples: Float[np.ndarray, " n"]) -> None:
        """Append samples [n]."""
        self._file.write(samples.astype(self._dtype).tobytes())


def _read_head(file: File, length: int, source: str) -> _Array:
    """Read the header of an array; header and array together take `length` bytes."""
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except BROKEN as error:
        raise UserError(f"{source}: it cannot be read as an array ({error}).") from None
    if dtype.kind not in "fiu":
        raise UserError(f"{source}: it holds {dtype}, not numbers.")
    if len(shape) not in (1, 2) or 0 in shape:
        raise UserError(
            f"{source}: its shape is {shape}: it must be (samples,) or (samples, channels)."
        )
    array = _Array(shape, dtype, fortran and shape[1:] > (1,), file.tell())
    promised = array.offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if promised != length:
        raise UserError(f"{source}: its header promises {promised} bytes, and it has {length}.")
    return array


def _write_head(file: File, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    described = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, described)


def _read(file: File, array: _Array, size: int, source: str) -> Iterator[np.ndarray]:
    """Read chunks [n, C]; `file` must be seekable if the array is in Fortran order."""
    width, samples = array.dtype.itemsize, array.shape[0]
    if not array.by_channel:
        file.read(array.offset)
    for first in range(0, samples, size):
        count = min(size, samples - first)
        if array.by_channel:
            starts = (array.offset + (c * samples + first) * width for c in range(array.channels))
            content = b"".join(_at(file, start, count * width) for start in starts)
        else:
            content = file.read(count * array.channels * width)
        if len(content) < count * array.channels * width:
            raise UserError(f"{source}: it was cut while it was read.")
        values = np.frombuffer(content, array.dtype).astype(np.float64)
        if array.by_channel:
            yield values.reshape(array.channels, count).T
        else:
            yield values.reshape(count, array.channels)


def _at(file: File, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)
