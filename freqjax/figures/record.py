"""What figures are drawn from: an evaluation, and the rows of metrics.jsonl.

Axes: T time, B streams, F frequencies.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from freqjax.tasks.extraction.tones import ToneMetrics

ZERO_MSE = 0.5  # of predicting zero for a unit sine
GOAL_MSE = 0.01
EXCERPT_PERIODS = 3
WINDOWS = 40  # about as many as an error or a phase is followed through

Rows = Sequence[dict[str, Any]]


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


def some_rows(rows: Rows) -> Rows:
    """The rows.

    Raises:
        ValueError: if there are none.
    """
    if not rows:
        raise ValueError("there are no rows to draw")
    return rows


def field(rows: Rows, key: str, index: int | None = None) -> np.ndarray:
    """[rows] one field, or one entry of a list; nan where null, absent or not finite."""
    values = [row.get(key) for row in rows]
    if index is not None:
        values = [v[index] if v is not None and index < len(v) else None for v in values]
    numbers = np.array([math.nan if v is None else float(v) for v in values])
    return np.where(np.isfinite(numbers), numbers, np.nan)


def by_layer(rows: Rows, key: str) -> dict[str, np.ndarray]:
    """Layer -> [rows]."""
    layers = dict.fromkeys(layer for row in rows for layer in row.get(key) or {})
    flat = [row.get(key) or {} for row in rows]
    return {layer: field(flat, layer) for layer in layers}


def longest_horizon(rows: Rows) -> Rows:
    """The rows at the longest horizon; all of them where there is none."""
    horizons = [row.get("horizon_s") or 0.0 for row in rows]
    longest = max(horizons)
    return [row for row, horizon in zip(rows, horizons, strict=True) if horizon == longest]


def positive(values: np.ndarray) -> np.ndarray:
    """What a log axis can show; the rest is nan."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def last_known(values: np.ndarray) -> float:
    """The last value that was measured, nan if none was."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else math.nan


def widest_gap(moving: np.ndarray, frozen: np.ndarray) -> int | None:
    """Row with the largest frozen / prequential, None where they never stand side by side."""
    ratio = frozen / positive(moving)
    return int(np.nanargmax(ratio)) if np.isfinite(ratio).any() else None
