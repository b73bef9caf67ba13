"""Findings of an extraction about every component of every channel, collected while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Inexact

from freqjax.deploy.extraction.gain import Gains
from freqjax.deploy.extraction.plan import Plan
from freqjax.deploy.extraction.reference import Reference
from freqjax.deploy.extraction.spectrum import Spectrum
from freqjax.deploy.extraction.strength import Piece
from freqjax.deploy.extraction.tracks import Row, Shown, Summary, Track
from freqjax.deploy.extraction.verdict import NearLine, Segments, Verdict


class Found(NamedTuple):
    """Component of a signal: of a channel, or with I/Q of two.

    Attributes:
      summary: of its line by stretches.
      verdict: how much of its line is left.
      near: spectra about the line.
      recording, component: whole spectra, frequencies and amplitudes.
      shown: a stretch for a figure; None of a recording that is shorter than half of one.
    """

    summary: Summary
    verdict: Verdict
    near: NearLine
    recording: tuple[np.ndarray, np.ndarray]
    component: tuple[np.ndarray, np.ndarray]
    shown: Shown | None


class Extracted(NamedTuple):
    """Result of an extraction.

    Attributes:
      samples: of the recording.
      known: levels of the training signals.
      gains: levels and gains of the signals.
      found: components, by channel and selection.
      clipped: samples that were clipped, of the components' files and of the residual's.
      seconds: of both passes.
    """

    samples: int
    known: Reference
    gains: Gains
    found: list[list[Found]]
    clipped: dict[str, int]
    seconds: float


class Finder:
    """Measurements of one component of one channel."""

    def __init__(self, planned: Plan, group: int) -> None:
        """Begin to measure component `group`."""
        task, rate = planned.task, planned.task.time.samples
        selected, every = task.selected_hz[group], task.selected_hz
        others = [hz for hz in every if hz != selected]
        samples = planned.recording.samples
        middle = None if samples is None else samples / planned.sampling_rate / 2
        self._track = Track(selected, rate, others, middle, task.detuning)
        self._segments = Segments(selected, rate, others, task.detuning)
        self._whole = [Spectrum(min(every), rate) for _ in range(2)]

    def add(
        self,
        recording: Inexact[np.ndarray, " n"],
        component: Inexact[np.ndarray, " n"],
        residual: Inexact[np.ndarray, " n"],
        output: Inexact[np.ndarray, " n"],
    ) -> Iterator[Row]:
        """Add samples [n], and yield the rows of stretches that are complete."""
        self._segments.add(recording, component, residual, output)
        for spectrum, samples in zip(self._whole, (recording, component), strict=True):
            spectrum.add(samples)
        yield from self._track.add(recording, component)

    def finish(self) -> Iterator[Row]:
        """Yield the rows that remain."""
        self._segments.finish()
        yield from self._track.finish()

    def found(self) -> Found:
        """Return what was found; `finish` has been called."""
        recording, component = (spectrum.amplitude() for spectrum in self._whole)
        return Found(
            summary=self._track.summary,
            verdict=self._segments.verdict(),
            near=self._segments.spectra(),
            recording=recording,
            component=component,
            shown=self._track.shown,
        )


class Finders:
    """Measurements of all C · G components."""

    def __init__(self, planned: Plan) -> None:
        """Begin to measure."""
        self._finders = [
            [Finder(planned, group) for group in planned.groups] for _ in planned.signals
        ]

    def add(self, piece: Piece) -> Iterator[tuple[int, int, Row]]:
        """Add samples, and yield places of channel and component, and rows."""
        residual = piece.signal - piece.components.sum(axis=2)
        for channel, group, finder in self._each():
            rows = finder.add(
                piece.signal[:, channel],
                piece.components[:, channel, group],
                residual[:, channel],
                piece.outputs[:, channel, group],
            )
            for row in rows:
                yield channel, group, row

    def finish(self) -> Iterator[tuple[int, int, Row]]:
        """Yield the rows that remain, as `add` does."""
        for channel, group, finder in self._each():
            for row in finder.finish():
                yield channel, group, row

    def found(self) -> list[list[Found]]:
        """Return what was found, by channel and component."""
        return [[finder.found() for finder in finders] for finders in self._finders]

    def _each(self) -> Iterator[tuple[int, int, Finder]]:
        for channel, finders in enumerate(self._finders):
            for group, finder in enumerate(finders):
                yield channel, group, finder
