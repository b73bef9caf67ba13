"""WAV: whole numbers of 8, 16, 24 or 32 bits, floats of 32 or 64, μ-law and A-law.

Whole numbers are fractions of full scale: 2^(bits - 1) is 1 (8 bits are unsigned, 128 is 0). What is written
is RIFF, or RF64 beyond 4 GiB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError
from freqjax.recordings import companding, wav_header
from freqjax.recordings.wav_header import A_LAW, FLOAT, INTEGER, MU_LAW, Header
from freqjax.system.files import creating

_TABLES = {MU_LAW: companding.MU_LAW, A_LAW: companding.A_LAW}


class WavRecording:
    """A `freqjax.recordings.Recording` in a WAV file."""

    rate_slack = 0.0

    def __init__(self, path: Path, field: str) -> None:
        """Read the header.

        Raises:
          UserError: no WAV, a kind of samples that is not read, no samples, or fewer than it promises.
        """
        self.path, self._source = path, f"{field} is {path}"
        with path.open("rb") as file:
            self._header = wav_header.read(file, path.stat().st_size, self._source)
        header = self._header
        self.layout = header.layout
        self.names = tuple(f"channel {c + 1}" for c in range(header.channels))
        self.sampling_rate: float | None = float(header.sampling_rate)
        self.notes = (f"{path}: {header.note}",) if header.note else ()
        self._frame = header.channels * header.bits // 8
        self.samples: int | None = header.size // self._frame

    def chunks(self, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read the samples in order, [n, C] float64; whole numbers as fractions of full scale."""
        with self.path.open("rb") as file:
            file.seek(self._header.offset)
            left = self._header.size
            while left:
                content = file.read(min(left, size * self._frame))
                if not content or len(content) % self._frame:
                    raise UserError(f"{self._source}: it was cut while it was read.")
                left -= len(content)
                samples = _decode(content, self._header.kind, self._header.bits)
                yield samples.reshape(-1, self._header.channels)

    @contextmanager
    def writer(self, path: Path, channels: Sequence[int] = ()) -> Iterator[_WavWriter]:
        """Open a new file of one channel or of `channels`, of the same sample format, rate and length."""
        assert self.samples is not None
        count = max(1, len(channels))
        with creating(path) as file:
            file.write(wav_header.make(self._header, count, self.samples))
            yield _WavWriter(file, self._header.kind, self._header.bits)
            file.write(b"\0" * (self.samples * count * self._header.bits // 8 % 2))


def write_channels(path: Path, channels: Float[np.ndarray, "T C"], sampling_rate: int) -> None:
    """Write C channels to a new WAV of floats of 32 bits; `sampling_rate` is in Hz.

    Raises:
      FileExistsError: there is something at `path`.
      OSError: it cannot be written.
    """
    samples, count = channels.shape
    header = Header(FLOAT, count, sampling_rate, 32, 0, 0)
    with creating(path) as file:
        file.write(wav_header.make(header, count, samples))
        file.write(np.ascontiguousarray(channels, "<f4").tobytes())


class _WavWriter:
    def __init__(self, file: IO[bytes], kind: int, bits: int) -> None:
        self._file, self._kind, self._bits, self.clipped = file, kind, bits, 0

    def write(self, samples: Float[np.ndarray, "n ..."]) -> None:
        """Append samples [n] or [n, C], rounded, and cut to full scale where they must be whole numbers."""
        samples = np.asarray(samples, np.float64).ravel()
        if self._kind == FLOAT:
            self._file.write(samples.astype(f"<f{self._bits // 8}").tobytes())
            return
        if self._kind != INTEGER:
            codes, beyond = companding.encode(samples, _TABLES[self._kind])
            self.clipped += beyond
            self._file.write(codes.tobytes())
            return
        full = 2.0 ** (self._bits - 1)
        rounded = np.rint(samples * full)
        whole = np.clip(rounded, -full, full - 1)
        self.clipped += int(np.count_nonzero(whole != rounded))
        self._file.write(_encode(whole.astype(np.int64), self._bits))


def _decode(content: bytes, kind: int, bits: int) -> Float[np.ndarray, " n"]:
    if kind == FLOAT:
        return np.frombuffer(content, f"<f{bits // 8}").astype(np.float64)
    if kind != INTEGER:
        return _TABLES[kind][np.frombuffer(content, np.uint8)]
    if bits == 8:
        return (np.frombuffer(content, np.uint8) - 128.0) / 128
    if bits == 24:
        # Three bytes become the upper three of four, so that the sign comes out right.
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
