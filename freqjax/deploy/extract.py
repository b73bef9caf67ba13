"""A component out of a recording: read, resampled where asked, listened to, written, chunk by chunk.

What goes out has the format, the rate and the length of what came in. The report says what the network
can be trusted with on this recording: whether it listens at all, and whether the signal is as strong as
those it was trained on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from freqjax.deploy.listener import Listener
from freqjax.deploy.spectrum import Spectrum
from freqjax.errors import UserError
from freqjax.recordings import Recording, choose_channel, open_recording, signal
from freqjax.recordings.resampling import ratio, resample
from freqjax.tasks import Extraction

_CHUNK = 65_536
# Rates this near, as a share, are the same: a file may keep but a few digits.
_SAME_RATE = 1e-6
# A training signal tells whether a network listens; so many samples of it are enough.
_PROBE_SAMPLES = 20_000
# Without the signal, the output of a clock changes by less than this share of its own rms.
_DEAF = 0.2
# Beyond this factor of the training signals' rms a signal is unlike them.
_LOUDER = 2.0


class Habits(NamedTuple):
    """What a network is used to, and what it does without a signal.

    Attributes:
      input_rms, output_rms: of the training signals and targets, in their units.
      dependence: how much the output changes where a training signal is replaced by silence, rms, as a
        share of the output's own.
    """

    input_rms: float
    output_rms: float
    dependence: float

    @property
    def is_clock(self) -> bool:
        """Whether the output does not depend on the input."""
        return self.dependence < _DEAF


class Plan(NamedTuple):
    """An extraction that was found possible.

    Attributes:
      recording, channel: what is listened to.
      up_by_down: network's rate / recording's rate.
      output: the file to write.
      figure: the PNG of the spectra, or None.
    """

    recording: Recording
    channel: int
    up_by_down: Fraction
    output: Path
    figure: Path | None


class Extracted(NamedTuple):
    """What was done, in numbers: samples, their rms before and after, and what the file cut off."""

    samples: int
    input_rms: float
    output_rms: float
    clipped: int
    seconds: float


def plan(
    task: Extraction,
    source: str | None,
    output: str | None,
    *,
    channel: str | None,
    resampled: bool,
    workdir: str | None,
    figures: bool,
) -> Plan:
    """Check everything that can be checked before a sample is read; nothing is written.

    Raises:
      UserError: a flag is missing or does not fit the others, the files or the task.
    """
    for flag, value in (("input", source), ("output", output)):
        if value is None:
            raise UserError(f"--{flag} is missing: it must name a .npz, .npy, .csv or .wav file.")
    assert source is not None and output is not None
    recording = open_recording(Path(source), "--input")
    path = Path(output)
    if path.suffix.lower() != recording.path.suffix.lower():
        raise UserError(
            f"--output is {path}: it must end in {recording.path.suffix}, since it has the format of --input."
        )
    if path.exists():
        same = path.samefile(recording.path)
        raise UserError(
            f"--output is {path}: "
            + ("it is the --input." if same else "it exists already, and is left as it is.")
        )
    if not path.parent.is_dir():
        raise UserError(f"--output is {path}: its folder is not there.")
    folder = path.parent if workdir is None else Path(workdir)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--workdir is {folder}: it is a file, and must be a folder.")
    return Plan(
        recording=recording,
        channel=choose_channel(recording, channel, "--input"),
        up_by_down=_rate_change(recording, task.time.samples, resampled),
        output=path,
        figure=folder / f"{path.stem}.spectra.png" if figures else None,
    )


def _rate_change(recording: Recording, wanted: float, resampled: bool) -> Fraction:
    found = recording.sampling_rate
    if found is None or abs(found / wanted - 1) <= _SAME_RATE:
        return Fraction(1)
    if not resampled:
        raise UserError(
            f"--input {recording.path} has {found:.9g} samples a second and the network was trained at "
            f"{wanted:.9g} (task.time.samples): --resample must be given to listen to it at that rate."
        )
    return ratio(found, wanted, f"--input {recording.path}")


def habits(listener: Listener) -> Habits:
    """Let the network hear a signal of its training, and then silence of the same length."""
    task = listener.task
    samples = min(task.samples, _PROBE_SAMPLES)
    blocks = task.sample(jax.random.key(0), samples)
    inputs = np.asarray(blocks.inputs["signal"])
    own = np.flatnonzero(np.asarray(blocks.group) == listener.group)[0]
    listener.restart()
    heard = listener.hear(inputs[own, :, 0])
    listener.restart()
    deaf = listener.hear(np.zeros(samples))
    listener.restart()
    return Habits(_rms(inputs), _rms(blocks.targets), _rms(heard - deaf) / max(_rms(heard), 1e-30))


def run(listener: Listener, planned: Plan, say: Callable[[str], None]) -> Extracted:
    """Extract as planned, write the file and the figure, and report.

    Raises:
      UserError: a sample that is not a finite number; then nothing is left behind.
    """
    known = habits(listener)
    before, after = (_Meter(listener.task) for _ in range(2))
    began = time.perf_counter()
    try:
        with planned.recording.writer(planned.output) as writer:
            count = 0
            for part in _extracted(listener, planned, before, after):
                writer.write(part)
                count += len(part)
    except OSError as error:
        raise UserError(
            f"--output is {planned.output}: it cannot be written ({error.strerror})."
        ) from None
    seconds = time.perf_counter() - began
    done = Extracted(count, before.rms, after.rms, writer.clipped, seconds)
    for line in report(planned, listener.task, listener.group, known, done):
        say(line)
    if planned.figure is not None:
        from freqjax.tasks.extraction import figures  # matplotlib takes most of a second to import

        spectra = before.spectrum.amplitude(), after.spectrum.amplitude()
        hz = listener.task.selected_hz
        figures.extraction(*spectra, hz, listener.group, not known.is_clock, planned.figure)
        say(f"figure: {planned.figure}")
    return done


def _extracted(
    listener: Listener, planned: Plan, before: _Meter, after: _Meter
) -> Iterator[np.ndarray]:
    """The component at the recording's rate, as many samples as the recording has."""
    came = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal came
        for chunk in signal(planned.recording, planned.channel, _CHUNK, "--input"):
            came += len(chunk)
            yield chunk

    def followed(chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chunk in chunks:
            before.add(chunk)
            outputs = listener.hear(chunk)
            after.add(outputs)
            yield outputs

    went = 0
    back = 1 / planned.up_by_down
    for part in resample(followed(resample(counted(), planned.up_by_down)), back):
        # There and back may end some samples later than it began.
        kept = part[: came - went]
        went += len(kept)
        yield kept


class _Meter:
    """The rms and the spectrum of what passes by."""

    def __init__(self, task: Extraction) -> None:
        self.spectrum = Spectrum(min(task.selected_hz), task.time.samples)
        self._sum, self._count = 0.0, 0

    def add(self, samples: np.ndarray) -> None:
        self.spectrum.add(samples)
        self._sum += float(np.sum(np.square(samples, dtype=np.float64)))
        self._count += len(samples)

    @property
    def rms(self) -> float:
        return (self._sum / max(self._count, 1)) ** 0.5


def report(
    planned: Plan, task: Extraction, group: int, known: Habits, done: Extracted
) -> list[str]:
    """What was done, and what is to be thought of it."""
    recording, told = planned.recording, planned.recording.sampling_rate
    rate = task.time.samples if told is None else told
    length = done.samples / rate
    lines = [
        f"{recording.path} ({recording.layout}, {recording.names[planned.channel]}): "
        f"{done.samples:,} samples, {length:.6g} s at {rate:.9g} Hz"
        + (", the rate of the network, since the file tells none" if told is None else ""),
        f"{task.group_names[group]}: {planned.output}, in {done.seconds:.2f} s, "
        f"{length / done.seconds:.3g} × real time",
    ]
    if planned.up_by_down != 1:
        lines.append(f"listened to at {task.time.samples:.9g} Hz, and resampled back")
    if known.is_clock:
        lines.append(
            "this network is a clock: its output does not depend on the input (silence in place of a "
            f"training signal changes it by {known.dependence:.1%}); its phase is right only where the "
            "recording begins as its training streams did"
        )
    else:
        lines.append(
            "this network listens: silence in place of a training signal changes its output by "
            f"{known.dependence:.0%}; what it puts out before it has found the phase means nothing"
        )
    if done.input_rms == 0:
        lines.append("the recording is silent: nothing can have been extracted from it")
    elif not 1 / _LOUDER <= done.input_rms / known.input_rms <= _LOUDER:
        lines.append(
            f"the signal is unlike its training: its rms is {done.input_rms:.3g} and there it was "
            f"{known.input_rms:.3g}; a signal scaled by {known.input_rms / done.input_rms:.3g} would fit"
        )
    lines.append(
        f"the output has an rms of {done.output_rms:.3g}, in training {known.output_rms:.3g}: what was "
        "taught is the phase, and how strong the component is in the recording it does not say"
    )
    if done.clipped:
        lines.append(f"{done.clipped:,} samples were beyond full scale and were cut to it")
    return lines


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
