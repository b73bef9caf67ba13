"""Archives of arrays, .npz: what they hold, and recordings in them.

The signal is the array `S`, or the only one besides times (`t`, `time`, …) and a rate (`sampling_rate`,
`fs`, …). What is written is one array `S`, [T] or [T, C], and, where it is known, `sampling_rate`. Sizes are
compared before an array is read, and only arrays that are wanted are.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.lib import format as npy

from freqjax.errors import UserError
from freqjax.recordings import names, times
from freqjax.recordings.arrays import (
    BROKEN,
    ArrayWriter,
    Head,
    begin_array,
    channel_names,
    channel_starts,
    read_chunks,
    read_head,
)
from freqjax.recordings.rates import agreed
from freqjax.recordings.table import rises_evenly
from freqjax.system.files import creating
from freqjax.text import printable

_PIECE = 65_536
# No deflated member grows by more when it is unpacked.
_LARGEST_RATIO = 1032
# Numbers by which arrays are told apart.
_LOOKED_AT = 1000


class Archive:
    """An open .npz.

    Attributes:
      names: of the arrays that it holds, without .npy.
    """

    def __init__(self, file: zipfile.ZipFile, source: str) -> None:
        """Take the list of members; `source` names the archive in messages."""
        self._file, self._source = file, source
        self.names = [n.removesuffix(".npy") for n in file.namelist() if n.endswith(".npy")]

    def head(self, name: str) -> Head:
        """Read the header of an array.

        Raises:
          UserError: as `read_head`, or the member cannot be as long as it says.
        """
        source = self._of(name)
        member = self._file.getinfo(name + ".npy")
        packed, size = member.compress_size, member.file_size
        if member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            most = packed if member.compress_type == zipfile.ZIP_STORED else _LARGEST_RATIO * packed
            if size > most + _LARGEST_RATIO:
                raise UserError(f"{source}: its header promises {size} bytes, and it has {packed}.")
        with _damage(self._source), self._file.open(member) as file:
            return read_head(file, size, source)

    def is_numeric(self, name: str) -> bool:
        """Tell whether an array can be read: numbers, in one or two axes."""
        try:
            self.head(name)
        except UserError:
            return False
        return True

    def chunks(self, name: str, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read an array in chunks [n, C] float64 of at most `size` samples."""
        head = self.head(name)
        with _damage(self._source), ExitStack() as stack:
            files = []
            for start in channel_starts(head):
                files.append(stack.enter_context(self._file.open(name + ".npy")))
                files[-1].seek(start)
            yield from read_chunks([file.read for file in files], head, size, self._of(name))

    def whole(self, name: str) -> Float[np.ndarray, "T C"]:
        """Read an array [T, C] float64."""
        return np.concatenate(list(self.chunks(name, _PIECE)))

    def rate(self) -> names.Stated | None:
        """Return the rate that a number in the archive states.

        Raises:
          UserError: it is not one number above 0.
        """
        for name in self.names:
            if not names.is_rate(name):
                continue
            head = self.head(name)
            value = float(self.whole(name)[0, 0]) if head.samples * head.channels == 1 else np.nan
            rate = names.rate_of(name, value)
            if rate is None or not 0 < rate < np.inf:
                raise UserError(f"{self._source}: {name} must be one number above 0, Hz.")
            return names.Stated(name, rate)
        return None

    def time(self) -> str | None:
        """Return the name of the array of times, or None."""
        return next((n for n in self.names if names.seconds_per_unit(n) is not None), None)

    def measure(self, name: str, samples: int) -> times.Measured:
        """Measure the rate that the times `name` of T = `samples` samples tell.

        Raises:
          UserError: there is not one for every sample, or they do not rise evenly.
        """
        head = self.head(name)
        if head.channels > 1 or head.samples != samples or samples < 2:
            raise UserError(
                f"{self._source}: {name} has shape {head.shape}: it must be ({samples},), a time for every "
                "sample, of two samples at least."
            )
        beginning = next(self.chunks(name, _LOOKED_AT))[:, 0]
        unit = names.seconds_per_unit(name) or 1.0
        if not names.has_unit(name):
            unit = names.unit_of_size(float(beginning[0]))

        def read() -> Iterator[np.ndarray]:
            for chunk in self.chunks(name, _PIECE):
                yield chunk[:, 0]

        rounding = times.decimal_rounding(beginning)
        share = float(np.finfo(head.dtype).eps) if head.dtype.kind == "f" else 0.0
        shown = printable(name)
        return times.measure(read, rounding, self._source, shown, unit=unit, share=share)

    def _of(self, name: str) -> str:
        return f"{self._source}, array {printable(name)}"


@contextmanager
def open_archive(path: Path, source: str) -> Iterator[Archive]:
    """Open an .npz.

    Raises:
      UserError: it is damaged, or no .npz.
    """
    with path.open("rb") as raw:
        with _damage(source):
            file = zipfile.ZipFile(raw)
        with file:
            yield Archive(file, source)


@contextmanager
def _damage(source: str) -> Iterator[None]:
    """Turn whatever damage makes NumPy and zipfile raise into one sentence."""
    try:
        yield
    except BROKEN as error:
        what = printable(" ".join(str(error).split())[:200].rstrip("."))
        raise UserError(
            f"{source}: it cannot be read as an .npz ({what or type(error).__name__})."
        ) from None


class NpzRecording:
    """A `freqjax.recordings.Recording` in an .npz file."""

    layout = ".npz"

    def __init__(self, path: Path, field: str) -> None:
        """Read the headers and measure the rate that times tell.

        Raises:
          UserError: no archive, no signal or more than one in it, or uneven times.
        """
        self.path, self._source = path, f"{field} is {path}"
        with open_archive(path, self._source) as archive:
            self._name = self._choose(archive)
            self._head = archive.head(self._name)
            with zipfile.ZipFile(path) as file:
                self._packing = file.getinfo(self._name + ".npy").compress_type
            time, stated = archive.time(), archive.rate()
            measured = None if time is None else archive.measure(time, self._head.samples)
            self.sampling_rate, self.rate_slack = agreed(measured, stated, self._source)
            self.names = channel_names(self._head)
            self.samples: int | None = self._head.samples
            notes = [self._head.note] if self._head.note else []
            if stated is None and measured is not None:
                notes.append(measured.words(f"array {printable(time or '')}"))
            if stated is None and measured is None:
                notes.extend(self._unused(archive))
            self.notes = tuple(f"{path}, {note}" for note in notes)

    def chunks(self, size: int) -> Iterator[Float[np.ndarray, "n C"]]:
        """Read the samples in order, [n, C] float64."""
        with open_archive(self.path, self._source) as archive:
            yield from archive.chunks(self._name, size)

    @contextmanager
    def writer(self, path: Path, channels: Sequence[int] = ()) -> Iterator[ArrayWriter]:
        """Open a new file of an array S as `begin_array` makes it, packed as the recording's is.

        It has the rate if that is known.
        """
        assert self.samples is not None
        with creating(path) as file, zipfile.ZipFile(file, "w", self._packing) as archive:
            if self.sampling_rate is not None:
                with archive.open("sampling_rate.npy", "w") as member:
                    npy.write_array(member, np.array(self.sampling_rate), allow_pickle=False)
            with archive.open("S.npy", "w", force_zip64=True) as member:
                yield begin_array(member, self._head, self.samples, channels)

    def _choose(self, archive: Archive) -> str:
        """Return the name of the signal's array."""
        if "S" in archive.names:
            return "S"
        others = [
            n for n in archive.names if names.seconds_per_unit(n) is None and not names.is_rate(n)
        ]
        if len(others) != 1:  # text and settings may lie beside the signal
            others = [n for n in others if archive.is_numeric(n) and archive.head(n).samples > 1]
        if len(others) != 1:
            held = printable(", ".join(archive.names[:20])) or "nothing"
            raise UserError(
                f"{self._source}: it holds {held}: the signal must be named S, or be the only array besides "
                "t and sampling_rate."
            )
        return others[0]

    def _unused(self, archive: Archive) -> Iterator[str]:
        """Name arrays that may be times and are not used."""
        for name in archive.names[:100]:
            if name == self._name or not archive.is_numeric(name):
                continue
            head = archive.head(name)
            if head.channels > 1 or head.samples != self._head.samples:
                continue
            step = rises_evenly(next(archive.chunks(name, _LOOKED_AT))[:, 0])
            if step is not None:
                yield (
                    f"array {printable(name)}: it rises evenly, by {step:.6g} a sample, and is not used: if "
                    "it is time, name it t"
                )
