"""What figures of extraction are drawn from: an evaluation, beside baselines and limits.

Axes: T time, B streams, F frequencies.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from freqjax.tasks.extraction.tones import ToneMetrics

ZERO_MSE = 0.5  # of predicting zero for a unit sine
GOAL_MSE = 0.01
EXCERPT_PERIODS = 3
WINDOWS = 40  # about as many as an error or a phase is followed through


class Baselines(NamedTuple):
    """What classical methods do on the same streams, and what is possible.

    Attributes:
        outputs: name -> [B, T], what a baseline puts out where the network does.
        bayes_mse: the least that anybody can have, mean over whole streams; None where unknown.
        linear_mmse: the least of a linear estimator that is not told the start, over whole streams.
        bayes_mse_per_frequency: [F] the least from sample `settled` on; None where unknown.
        settled: the first sample that counts when methods are compared frequency by frequency.
        bayes_over_time: numbers of samples seen, and the least MSE there; None where unknown or 0.
    """

    outputs: Mapping[str, np.ndarray]
    bayes_mse: float | None
    linear_mmse: float
    bayes_mse_per_frequency: Sequence[float] | None
    settled: int
    bayes_over_time: tuple[np.ndarray, np.ndarray] | None = None


class EvaluationRecord(NamedTuple):
    """What an evaluation with frozen weights hands over.

    Attributes:
        frequencies_hz: [F] the task's components, Hz.
        sampling_rate_hz: samples per second, Hz.
        mixture: [B, T] the noisy input S of each stream.
        targets: [B, T] the clean unit sine that each stream asks for.
        outputs: [B, T] what the network said; values that are not finite are allowed.
        selected: [B] int, which of frequencies_hz each stream asks for. Waveforms and spectra show
            the first stream of a frequency, error figures all of them.
        tones: [F] the numbers of each frequency, over its streams.
        baselines: of the same streams; None where there are none to compare with.
    """

    frequencies_hz: tuple[float, ...]
    sampling_rate_hz: float
    mixture: np.ndarray
    targets: np.ndarray
    outputs: np.ndarray
    selected: np.ndarray
    tones: tuple[ToneMetrics, ...]
    baselines: Baselines | None = None


def present_indices(record: EvaluationRecord) -> list[int]:
    """The frequencies that some stream asks for."""
    return sorted({int(index) for index in record.selected})


def first_stream(record: EvaluationRecord, index: int) -> int:
    """The stream of a frequency that waveforms and spectra show."""
    return int(np.argmax(record.selected == index))


def excerpt_slices(record: EvaluationRecord, index: int) -> list[slice]:
    """The first and last few periods, or all of a stream that is hardly longer."""
    samples = record.targets.shape[1]
    length = round(EXCERPT_PERIODS * record.sampling_rate_hz / record.frequencies_hz[index])
    if samples <= 2 * length:
        return [slice(0, samples)]
    return [slice(0, length), slice(samples - length, samples)]


def whole_periods(record: EvaluationRecord, index: int) -> int:
    """Samples of a window of whole periods, about a fortieth of the stream."""
    samples, period = (
        record.targets.shape[1],
        record.sampling_rate_hz / record.frequencies_hz[index],
    )
    return min(samples, round(period * max(1, round(samples / WINDOWS / period))))


def duration_s(record: EvaluationRecord) -> float:
    """How long a stream is, s."""
    return record.targets.shape[1] / record.sampling_rate_hz


def final_second(record: EvaluationRecord) -> slice:
    """Its samples, or all of a stream that is shorter."""
    samples = record.targets.shape[1]
    return slice(max(0, samples - round(record.sampling_rate_hz)), samples)


def mse_of(record: EvaluationRecord, index: int, cut: slice) -> float:
    """MSE over all streams of a frequency within some samples; nan where not finite."""
    streams = record.selected == index
    with np.errstate(over="ignore", invalid="ignore"):
        error = record.outputs[streams, cut].astype(np.float64) - record.targets[streams, cut]
        mse = float(np.mean(error**2))
    return mse if math.isfinite(mse) else math.nan
