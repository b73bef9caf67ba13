"""Arrays of NumPy: their headers, checked before anything is read, and their numbers piece by piece.

An array is a signal [T], or channels [T, C]; axes of length 1 do not count, and an array that is far longer
than it is high, [C, T], has its channels as rows. One of complex numbers, [T], is two channels, I and Q: the
real and the imaginary parts.
"""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.lib import format as npy

from freqjax.errors import UserError
from freqjax.system.files import creating
from freqjax.text import printable

# A file, or a member of an archive.
File = IO[bytes] | io.BufferedIOBase
# What numpy and zipfile raise, by where the damage lies.
BROKEN = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    RecursionError,
    MemoryError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
# More than any device records; a piece of so many is held at a time.
_MOST_CHANNELS = 1024
# Channels of an array of complex numbers.
IQ_NAMES = ("I", "Q")
# An array so many times as long as it is high has its channels as rows.
_WIDE = 10


class Head(NamedTuple):
    """An array's header.

    Attributes:
      samples, channels: T and C.
      dtype: of the numbers; of complex ones, that of their parts.
      by_channel: whether the channels lie one after another.
      offset: the header's own length, bytes.
      shape: as the file has it.
      is_complex: whether the channels are the parts of complex numbers.
    """

    samples: int
    channels: int
    dtype: np.dtype
    by_channel: bool
    offset: int
    shape: tuple[int, ...]
    is_complex: bool = False

    @property
    def written(self) -> np.dtype:
        """Return the type of the numbers in an output of the same format."""
        return self.dtype if self.dtype.kind == "f" else np.dtype(np.float32)

    @property
    def is_wide(self) -> bool:
        """Tell whether the channels are the rows of the array."""
        return (
            [n for n in self.shape if n > 1]
            == [self.channels, self.samples]
            != [
                self.samples,
                self.channels,
            ]
        )

    @property
    def note(self) -> str:
        """Say how a shape that could mean two things is read; empty where it cannot."""
        if not self.is_wide:
            return ""
        return f"shape {self.shape} is read as {self.channels} channels of {self.samples:,} samples"


class NpyRecording:
    """A `freqjax.recordings.Recording` in an .npy file."""

    layout = ".npy"
    sampling_rate: float | None = None
    rate_slack = 0.0

    def __init__(self, path: Path, field: str) -> None:
        """Read the header.

        Raises:
          UserError: no array of numbers [T] or [T, C], or a length that its header does not promise.
        """
        self.path, self._source = path, f"{field} is {path}"
        with path.open("rb") as file:
            self._head = read_head(file, path.stat().st_size, self._source)
        self.names = channel_names(self._head)
        self.samples: int | None = self._head.samples
        self.notes = (f"{path}: {self._head.note}",) if self._head.note else ()

    def chunks(self, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read the samples in order, [n, C] float64."""
        head = self._head
        with self.path.open("rb") as file:
            starts = channel_starts(head)
            parts = [_reader_from(file, start) for start in starts]
            yield from read_chunks(parts, head, size, self._source)

    @contextmanager
    def writer(self, path: Path, channels: Sequence[int] = ()) -> Iterator[ArrayWriter]:
        """Open a new file of an array [T], or [T, C] of `channels`."""
        assert self.samples is not None
        with creating(path) as file:
            yield begin_array(file, self._head, self.samples, channels)


class ArrayWriter:
    """A `freqjax.recordings.Writer` of the numbers of an array."""

    clipped = 0

    def __init__(self, file: File, dtype: np.dtype) -> None:
        """Write behind the header of an array of `dtype`."""
        self._file, self._dtype = file, dtype

    def write(self, samples: Float[np.ndarray, "n ..."]) -> None:
        """Append samples [n] or [n, C]."""
        self._file.write(samples.astype(self._dtype).tobytes())


def begin_array(file: File, head: Head, samples: int, channels: Sequence[int]) -> ArrayWriter:
    """Write the header of an array of T = `samples` samples, and return the writer of its numbers.

    It is [T] for one signal, [T, C] for `channels` if there are any, and [T] of complex numbers for both
    parts of those of the recording with header `head`.
    """
    if head.is_complex and len(channels) == len(IQ_NAMES):
        parts = head.written.newbyteorder("=")
        write_head(file, np.result_type(parts, np.complex64), (samples,))
        return ArrayWriter(file, parts)
    write_head(file, head.written, (samples, len(channels)) if channels else (samples,))
    return ArrayWriter(file, head.written)


def channel_names(head: Head) -> tuple[str, ...]:
    """Return names of the channels for people."""
    if head.is_complex:
        return IQ_NAMES
    return tuple(f"channel {c + 1}" for c in range(head.channels))


def read_head(file: File, length: int, source: str) -> Head:
    """Read the header of an array that takes `length` bytes with it, and no more.

    Raises:
      UserError: it is no array of numbers [T] or [T, C], of complex ones [T], or is not as long as it says.
    """
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except BROKEN as error:
        what = printable(" ".join(str(error).split())[:200].rstrip("."))
        raise UserError(f"{source}: it cannot be read as an array ({what}).") from None
    if dtype.hasobject:
        raise UserError(
            f"{source}: it holds {dtype}, not numbers: pickled objects are not loaded; save an array of "
            "floats."
        )
    if dtype.kind not in "fiubc":
        raise UserError(f"{source}: it holds {dtype}, not numbers.")
    promised = file.tell() + math.prod(shape) * dtype.itemsize
    head = _head(shape, fortran, dtype, file.tell(), source)
    if promised != length:
        raise UserError(f"{source}: its header promises {promised} bytes, and it has {length}.")
    return head


def _head(shape: tuple[int, ...], fortran: bool, dtype: np.dtype, offset: int, source: str) -> Head:
    axes = [n for n in shape if n != 1]
    if len(axes) > 2 or 0 in shape or any(n < 0 for n in shape):
        raise UserError(
            f"{source}: its shape is {shape}: it must be (samples,) or (samples, channels)."
        )
    samples, channels = (*axes, 1, 1)[:2]
    if dtype.kind == "c":
        if len(axes) > 1:
            raise UserError(
                f"{source}: it holds {dtype} and its shape is {shape}: complex numbers must be (samples,), "
                "one signal."
            )
        parts = np.real(np.empty(0, dtype)).dtype
        return Head(samples, len(IQ_NAMES), parts, False, offset, shape, is_complex=True)
    by_channel = fortran and channels > 1
    if channels >= _WIDE * samples and samples > 1:
        samples, channels, by_channel = channels, samples, not fortran
    if channels > _MOST_CHANNELS:
        raise UserError(
            f"{source}: its shape is {shape}: it must have at most {_MOST_CHANNELS} channels."
        )
    return Head(samples, channels, dtype, by_channel, offset, shape)


def write_head(file: File, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Write the header of an array in C order."""
    described = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, described)


def channel_starts(head: Head) -> list[int]:
    """Return where the numbers of each channel begin, bytes; one place where they are interleaved."""
    if not head.by_channel:
        return [head.offset]
    return [head.offset + c * head.samples * head.dtype.itemsize for c in range(head.channels)]


def read_chunks(
    parts: Sequence[Callable[[int], bytes]], head: Head, size: int, source: str
) -> Iterator[Float[np.ndarray, "n C"]]:
    """Read an array in chunks [n, C] float64 of at most `size` samples.

    Args:
      parts: each reads the next so many bytes of a channel, or of all where they are interleaved.
      head: of the array.
      size: samples of a chunk.
      source: of the array, for messages.

    Raises:
      UserError: it ends too early.
    """
    width = head.dtype.itemsize * (1 if head.by_channel else head.channels)
    for first in range(0, head.samples, size):
        count = min(size, head.samples - first)
        contents = [part(count * width) for part in parts]
        if any(len(content) < count * width for content in contents):
            raise UserError(f"{source}: it was cut while it was read.")
        with np.errstate(over="ignore"):
            values = np.frombuffer(b"".join(contents), head.dtype).astype(np.float64)
        if head.by_channel:
            yield values.reshape(head.channels, count).T
        else:
            yield values.reshape(count, head.channels)


def _reader_from(file: File, start: int) -> Callable[[int], bytes]:
    """Return what reads on from `start`, whoever else reads `file`."""
    place = start

    def read(size: int) -> bytes:
        nonlocal place
        file.seek(place)
        place += size
        return file.read(size)

    return read
