"""The bytes of a WAV before its samples: RIFF and RF64, as programs write them and as the standards say.

Microsoft's "Multiple Channel Audio Data and WAVE Files" and EBU Tech 3306 (RF64). Programs that write to a
pipe cannot know the length and leave a mark in its place, and some recorders leave out the pad byte after a
chunk of odd length: both are read.
"""

from __future__ import annotations

import io
import struct
from typing import IO, NamedTuple

from freqjax.errors import UserError

File = IO[bytes] | io.BufferedIOBase

INTEGER, FLOAT, A_LAW, MU_LAW = 1, 3, 6, 7
_EXTENSIBLE = 0xFFFE
_DEPTHS = {INTEGER: (8, 16, 24, 32), FLOAT: (32, 64), A_LAW: (8,), MU_LAW: (8,)}
_WORDS = {INTEGER: "whole numbers", FLOAT: "floats", A_LAW: "A-law", MU_LAW: "mu-law"}
# What else a WAV may hold; a name helps to find a program that converts it.
_OTHERS = {
    0x02: "Microsoft ADPCM",
    0x11: "IMA ADPCM",
    0x31: "GSM 6.10",
    0x50: "MPEG audio",
    0x55: "MP3",
    0x161: "Windows Media Audio",
    0x2000: "AC-3",
}
_UNKNOWN_64 = 0xFFFFFFFF
# From here on a length that the file does not have is a mark: ffmpeg writes 0xFFFFFFFF, sox 0x7FFFF000,
# arecord 0x80000000, others the same less the bytes of a header.
_LEAST_MARK = 0x7FFF0000
_LARGEST_RIFF = 0xFFFFFFFF


class Header(NamedTuple):
    """The description of the samples that a file begins with.

    Attributes:
      kind: 1 for whole numbers, 3 for floats, 6 for A-law, 7 for μ-law.
      channels, sampling_rate, bits: of the samples.
      offset, size: where they lie, bytes.
      note: what was not as the standard says, in a sentence without a full stop; empty for nothing.
    """

    kind: int
    channels: int
    sampling_rate: int
    bits: int
    offset: int
    size: int
    note: str = ""

    @property
    def layout(self) -> str:
        """Return the format in words."""
        return f"WAV, {self.bits}-bit {_WORDS[self.kind]}"


def make(header: Header, channels: int, samples: int) -> bytes:
    """Make the bytes before T = `samples` samples of `channels` channels; RF64 where RIFF is too small."""
    width, rate = channels * header.bits // 8, header.sampling_rate
    size = samples * width
    form = struct.pack("<HHIIHH", header.kind, channels, rate, rate * width, width, header.bits)
    if header.kind != INTEGER:  # whatever is not whole numbers says how long it is, once more
        form += struct.pack("<H", 0)
    chunks = struct.pack("<4sI", b"fmt ", len(form)) + form
    if header.kind != INTEGER:
        chunks += struct.pack("<4sII", b"fact", 4, min(samples, _LARGEST_RIFF))
    whole = 4 + len(chunks) + 8 + size + size % 2
    if whole <= _LARGEST_RIFF:
        chunks += struct.pack("<4sI", b"data", size)
        return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + chunks
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, whole + 36, size, samples, 0)
    chunks = sizes + chunks + struct.pack("<4sI", b"data", _UNKNOWN_64)
    return struct.pack("<4sI4s", b"RF64", _UNKNOWN_64, b"WAVE") + chunks


def read(file: File, length: int, source: str) -> Header:
    """Read the header of a file of `length` bytes.

    Raises:
      UserError: no WAV, a kind of samples that is not read, no samples, or fewer than it promises.
    """
    riff, _, wave = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    if riff == b"RIFX":
        raise UserError(
            f"{source}: it is RIFX, with the high byte first; {_converted('it')} gives a WAV that is read."
        )
    if riff not in (b"RIFF", b"RF64", b"BW64") or wave != b"WAVE":
        raise UserError(f"{source}: it is no WAV file.")
    form, large, seen = None, None, []
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        seen.append(name.decode("ascii", "replace").strip())
        if name == b"data":
            if form is None:
                raise UserError(f"{source}: its samples come before their format.")
            if size == _UNKNOWN_64 and large is not None:
                size = large
            return _checked(form, file.tell(), *_extent(file, size, length, riff), length, source)
        if name == b"ds64" and riff != b"RIFF":
            large = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))[1]
            file.seek(size - 16, 1)
        elif name == b"fmt ":
            form = file.read(min(size, 1024))
            file.seek(size - len(form), 1)
        else:
            file.seek(size, 1)
        if size % 2:
            _skip_pad(file)
    found = f" (its chunks are {', '.join(seen[:8])})" if seen else ""
    raise UserError(f"{source}: it holds a header and no samples{found}.")


def _skip_pad(file: File) -> None:
    """Skip the byte after a chunk of odd length, unless the name of the next chunk begins there."""
    here = file.tell()
    following = file.read(4)
    unpadded = following[:1] != b"\0" and len(following) == 4 and _is_name(following)
    file.seek(here + (0 if unpadded else 1))


def _is_name(name: bytes) -> bool:
    return all(32 < byte < 127 for byte in name[:3]) and 32 <= name[3] < 127


def _extent(file: File, size: int, length: int, riff: bytes) -> tuple[int, str]:
    """Return how many bytes of samples there are, and what is to be said about it."""
    left = length - file.tell()
    unknown = size > left and size >= _LEAST_MARK and not (riff != b"RIFF" and size > 2**32)
    if size == 0 and left:
        unknown = not _ends_in_chunks(file, length)
    if not unknown:
        return size, ""
    return left, (
        f"its header states {size:,} bytes of samples, the mark of a length that was not known when it was "
        f"written: the {left:,} bytes to the end of the file are read"
    )


def _ends_in_chunks(file: File, length: int) -> bool:
    """Tell whether what follows are whole chunks up to the end of the file, and so no samples."""
    here = place = file.tell()
    while place + 8 <= length:
        file.seek(place)
        name, size = struct.unpack("<4sI", file.read(8))
        if not _is_name(name):
            break
        place += 8 + size + size % 2
    file.seek(here)
    return place in (length, length + 1)


def _checked(form: bytes, offset: int, size: int, note: str, length: int, source: str) -> Header:
    if len(form) < 16:
        raise UserError(f"{source}: its format takes {len(form)} bytes: it must take at least 16.")
    kind, channels, rate, _, frame, bits = struct.unpack("<HHIIHH", form[:16])
    if kind == _EXTENSIBLE and len(form) >= 26:
        (kind,) = struct.unpack("<H", form[24:26])
    if kind == INTEGER and channels and frame % channels == 0:
        # Samples of 12 or 20 bits fill the upper bits of whole bytes.
        width = frame // channels
        bits = 8 * width if 8 * (width - 1) < bits <= 8 * width else bits
    if bits not in _DEPTHS.get(kind, ()):
        raise UserError(_other_kind(kind, bits, source))
    if not (channels and rate and frame == channels * bits // 8):
        raise UserError(
            f"{source}: {channels} channels of {bits} bits at {rate} Hz in frames of {frame} bytes "
            "make no sense; its header is damaged."
        )
    if note:
        size -= size % frame  # whatever wrote it may have been stopped within a frame
    if size > length - offset or size % frame:
        raise UserError(
            f"{source}: its header promises {size} bytes of samples, in frames of {frame}, and "
            f"{length - offset} follow; it is cut, or was never finished."
        )
    if not size:
        raise UserError(f"{source}: it holds a header and no samples.")
    return Header(kind, channels, rate, bits, offset, size, note)


def _other_kind(kind: int, bits: int, source: str) -> str:
    named = _WORDS.get(kind) or _OTHERS.get(kind) or f"of kind {kind}"
    depth = f" of {bits} bits" if kind in _WORDS else ""
    return (
        f"{source}: its samples are {named}{depth}: they must be whole numbers of 8, 16, 24 or 32 bits, "
        f"floats of 32 or 64, mu-law or A-law; {_converted('it')} gives such a file."
    )


def _converted(what: str) -> str:
    return f"converting {what} with `ffmpeg -i IN.wav -c:a pcm_s16le OUT.wav`"
