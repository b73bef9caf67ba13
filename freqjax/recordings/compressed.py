"""Sounds that libsndfile reads and writes: FLAC, Ogg and AIFF, by way of the package soundfile.

It is not needed for anything else, and comes with `pip install 'freqjax[audio]'`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError
from freqjax.system.files import creating

SUFFIXES = (".flac", ".ogg", ".aiff", ".aif")


class SoundRecording:
    """A `freqjax.recordings.Recording` in a file that libsndfile reads."""

    rate_slack = 0.0
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path, field: str) -> None:
        """Read the header.

        Raises:
          UserError: soundfile is not installed, or the file is damaged or holds no samples.
        """
        self.path, self._source = path, f"{field} is {path}"
        self._library = _library(self._source, path.suffix)
        with self._opened() as file:
            self._format, self._subtype = file.format, file.subtype
            self.layout = f"{file.format_info}, {file.subtype_info}"
            self.names = tuple(f"channel {c + 1}" for c in range(file.channels))
            self.sampling_rate: float | None = float(file.samplerate)
            self.samples: int | None = file.frames
        if not self.samples:
            raise UserError(f"{self._source}: it holds a header and no samples.")

    def chunks(self, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read the samples in order, [n, C] float64; whole numbers as fractions of full scale."""
        left = self.samples or 0
        with self._opened() as file:
            while left:
                samples = file.read(min(left, size), dtype="float64", always_2d=True)
                if not len(samples):
                    raise UserError(
                        f"{self._source}: its header promises {self.samples} samples, and {left} of them are "
                        "missing; it is cut, or damaged."
                    )
                left -= len(samples)
                yield samples

    @contextmanager
    def writer(self, path: Path, channels: Sequence[int] = ()) -> Iterator[_SoundWriter]:
        """Open a new file of one channel or of `channels`, of the same format and rate."""
        rate, count = round(self.sampling_rate or 0), max(1, len(channels))
        with (
            creating(path) as file,
            self._library.SoundFile(
                file, "w", rate, count, self._subtype, format=self._format
            ) as sound,
        ):
            yield _SoundWriter(sound, self._subtype)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            with self._library.SoundFile(str(self.path)) as file:
                yield file
        except (self._library.SoundFileError, RuntimeError) as error:
            what = " ".join(str(error).split()).rstrip(".")
            raise UserError(f"{self._source}: it cannot be read ({what}).") from None


class _SoundWriter:
    def __init__(self, file: Any, subtype: str) -> None:
        self._file, self.clipped = file, 0
        floats = subtype in ("FLOAT", "DOUBLE")
        bits = (
            int(subtype.rpartition("_")[2])
            if subtype.startswith("PCM_") and subtype[-1].isdigit()
            else 16
        )
        self._largest = np.inf if floats else 1 - 2.0 ** (1 - bits)

    def write(self, samples: Float[np.ndarray, "n ..."]) -> None:
        """Append samples [n] or [n, C], cut to full scale where the format holds no more."""
        samples = np.asarray(samples, np.float64)
        cut = np.clip(samples, -1 if np.isfinite(self._largest) else -np.inf, self._largest)
        self.clipped += int(np.count_nonzero(np.abs(samples - cut) > 1 - min(self._largest, 1.0)))
        self._file.write(cut)


def _library(source: str, suffix: str) -> ModuleType:
    try:
        return importlib.import_module("soundfile")
    except ImportError:
        raise UserError(
            f"{source}: a {suffix} needs the package soundfile: `pip install 'freqjax[audio]'` installs it, "
            "or `ffmpeg -i IN OUT.wav` makes a WAV of it."
        ) from None
    except OSError as error:  # the package without the library that it calls
        raise UserError(f"{source}: the package soundfile does not work here ({error}).") from None
