"""Data of the figures of extraction: an evaluation, with baselines and limits.

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
WINDOWS = 40  # approximate number of windows of an error or a phase over time


class Baselines(NamedTuple):
    """Outputs of classical methods on the same streams, and the least possible errors.

    Attributes:
        outputs: name -> [B, T], a baseline's output at each sample.
        bayes_mse: the least MSE of any estimator, mean over whole streams; None if unknown.
        linear_mmse: the least MSE of a linear estimator without knowledge of the start, over whole streams;
            None if unknown.
        bayes_mse_per_frequency: [F] the least MSE from sample `settled` on; None if unknown.
        settled: the first sample that counts when methods are compared per frequency.
        bayes_over_time: numbers of samples seen, and the least MSE there; None if unknown or 0.
    """

    outputs: Mapping[str, np.ndarray]
    bayes_mse: float | None
    linear_mmse: float | None
    bayes_mse_per_frequency: Sequence[float] | None
    settled: int
    bayes_over_time: tuple[np.ndarray, np.ndarray] | None = None


class EvaluationRecord(NamedTuple):
    """Data of an evaluation with frozen weights.

    Attributes:
        frequencies_hz: [F] the task's components, Hz.
        sampling_rate_hz: samples per second, Hz.
        mixture: [B, T] the noisy input S of each stream.
        targets: [B, T] the clean unit sine of the selected component.
        outputs: [B, T] outputs of the network; values that are not finite are allowed.
        selected: [B] int, index into frequencies_hz of the selected component. Waveforms and spectra
            show the first stream of a frequency, error figures all of them.
        tones: [F] the metrics of each frequency, over its streams.
        baselines: of the same streams; None if there are none.
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
    """Return the indices of the frequencies that at least one stream selects."""
    return sorted({int(index) for index in record.selected})


def first_stream(record: EvaluationRecord, index: int) -> int:
    """Return the stream of a frequency that waveforms and spectra show."""
    return int(np.argmax(record.selected == index))


def excerpt_slices(record: EvaluationRecord, index: int) -> list[slice]:
    """Return slices of the first and last few periods, or of the whole stream if it is hardly longer."""
    samples = record.targets.shape[1]
    length = round(EXCERPT_PERIODS * record.sampling_rate_hz / record.frequencies_hz[index])
    if samples <= 2 * length:
        return [slice(0, samples)]
    return [slice(0, length), slice(samples - length, samples)]


def whole_periods(record: EvaluationRecord, index: int) -> int:
    """Return the samples of a window of whole periods, about a fortieth of the stream."""
    samples, period = (
        record.targets.shape[1],
        record.sampling_rate_hz / record.frequencies_hz[index],
    )
    return min(samples, round(period * max(1, round(samples / WINDOWS / period))))


def duration_s(record: EvaluationRecord) -> float:
    """Return the duration of a stream, s."""
    return record.targets.shape[1] / record.sampling_rate_hz


def final_second(record: EvaluationRecord) -> slice:
    """Return the slice of the last second, or of a whole stream that is shorter."""
    samples = record.targets.shape[1]
    return slice(max(0, samples - round(record.sampling_rate_hz)), samples)


def mse_of(record: EvaluationRecord, index: int, cut: slice) -> float:
    """Compute the MSE over all streams of a frequency within `cut`; nan if not finite."""
    streams = record.selected == index
    with np.errstate(over="ignore", invalid="ignore"):
        error = record.outputs[streams, cut].astype(np.float64) - record.targets[streams, cut]
        mse = float(np.mean(error**2))
    return mse if math.isfinite(mse) else math.nan
