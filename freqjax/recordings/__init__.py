"""Recordings of signals in files; a table maps each suffix to a class with the interface of `Recording`."""

from collections.abc import Callable
from pathlib import Path

from freqjax.errors import UserError
from freqjax.recordings import compressed
from freqjax.recordings.archive import NpzRecording
from freqjax.recordings.arrays import NpyRecording
from freqjax.recordings.compressed import SoundRecording
from freqjax.recordings.recording import Recording, Writer, signal, signals
from freqjax.recordings.table import SUFFIXES as TEXT
from freqjax.recordings.text import CsvRecording
from freqjax.recordings.wav import WavRecording

_FORMATS: dict[str, Callable[[Path, str], Recording]] = {
    ".npz": NpzRecording,
    ".npy": NpyRecording,
    **dict.fromkeys(TEXT, CsvRecording),
    ".wav": WavRecording,
    ".wave": WavRecording,
    **dict.fromkeys(compressed.SUFFIXES, SoundRecording),
}


def open_recording(path: Path, field: str) -> Recording:
    """Open the recording in the file `path`: read and check its header, but not its samples yet.

    Args:
      path: a file of one of the formats.
      field: the flag or field that named the file, for error messages.

    Raises:
      UserError: the file is missing, of another kind, or damaged.
    """
    if path.suffix.lower() not in _FORMATS:
        *others, last = _FORMATS
        raise UserError(
            f"{field} is {path}: it must end in {', '.join(others)} or {last}; most other sounds become a "
            ".wav with `ffmpeg -i IN OUT.wav`."
        )
    require_file(path, field)
    return _FORMATS[path.suffix.lower()](path, field)


def require_file(path: Path, field: str) -> None:
    """Check that `path` is a file.

    Raises:
      UserError: there is none, or it is a folder or a device.
    """
    if path.is_dir():
        raise UserError(f"{field} is {path}: it is a folder, and must be a file.")
    if path.exists() and not path.is_file():
        raise UserError(f"{field} is {path}: it is a device or a pipe, and must be a file.")
    if not path.is_file():
        raise UserError(f"{field} is {path}: there is no such file.")


def choose_iq(recording: Recording, numbers: str | None, field: str) -> tuple[int, ...]:
    """Choose the channels of complex signals, I and Q of each after one another.

    They are the pair asked for, else those named I and Q, else both of two.

    Args:
      recording: what was opened.
      numbers: the channels I and Q, from 1, as written on the command line, such as 1,2; all, for pairs in
        the order of the file; or None.
      field: the flag that named the file.

    Raises:
      UserError: no such channels, or none were asked for and there are not two.
    """
    names = recording.names
    plain = [name.rpartition(" ")[2].lower() for name in names]
    named = tuple(plain.index(part) for part in ("i", "q") if part in plain)
    if len(names) < 2:
        raise UserError(
            f"{field} {recording.path} has one channel ({', '.join(names)}): it must have two, I and Q, or "
            "hold complex numbers, since the network reads I and Q."
        )
    if numbers is None and len(named) == 2:
        return named
    if (numbers is None and len(names) == 2) or (
        numbers is not None and numbers.lower() == "all" and len(names) % 2 == 0
    ):
        return tuple(range(len(names)))
    parts = [] if numbers is None else [part.strip() for part in numbers.split(",")]
    known = {str(number + 1): number for number in range(len(names))}
    if len(set(parts)) == 2 == len(parts) and set(parts) <= set(known):
        return tuple(known[part] for part in parts)
    given = "missing" if numbers is None else repr(numbers)
    whole = ", or all for pairs of them" if len(names) % 2 == 0 else ""
    raise UserError(
        f"--channel is {given}: it must be the numbers of I and Q, such as 1,2, among the {len(names)} "
        f"channels of {recording.path}{whole}, since the network reads I and Q."
    )


def choose_channels(recording: Recording, number: str | None, field: str) -> tuple[int, ...]:
    """Choose the channels to read: those asked for, else the column S, else the only one.

    Args:
      recording: what was opened.
      number: the channel, from 1, as written on the command line; all; or None.
      field: the flag that named the file.

    Raises:
      UserError: no such channel, or none was asked for and there are several.
    """
    names = recording.names
    if number is not None and number.lower() == "all":
        return tuple(range(len(names)))
    if number is None:
        if "column S" in names:
            return (names.index("column S"),)
        if len(names) == 1:
            return (0,)
        raise UserError(
            f"{field} {recording.path} has {len(names)} channels ({', '.join(names[:8])}): --channel must "
            f"say which, from 1 to {len(names)}, or all."
        )
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= len(names):
        raise UserError(
            f"--channel is {number!r}: it must be a whole number from 1 to {len(names)}, the channels of "
            f"{recording.path}, or all."
        )
    return (int(number) - 1,)


__all__ = [
    "CsvRecording",
    "NpyRecording",
    "NpzRecording",
    "Recording",
    "SoundRecording",
    "WavRecording",
    "Writer",
    "choose_channels",
    "choose_iq",
    "open_recording",
    "require_file",
    "signal",
    "signals",
]
