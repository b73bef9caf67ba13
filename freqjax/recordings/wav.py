"""WAV: RIFF files of integers of 8, 16, 24 or 32 bits, or floats of 32 or 64.

Integers are fractions of full scale: 2^(bits - 1) is 1 (8 bits are unsigned, 128 is 0). The format
is that of Microsoft's "Multiple Channel Audio Data and WAVE Files"; RF64, for files above 4 GiB, is not
supported.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError
from freqjax.system.files import replacing

_INTEGER, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_DEPTHS = {_INTEGER: (8, 16, 24, 32), _FLOAT: (32, 64)}


class Header(NamedTuple):
    """Description of the samples at the beginning of a file.

    Attributes:
      kind: 1 for integers, 3 for floats.
      channels, sampling_rate, bits: properties of the samples.
      offset, size: position of the samples, bytes.
    """

    kind: int
    channels: int
    sampling_rate: int
    bits: int
    offset: int
    size: int


class WavRecording:
    """Implementation of `freqjax.recordings.Recording` for a WAV file."""

    def __init__(self, path: Path, field: str) -> None:
        """Read the header.

        Raises:
          UserError: the file is not a WAV, its sample format is not supported, or it has no samples or fewer
            than its header states.
        """
        self.path, self._source = path, f"{field} is {path}"
        with path.open("rb") as file:
            self._header = _read_header(file, path.stat().st_size, self._source)
        header = self._header
        kind = "floats" if header.kind == _FLOAT else "whole numbers"
        self.layout = f"WAV, {header.bits}-bit {kind}"
        self.names = tuple(f"channel {c + 1}" for c in range(header.channels))
        self.sampling_rate: float | None = float(header.sampling_rate)
        self._frame = header.channels * header.bits // 8
        self.samples: int | None = header.size // self._frame

    def chunks(self, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read the samples in order, [n, C] float64; integers as fractions of full scale."""
        with self.path.open("rb") as file:
            file.seek(self._header.offset)
            left = self._header.size
            while left:
                content = file.read(min(left, size * self._frame))
                if not content:
                    raise UserError(f"{self._source}: it was cut while it was read.")
                left -= len(content)
                samples = _decode(content, self._header.kind, self._header.bits)
                yield samples.reshape(-1, self._header.channels)

    @contextmanager
    def writer(self, path: Path) -> Iterator[_WavWriter]:
        """Open a new file of one channel, of the same sample format, rate and length."""
        assert self.samples is not None
        size = self.samples * self._header.bits // 8
        with replacing(path) as file:
            file.write(head(self._header, self.samples, size))
            yield _WavWriter(file, self._header.kind, self._header.bits)
            file.write(b"\0" * (size % 2))


class _WavWriter:
    def __init__(self, file: IO[bytes], kind: int, bits: int) -> None:
        self._file, self._kind, self._bits, self.clipped = file, kind, bits, 0

    def write(self, samples: Float[np.ndarray, " n"]) -> None:
        """Append samples [n]; in integer formats they are rounded and clipped to full scale."""
        if self._kind == _FLOAT:
            self._file.write(samples.astype(f"<f{self._bits // 8}").tobytes())
            return
        full = 2.0 ** (self._bits - 1)
        rounded = np.rint(np.asarray(samples, np.float64) * full)
        whole = np.clip(rounded, -full, full - 1)
        self.clipped += int(np.count_nonzero(whole != rounded))
        self._file.write(_encode(whole.astype(np.int64), self._bits))


def _decode(content: bytes, kind: int, bits: int) -> Float[np.ndarray, " n"]:
    if kind == _FLOAT:
        return np.frombuffer(content, f"<f{bits // 8}").astype(np.float64)
    if bits == 8:
        return (np.frombuffer(content, np.uint8) - 128.0) / 128
    if bits == 24:
        # Three bytes become the upper three of four, which preserves the sign.
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0] / 2.0**31
    return np.frombuffer(content, f"<i{bits // 8}") / 2.0 ** (bits - 1)


def _encode(whole: np.ndarray, bits: int) -> bytes:
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    if bits == 24:
        return whole.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return whole.astype(f"<i{bits // 8}").tobytes()


def head(header: Header, samples: int, size: int) -> bytes:
    """Return the header of a file of one channel whose samples take `size` bytes."""
    width = header.bits // 8
    rate = header.sampling_rate
    form = struct.pack("<HHIIHH", header.kind, 1, rate, rate * width, width, header.bits)
    chunks = struct.pack("<4sI", b"fmt ", len(form)) + form
    if header.kind == _FLOAT:  # formats other than integers repeat their length
        form += struct.pack("<H", 0)
        chunks = struct.pack("<4sI", b"fmt ", len(form)) + form
        chunks += struct.pack("<4sII", b"fact", 4, samples)
    chunks += struct.pack("<4sI", b"data", size)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks) + size + size % 2, b"WAVE") + chunks


def _read_header(file: IO[bytes], length: int, source: str) -> Header:
    riff, _, wave = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    if riff in (b"RF64", b"BW64", b"RIFX"):
        raise UserError(f"{source}: it is {riff.decode()}; of WAV files only RIFF is read.")
    if (riff, wave) != (b"RIFF", b"WAVE"):
        raise UserError(f"{source}: it is no WAV file.")
    form = None
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            if form is None:
                raise UserError(f"{source}: its samples come before their format.")
            return _checked(form, file.tell(), size, length, source)
        if name == b"fmt ":
            form = file.read(size)
            file.seek(size % 2, 1)
        else:
            file.seek(size + size % 2, 1)
    raise UserError(f"{source}: it holds a header and no samples.")


def _checked(form: bytes, offset: int, size: int, length: int, source: str) -> Header:
    if len(form) < 16:
        raise UserError(f"{source}: its format takes {len(form)} bytes: it must take at least 16.")
    kind, channels, rate, _, frame, bits = struct.unpack("<HHIIHH", form[:16])
    if kind == _EXTENSIBLE and len(form) >= 26:
        (kind,) = struct.unpack("<H", form[24:26])
    if bits not in _DEPTHS.get(kind, ()):
        raise UserError(
            f"{source}: its samples are of kind {kind} with {bits} bits: they must be whole numbers "
            "(kind 1) of 8, 16, 24 or 32 bits, or floats (kind 3) of 32 or 64."
        )
    if not (channels and rate and frame == channels * bits // 8):
        raise UserError(
            f"{source}: {channels} channels of {bits} bits at {rate} Hz in frames of {frame} bytes "
            "make no sense; its header is damaged."
        )
    if size > length - offset or size % frame:
        raise UserError(
            f"{source}: its header promises {size} bytes of samples, in frames of {frame}, and "
            f"{length - offset} follow; it is cut, or was never finished."
        )
    if not size:
        raise UserError(f"{source}: it holds a header and no samples.")
    return Header(kind, channels, rate, bits, offset, size)
