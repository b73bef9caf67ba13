"""Plan of an extraction: flags, files and names, checked before a sample is read or a file is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from freqjax.errors import UserError
from freqjax.recordings import Recording, choose_channels, choose_iq, open_recording
from freqjax.recordings.resampling import ratio
from freqjax.tasks.separation import Separates, signal_columns

# Relative difference up to which rates are equal: a file may store few digits.
_SAME_RATE = 1e-6
# A rate that times tell may be off by more, but no rate that differs by more is called equal.
_MOST_SLACK = 1e-3


class Plan(NamedTuple):
    """An extraction whose flags and files have been checked.

    Attributes:
      task: what the network was trained on.
      groups: indices of the selected components, G of them.
      recording: the input.
      channels: those that are read: C of them, or with I/Q 2 · C, I and Q of each signal.
      all_channels: whether a written file has all channels that are read rather than one signal.
      up_by_down: network's rate / recording's rate.
      gain: of the input; None for the one that makes its level that of the training signals.
      outputs: the files of the components, [G].
      residual: the file of what remains, or None.
      lines: the CSV of the lines by stretches.
      figures: the PNGs of the components, [G], or none.
    """

    task: Separates
    groups: tuple[int, ...]
    recording: Recording
    channels: tuple[int, ...]
    all_channels: bool
    up_by_down: Fraction
    gain: float | None
    outputs: tuple[Path, ...]
    residual: Path | None
    lines: Path
    figures: tuple[Path, ...]

    @property
    def written(self) -> tuple[Path, ...]:
        """Return all files that the extraction writes."""
        residual = () if self.residual is None else (self.residual,)
        return (*self.outputs, *residual, self.lines, *self.figures)

    @property
    def written_channels(self) -> tuple[int, ...]:
        """Return the channels that a written file has, in its order; none for one signal."""
        return tuple(sorted(self.channels)) if self.all_channels else ()

    @property
    def columns(self) -> int:
        """Return the number of channels of a signal: 1, or 2 for I/Q."""
        return signal_columns(self.task)

    @property
    def signals(self) -> tuple[int, ...]:
        """Return the channel of every signal, with I/Q that of I: C of them."""
        return self.channels[:: self.columns]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the C signals."""
        names = [self.recording.names[channel] for channel in self.channels]
        pairs = zip(*(names[first :: self.columns] for first in range(self.columns)), strict=True)
        return tuple(" and ".join(pair) for pair in pairs)

    @property
    def sampling_rate(self) -> float:
        """Return the rate of the recording, Hz; the network's if the file states none."""
        return self.recording.sampling_rate or self.task.time.samples


def plan(
    task: Separates,
    groups: Sequence[int],
    source: str | None,
    output: str | None,
    *,
    residual: str | None = None,
    channel: str | None = None,
    gain: str | None = None,
    resampled: bool = False,
    workdir: str | None = None,
    figures: bool = True,
) -> Plan:
    """Check everything that can be checked before a sample is read; write nothing.

    Raises:
      UserError: a flag is missing or does not match the others, the files or the task.
    """
    for flag, value in (("input", source), ("output", output)):
        if value is None:
            raise UserError(
                f"--{flag} is missing: it must name a file such as a .wav, .npy or .csv."
            )
    assert source is not None and output is not None
    factor = gain_of(gain)
    recording = open_recording(Path(source), "--input")
    path = _new_file(output, "--output", recording)
    remainder = None if residual is None else _new_file(residual, "--residual", recording)
    folder = path.parent if workdir is None else Path(workdir)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--workdir is {folder}: it is a file, and must be a folder.")
    names = [f"{task.selected_hz[group]:.9g}Hz" for group in groups]
    outputs = [path]
    if len(groups) > 1:
        outputs = [path.with_name(f"{path.stem}.{name}{path.suffix}") for name in names]
    iq = signal_columns(task) > 1
    channels = (choose_iq if iq else choose_channels)(recording, channel, "--input")
    found = Plan(
        task=task,
        groups=tuple(groups),
        recording=recording,
        channels=channels,
        all_channels=iq
        or (channel is not None and channel.lower() == "all" and len(recording.names) > 1),
        up_by_down=_rate_change(recording, task.time.samples, resampled),
        gain=factor,
        outputs=tuple(outputs),
        residual=remainder,
        lines=path.with_name(f"{path.stem}.lines.csv"),
        figures=tuple(folder / f"{file.stem}.spectra.png" for file in outputs) if figures else (),
    )
    _require_new(found, f"--output is {path}")
    return found


def gain_of(text: str | None) -> float | None:
    """Read the text of `--gain`; None stands for auto, which is the default.

    Raises:
      UserError: it is none of auto, none and a number above 0.
    """
    if text is None or text.lower() == "auto":
        return None
    if text.lower() == "none":
        return 1.0
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise UserError(f"--gain is {text!r}: it must be auto, none, or a number above 0.")
    return value


def _new_file(text: str, flag: str, recording: Recording) -> Path:
    """Return the path of a file that does not exist, in the format of the recording."""
    path = Path(text)
    if path.suffix.lower() != recording.path.suffix.lower():
        raise UserError(
            f"{flag} is {path}: it must end in {recording.path.suffix}, since it has the format of --input."
        )
    if path.exists():
        same = path.samefile(recording.path)
        raise UserError(
            f"{flag} is {path}: "
            + ("it is the --input." if same else "it exists already, and is left as it is.")
        )
    if not path.parent.is_dir():
        raise UserError(f"{flag} is {path}: its folder does not exist.")
    return path


def _require_new(found: Plan, source: str) -> None:
    """Require that no two files have the same name, and that none exists.

    Raises:
      UserError: one does, or exists.
    """
    places = [file.absolute() for file in found.written]
    for place, file in zip(places, found.written, strict=True):
        if places.count(place) > 1:
            raise UserError(
                f"--residual is {found.residual}: {file} is written as well, and must be another file."
            )
        if file.exists():
            raise UserError(
                f"{source}: {file}, which belongs to it, exists already, and is left as it is."
            )


def _rate_change(recording: Recording, wanted: float, resampled: bool) -> Fraction:
    found = recording.sampling_rate
    slack = min(recording.rate_slack, _MOST_SLACK)
    if found is None or abs(found / wanted - 1) <= max(_SAME_RATE, slack):
        return Fraction(1)
    if not resampled:
        raise UserError(
            f"--input {recording.path} has {found:.9g} samples a second and the network was trained at "
            f"{wanted:.9g} (task.sampling_rate): --resample must be given to convert it to that rate."
        )
    return ratio(found, wanted, f"--input {recording.path}", slack)
