"""An extraction from start to report: level, network, strength, measurements, files, figures.

The recording is read twice: once for its level, and once to extract, when all files are written at once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from jaxtyping import Inexact

from freqjax import progress
from freqjax.deploy.component_stream import ComponentStreams
from freqjax.deploy.extraction import gain
from freqjax.deploy.extraction.found import Extracted, Finders, Found
from freqjax.deploy.extraction.gain import Gains
from freqjax.deploy.extraction.numbers import columns_of, numbers_of
from freqjax.deploy.extraction.plan import Plan
from freqjax.deploy.extraction.reference import measure_reference
from freqjax.deploy.extraction.report import report
from freqjax.deploy.extraction.strength import Fitted, Piece, Scaled, Strength
from freqjax.deploy.extraction.tracks import Row
from freqjax.deploy.extraction.writing import writing
from freqjax.figures.attempt import attempt
from freqjax.recordings.resampling import resample
from freqjax.text import printable


def run(
    streams: ComponentStreams,
    planned: Plan,
    say: Callable[[str], None],
) -> Extracted:
    """Extract as planned, write the files and the figures, and report.

    Args:
      streams: of the task, groups and channels of the plan.
      planned: the extraction.
      say: told the report, line by line.

    Raises:
      UserError: a sample is not a finite number, or a file cannot be written; no file is left behind.
    """
    with progress.phase("measuring the network"):
        known = measure_reference(streams)
    began, total = time.perf_counter(), planned.recording.samples
    with progress.phase("measuring the level", total, unit="samples") as measuring:
        gains = gain.measure(planned, known, measuring.advance)
    finders = Finders(planned)
    with (
        progress.phase("extracting", total, unit="samples") as extracting,
        writing(planned) as files,
    ):

        def measured(pieces: Iterable[Piece]) -> Iterator[Inexact[np.ndarray, "n C G"]]:
            for piece in pieces:
                for channel, place, row in finders.add(piece):
                    note_row(channel, place, row)
                yield piece.components

        def note_row(channel: int, place: int, row: Row) -> None:
            selected = planned.task.selected_hz[planned.groups[place]]
            files.table.add(planned.signals[channel] + 1, selected, row)

        held = _Held(gain.read(planned, extracting.advance))
        pieces = _pieces(streams, planned, gains, held)
        back = 1 / planned.up_by_down
        for components in resample(measured(pieces), back):
            # Resampling twice may add some samples at the end.
            recording = held.take(len(components))
            files.write(recording, components[: len(recording)])
        for channel, place, row in finders.finish():
            note_row(channel, place, row)
        clipped = files.clipped
    seconds = time.perf_counter() - began
    named = {str(path): count for path, count in clipped.items()}
    with progress.phase("measuring the lines"):
        found = finders.found()
    done = Extracted(held.count, known, gains, found, named, seconds)
    for line in report(planned, done):
        say(printable(line))
    _draw(planned, done, say)
    return done


def _pieces(
    streams: ComponentStreams, planned: Plan, gains: Gains, recording: Iterable[np.ndarray]
) -> Iterator[Piece]:
    """Yield the components at the network's rate, with the recording and the outputs beside them."""
    task = planned.task
    strength: Strength
    if task.true_strength:
        strength = Scaled(gains.factors)
    else:
        strength = Fitted([task.selected_hz[g] for g in planned.groups], task.time.samples)
    for chunk in resample(recording, planned.up_by_down):
        columns = columns_of((chunk - gains.offsets) * gains.factors)
        yield from strength.add(chunk, numbers_of(streams.process(columns)))
    yield from strength.finish()


class _Held:
    """Chunks of a recording on their way, which are kept until their components are known."""

    def __init__(self, chunks: Iterable[Inexact[np.ndarray, "n C"]]) -> None:
        self._chunks, self._parts = chunks, deque()
        self.count = 0

    def __iter__(self) -> Iterator[Inexact[np.ndarray, "n C"]]:
        for chunk in self._chunks:
            self.count += len(chunk)
            self._parts.append(chunk)
            yield chunk

    def take(self, count: int) -> Inexact[np.ndarray, "n C"]:
        """Return the next `count` samples, or fewer at the end."""
        parts = []
        while count and self._parts:
            part = self._parts.popleft()
            if len(part) > count:
                self._parts.appendleft(part[count:])
                part = part[:count]
            parts.append(part)
            count -= len(part)
        return np.concatenate(parts) if parts else np.zeros((0, 1))


def _draw(planned: Plan, done: Extracted, say: Callable[[str], None]) -> None:
    if not planned.figures:
        return
    from freqjax.tasks.extraction import figures  # matplotlib takes most of a second to import

    task = planned.task
    drawn = list(enumerate(zip(planned.groups, planned.figures, strict=True)))
    for place, (group, path) in progress.each("figures", drawn):
        channel = _worst([found[place] for found in done.found])
        found = done.found[channel][place]
        shown = found.shown
        name = planned.names[channel]
        source = "a clock that does not depend on the recording" if done.known.is_clock else ""
        drawing = figures.Drawn(
            selected_hz=task.selected_hz[group],
            others_hz=tuple(hz for hz in task.selected_hz if hz != task.selected_hz[group]),
            colour_index=group,
            verdict=found.verdict.words,
            stands=found.verdict.stands,
            source=source,
            channel=name if len(planned.signals) > 1 else "",
            unit=task.time.name,
            sampling_rate=task.time.samples,
            begin=0.0 if shown is None else shown.begin,
            waveforms=None
            if shown is None
            else (np.real(shown.recording), np.real(shown.component)),
            part="" if planned.columns == 1 else "I of ",
            recording=found.recording,
            component=found.component,
            near=found.near,
            found_hz=found.summary.hz,
        )
        if attempt(lambda drawing=drawing, path=path: [figures.extraction(drawing, path)], say):
            say(printable(f"figure: {path}"))


def _worst(found: list[Found]) -> int:
    """Return the channel with a line of which most is left; the first if none has a line."""
    left = [part.verdict.left if part.verdict.stands else -1.0 for part in found]
    return int(np.argmax(left))
