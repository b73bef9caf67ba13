"""Extraction of a component from a recording: read, resample on request, run, write, chunk by chunk.

The output has the format, the sampling rate and the length of the input. The report tells how far the
output can be trusted: whether it depends on the recording at all, and whether the recording is as strong
as the training signals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from freqjax.deploy.component_stream import ComponentStream
from freqjax.deploy.spectrum import Spectrum
from freqjax.errors import UserError
from freqjax.recordings import Recording, choose_channel, open_recording, signal
from freqjax.recordings.resampling import ratio, resample
from freqjax.system import files
from freqjax.tasks import Extraction
from freqjax.text import printable

_CHUNK = 65_536
# Relative difference up to which rates are equal: a file may store few digits.
_SAME_RATE = 1e-6
# A rate that times tell may be off by more, but no rate that differs by more is called equal.
_MOST_SLACK = 1e-3
# Samples of a training signal that are enough to measure how the output depends on the input.
_PROBE_SAMPLES = 20_000
# Without the signal, the output of a clock changes by less than this share of its rms.
_INDEPENDENT = 0.2
# A signal whose rms differs from the training signals' by more than this factor is reported.
_LOUDER = 2.0


class Reference(NamedTuple):
    """Levels of the training data, and how the output depends on the input.

    Attributes:
      input_rms, output_rms: of the training signals and targets, in their units.
      dependence: rms change of the output when a training signal is replaced by silence, relative to the
        rms of the output.
    """

    input_rms: float
    output_rms: float
    dependence: float

    @property
    def is_clock(self) -> bool:
        """True if the output does not depend on the input."""
        return self.dependence < _INDEPENDENT


class Plan(NamedTuple):
    """An extraction whose flags and files have been checked.

    Attributes:
      recording, channel: the input.
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
    """Result of an extraction: samples, rms of input and output, clipped samples, duration in seconds."""

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
        raise UserError(f"--output is {path}: its folder does not exist.")
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
    slack = min(recording.rate_slack, _MOST_SLACK)
    if found is None or abs(found / wanted - 1) <= max(_SAME_RATE, slack):
        return Fraction(1)
    if not resampled:
        raise UserError(
            f"--input {recording.path} has {found:.9g} samples a second and the network was trained at "
            f"{wanted:.9g} (task.sampling_rate): --resample must be given to convert it to that rate."
        )
    return ratio(found, wanted, f"--input {recording.path}", slack)


def measure_reference(component: ComponentStream) -> Reference:
    """Run the network on a training signal and on silence of the same length."""
    task = component.task
    samples = min(task.samples, _PROBE_SAMPLES)
    blocks = task.sample(jax.random.key(0), samples)
    inputs = np.asarray(blocks.inputs["signal"])
    own = np.flatnonzero(np.asarray(blocks.group) == component.group)[0]
    component.restart()
    usual = component.advance(inputs[own, :, 0])
    component.restart()
    silent = component.advance(np.zeros(samples))
    component.restart()
    dependence = _rms(usual - silent) / max(_rms(usual), 1e-30)
    return Reference(_rms(inputs), _rms(blocks.targets), dependence)


def run(component: ComponentStream, planned: Plan, say: Callable[[str], None]) -> Extracted:
    """Extract as planned, write the file and the figure, and report.

    Raises:
      UserError: a sample is not a finite number; no file is left behind.
    """
    known = measure_reference(component)
    before, after = (_Meter(component.task) for _ in range(2))
    began = time.perf_counter()
    try:
        with planned.recording.writer(planned.output) as writer:
            count = 0
            for part in _extracted(component, planned, before, after):
                writer.write(part)
                count += len(part)
    except OSError as error:
        raise UserError(
            f"--output is {planned.output}: it cannot be written ({files.reason(error)})."
        ) from None
    seconds = time.perf_counter() - began
    done = Extracted(count, before.rms, after.rms, writer.clipped, seconds)
    for line in report(planned, component.task, component.group, known, done):
        say(printable(line))
    if planned.figure is not None:
        from freqjax.tasks.extraction import figures  # matplotlib takes most of a second to import

        spectra = before.spectrum.amplitude(), after.spectrum.amplitude()
        hz = component.task.selected_hz
        figures.extraction(*spectra, hz, component.group, not known.is_clock, planned.figure)
        say(f"figure: {planned.figure}")
    return done


def _extracted(
    component: ComponentStream, planned: Plan, before: _Meter, after: _Meter
) -> Iterator[np.ndarray]:
    """Yield the component at the recording's rate, as many samples as the recording has."""
    samples_read = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal samples_read
        for chunk in signal(planned.recording, planned.channel, _CHUNK, "--input"):
            samples_read += len(chunk)
            yield chunk

    def followed(chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chunk in chunks:
            before.add(chunk)
            outputs = component.advance(chunk)
            after.add(outputs)
            yield outputs

    written = 0
    back = 1 / planned.up_by_down
    for part in resample(followed(resample(counted(), planned.up_by_down)), back):
        # Resampling twice may add some samples at the end.
        kept = part[: samples_read - written]
        written += len(kept)
        yield kept


class _Meter:
    """Rms and spectrum of a signal that is added in chunks."""

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
    planned: Plan, task: Extraction, group: int, known: Reference, done: Extracted
) -> list[str]:
    """Describe the extraction and how far its output can be trusted, as lines."""
    recording, own_rate = planned.recording, planned.recording.sampling_rate
    rate = task.time.samples if own_rate is None else own_rate
    length = done.samples / rate
    lines = [
        f"{recording.path} ({recording.layout}, {recording.names[planned.channel]}): "
        f"{done.samples:,} samples, {length:.6g} s at {rate:.9g} Hz"
        + (", the rate of the network, since the file states none" if own_rate is None else ""),
        f"{task.group_names[group]}: {planned.output}, in {done.seconds:.2f} s, "
        f"{length / done.seconds:.3g} × real time",
        *recording.notes,
    ]
    if planned.up_by_down != 1:
        lines.append(f"processed at {task.time.samples:.9g} Hz, and resampled back")
    if known.is_clock:
        lines.append(
            "this network is a clock: its output does not depend on the input (silence in place of a "
            f"training signal changes it by {known.dependence:.1%}); its phase is right only if the "
            "recording begins as the training streams did"
        )
    else:
        lines.append(
            "the output of this network depends on the input: silence in place of a training signal changes "
            f"it by {known.dependence:.0%}; ignore the output before the network has found the phase"
        )
    if done.input_rms == 0:
        lines.append("the recording is silent: nothing can be extracted from it")
    elif not 1 / _LOUDER <= done.input_rms / known.input_rms <= _LOUDER:
        lines.append(
            f"the signal is unlike the training signals: its rms is {done.input_rms:.3g}, theirs "
            f"{known.input_rms:.3g}; scaling it by {known.input_rms / done.input_rms:.3g} makes them equal"
        )
    lines.append(
        f"the output has an rms of {done.output_rms:.3g}, the training targets {known.output_rms:.3g}: the "
        "network estimates the phase of the component, not its strength in the recording"
    )
    if done.clipped:
        lines.append(f"{done.clipped:,} samples were beyond full scale and were clipped to it")
    return lines


def _rms(values: np.ndarray | jax.Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
