"""Metrics of a network's output against a clean sine, one frequency at a time.

Pure NumPy in float64. Axes: B streams, T samples. Every metric is a finite float or None, so that a record
of them is valid JSON; None means that the metric is undefined for this output.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

# A tone must explain at least this share of the output's variance,
TONE_SHARE = 0.1
# and more than the strongest line of white noise does, except with this probability.
FALSE_TONE_PROBABILITY = 1e-3
# Fewer cycles than this in a stream are indistinguishable from a drift.
FEWEST_CYCLES = 2
# Phase is measured over at most this many windows of at least this many samples.
MOST_PHASE_WINDOWS, SHORTEST_PHASE_WINDOW = 64, 32
# SI-SDR beyond the resolution of a float64 is reported as this many decibels, either way.
SI_SDR_LIMIT_DB = -20 * math.log10(float(np.finfo(np.float64).eps))

# Streams of the same length, which the public functions below check; and a single stream.
Blocks = Float[np.ndarray, "B T"]
Stream = Float[np.ndarray, " T"]


class ToneMetrics(NamedTuple):
    """Metrics of one selected frequency over its B streams of T samples; no arrays.

    mse, mae, r2, correlation and si_sdr_db treat the [B, T] samples as one signal, so that a failed
    stream among good ones counts. The other three are means over the streams; frequency_error_mhz
    and phase_drift_rad are means over the streams for which they are defined, and None if those are
    fewer than half.

    Attributes:
        mse: mean of (output − target)².
        mae: mean of |output − target|.
        r2: 1 − Σ(output − target)² / Σ(target − mean of the target)². Predicting zero scores 0.
        correlation: Pearson's; None if output or target is constant.
        si_sdr_db: scale-invariant signal-to-distortion ratio, dB (Le Roux et al., "SDR – half-baked
            or well done?", ICASSP 2019, eq. 5): 10 log10(‖αs‖² / ‖αs − ŝ‖²), α = ŝᵀs / ‖s‖².
            It ignores the amplitude: an output of 0.001 times the target is perfect, so that it is
            always reported beside the mse. Limited to ±313 dB; None for a constant output.
        amplitude_ratio: amplitude of the output at the target's frequency (least squares on sine,
            cosine and a constant over the whole stream) over the target's. A constant output
            scores 0. A tone off by k/duration Hz, k a whole number, scores 0 as well at any
            amplitude: read it beside frequency_error_mhz. None below one period.
        frequency_error_mhz: frequency of the strongest tone in the output minus the target's,
            millihertz. None if the stream holds fewer than two of the target's periods, or no
            tone explains a tenth of the output's power (more in short streams, in which noise alone
            has lines: Fisher 1929).
        phase_drift_rad: change of the output's phase relative to the target's from the start to
            the end of the stream, radians, positive if the output leads: Theil–Sen slope of the
            unwrapped phase over whole-period windows, times the duration. None without a tone, or
            if the strongest tone is so far off (at most a quarter of the target's frequency) that
            its phase cannot be unwrapped.
    """

    mse: float | None
    mae: float | None
    r2: float | None
    correlation: float | None
    si_sdr_db: float | None
    amplitude_ratio: float | None
    frequency_error_mhz: float | None
    phase_drift_rad: float | None


def tone_metrics(
    outputs: np.ndarray, targets: np.ndarray, frequency_hz: float, sampling_rate_hz: float
) -> ToneMetrics:
    """Compare the outputs for one selected frequency with its clean sine.

    Args:
      outputs: [B, T] of the network. One value that is not finite makes every metric None: a mean
        over the rest would hide the failure, and infinity is not valid JSON.
      targets: [B, T] unit sines of frequency_hz; each stream may start at its own phase.
      frequency_hz: the selected frequency, Hz.
      sampling_rate_hz: samples per second, Hz.

    Returns:
      The eight metrics, each a finite float or None.

    Raises:
      ValueError: if the arrays are not both [B, T] with B, T ≥ 1, a target is not finite, or
        the frequency does not lie between 0 and half the sampling rate.
    """
    outputs, targets = _paired(outputs, targets)
    if not np.isfinite(targets).all():
        raise ValueError("targets must be finite")
    if not 0 < frequency_hz < sampling_rate_hz / 2:
        raise ValueError(
            f"frequency_hz = {frequency_hz} must lie between 0 and half of "
            f"sampling_rate_hz = {sampling_rate_hz}"
        )
    if not np.isfinite(outputs).all():
        return ToneMetrics(None, None, None, None, None, None, None, None)
    # Squares of a finite but diverged output may overflow; _finite then returns None.
    with np.errstate(over="ignore", invalid="ignore"):
        error = outputs - targets
        tones = [_strongest_tone_hz(stream, sampling_rate_hz) for stream in outputs]
        cycles = outputs.shape[1] * frequency_hz / sampling_rate_hz
        if cycles < FEWEST_CYCLES:
            tones = [None] * len(tones)
        errors_hz = [None if tone is None else tone - frequency_hz for tone in tones]
        drifts = [
            _phase_drift_rad(output, target, error_hz, frequency_hz, sampling_rate_hz)
            for output, target, error_hz in zip(outputs, targets, errors_hz, strict=True)
        ]
        frequency_error_hz = _mean_of_most(errors_hz)
        return ToneMetrics(
            mse=_finite(np.mean(error**2)),
            mae=_finite(np.mean(np.abs(error))),
            r2=_r2(error, targets),
            correlation=_correlation(outputs, targets),
            si_sdr_db=_si_sdr_db(outputs, targets),
            amplitude_ratio=_amplitude_ratio(outputs, targets, frequency_hz, sampling_rate_hz),
            frequency_error_mhz=None if frequency_error_hz is None else 1e3 * frequency_error_hz,
            phase_drift_rad=_mean_of_most(drifts),
        )


def mse_over_time(outputs: np.ndarray, targets: np.ndarray, window: int) -> Float[np.ndarray, " W"]:
    """Compute the mean squared error in consecutive windows, over all streams.

    Args:
      outputs: [B, T].
      targets: [B, T].
      window: samples in a window; a whole number of periods keeps the zero predictor at 0.5.

    Returns:
      [T // window]; the samples left over at the end are dropped. A window that holds a value
      that is not finite is itself not finite.

    Raises:
      ValueError: if the arrays are not both [B, T], or window is not in 1 … T.
    """
    outputs, targets = _paired(outputs, targets)
    streams, samples = outputs.shape
    if not 1 <= window <= samples:
        raise ValueError(f"window = {window} must be in 1 … T = {samples}")
    count = samples // window
    with np.errstate(over="ignore", invalid="ignore"):
        squared = (outputs - targets)[:, : count * window] ** 2
        return squared.reshape(streams, count, window).mean(axis=(0, 2))


def phase_over_time(
    outputs: np.ndarray,
    targets: np.ndarray,
    frequency_hz: float,
    sampling_rate_hz: float,
    window: int,
    least_amplitude: float = 0.1,
) -> Float[np.ndarray, "B W"]:
    """Measure the phase of each output relative to its target in windows, unwrapped along time.

    Args:
      outputs: [B, T].
      targets: [B, T] sines of frequency_hz.
      frequency_hz: Hz.
      sampling_rate_hz: samples per second, Hz.
      window: samples in a window, a whole number of periods. A phase that changes by half a turn
        or more from one window to the next is unwrapped wrongly.
      least_amplitude: of the output at frequency_hz, relative to the target's; the phase of a
        weaker output is undefined.

    Returns:
      [B, T // window], rad, positive if the output leads; the samples left over at the end are
      dropped. nan if a window holds a value that is not finite, or its amplitude is too small.

    Raises:
      ValueError: if the arrays are not both [B, T], or window is not in 4 … T.
    """
    outputs, targets = _paired(outputs, targets)
    streams, samples = outputs.shape
    if not 4 <= window <= samples:
        raise ValueError(f"window = {window} must be in 4 … T = {samples}")
    count = samples // window
    output_phasors, target_phasors = (
        _phasors(
            np.where(np.isfinite(signal), signal, 0.0)[:, : count * window].reshape(-1, window),
            frequency_hz / sampling_rate_hz,
        )
        for signal in (outputs, targets)
    )
    finite = np.isfinite(outputs[:, : count * window]).reshape(-1, window).all(axis=1)
    known = finite & (np.abs(output_phasors) >= least_amplitude * np.abs(target_phasors))
    difference = np.angle(output_phasors) - np.angle(target_phasors)
    phase = np.where(known, difference, np.nan).reshape(streams, count)
    for stream in phase:
        defined = np.isfinite(stream)
        unwrapped = np.unwrap(stream[defined])
        turns = np.round(unwrapped[:1] / (2 * np.pi))  # begin within half a turn of the target
        stream[defined] = unwrapped - 2 * np.pi * turns
    return phase


def zero_predictor_mse(targets: np.ndarray) -> float:
    """Compute the mean square of the targets: the MSE of predicting zero.

    Args:
      targets: any shape; 0.5 for unit sines over whole periods.
    """
    return float(np.mean(np.asarray(targets, dtype=np.float64) ** 2))


def _paired(outputs: np.ndarray, targets: np.ndarray) -> tuple[Blocks, Blocks]:
    """Convert both to float64 [B, T], or raise ValueError."""
    outputs, targets = np.asarray(outputs, np.float64), np.asarray(targets, np.float64)
    if outputs.ndim != 2 or outputs.shape != targets.shape or outputs.size == 0:
        raise ValueError(
            "outputs and targets must both be [B, T] with B, T ≥ 1, "
            f"got {outputs.shape} and {targets.shape}"
        )
    return outputs, targets


def _finite(value: float | np.floating) -> float | None:
    return float(value) if math.isfinite(value) else None


def _mean_of_most(values: list[float | None]) -> float | None:
    """Average the values that are not None; None if those are fewer than half."""
    known = [value for value in values if value is not None]
    return _finite(np.mean(known)) if known and 2 * len(known) >= len(values) else None


def _is_constant(signal: Float[np.ndarray, " ..."]) -> bool:
    """Return whether all variation is at the level of rounding."""
    return bool(np.ptp(signal) <= 1e-12 * np.max(np.abs(signal)))


def _r2(error: Blocks, targets: Blocks) -> float | None:
    if _is_constant(targets):
        return None
    return _finite(1 - np.sum(error**2) / np.sum((targets - targets.mean()) ** 2))


def _correlation(outputs: Blocks, targets: Blocks) -> float | None:
    if _is_constant(outputs) or _is_constant(targets):
        return None
    x, y = outputs - outputs.mean(), targets - targets.mean()
    x, y = x / np.max(np.abs(x)), y / np.max(np.abs(y))  # squares neither over- nor underflow
    correlation = _finite(np.sum(x * y) / np.sqrt(np.sum(x**2) * np.sum(y**2)))
    return None if correlation is None else min(1.0, max(-1.0, correlation))


def _si_sdr_db(outputs: Blocks, targets: Blocks) -> float | None:
    if _is_constant(outputs) or not targets.any():
        return None
    outputs = outputs / np.max(np.abs(outputs))  # squares neither over- nor underflow
    scaled = np.sum(outputs * targets) / np.sum(targets**2) * targets
    signal, distortion = np.sum(scaled**2), np.sum((scaled - outputs) ** 2)
    limit = 10 ** (-SI_SDR_LIMIT_DB / 10)
    ratio_db = 10 * math.log10(max(signal, limit) / max(distortion, limit))
    return max(-SI_SDR_LIMIT_DB, min(SI_SDR_LIMIT_DB, ratio_db))


def _tone_basis(samples: int, cycles_per_sample: float) -> Float[np.ndarray, "T 3"]:
    """Make the columns of a fit: cosine, sine and a constant, with time zero in the middle of the samples."""
    angle = 2 * np.pi * cycles_per_sample * (np.arange(samples) - (samples - 1) / 2)
    return np.stack([np.cos(angle), np.sin(angle), np.ones(samples)], axis=1)


def _phasors(
    windows: Float[np.ndarray, "N T"], cycles_per_sample: float
) -> Complex[np.ndarray, " N"]:
    """Fit the complex amplitude at one frequency by least squares."""
    basis = _tone_basis(windows.shape[1], cycles_per_sample)
    cosine, sine, _ = np.linalg.pinv(basis) @ windows.T
    return cosine - 1j * sine


def _amplitude_ratio(
    outputs: Blocks, targets: Blocks, frequency_hz: float, sampling_rate_hz: float
) -> float | None:
    # Below one period sine, cosine and constant are nearly collinear.
    if outputs.shape[1] + 1 < sampling_rate_hz / frequency_hz:
        return None
    amplitudes = np.abs(_phasors(targets, frequency_hz / sampling_rate_hz))
    if not amplitudes.all():
        return None
    return _finite(np.mean(np.abs(_phasors(outputs, frequency_hz / sampling_rate_hz)) / amplitudes))


def _strongest_tone_hz(signal: Stream, sampling_rate_hz: float) -> float | None:
    """Find the frequency of the strongest line of a stream; None if no line is significant.

    The peak of a Hann-windowed, zero-padded FFT initialises a weighted least-squares fit, which is free of
    the FFT's grid and of the bias from the line's mirror image below 0 Hz.
    """
    samples = signal.shape[0]
    if samples < 8 * FEWEST_CYCLES or _is_constant(signal):
        return None
    signal = signal / np.max(np.abs(signal))
    window = np.hanning(samples + 2)[1:-1]
    padded = 2 ** math.ceil(math.log2(4 * samples))
    centred = signal - np.average(signal, weights=window)
    spectrum = np.abs(np.fft.rfft(window * centred, padded))
    lowest = math.ceil(FEWEST_CYCLES * padded / samples)
    peak = lowest + int(np.argmax(spectrum[lowest:-1]))
    if spectrum[peak - 1] > spectrum[peak]:
        return None  # the flank of a drift, not a line
    cycles, share = _fit_tone(centred, window, peak / padded)
    lines = samples / 3  # independent ones: T / 2, widened by the window
    # Fisher 1929: P(largest share of n lines of white noise > g) ≤ n (1 − g)^(n − 1).
    noise_share = 1 - (FALSE_TONE_PROBABILITY / lines) ** (1 / (lines - 1))
    return cycles * sampling_rate_hz if share >= max(TONE_SHARE, noise_share) else None


def _fit_tone(signal: Stream, window: Stream, cycles: float) -> tuple[float, float]:
    """Fit a frequency by Gauss–Newton, the linear amplitudes solved exactly at each step.

    Args:
      signal: [T].
      window: [T] weights of the squared residuals.
      cycles: starting frequency, cycles per sample, within half a line of the answer.

    Returns:
      The frequency in cycles per sample, and the share of the weighted power it explains.
    """
    samples = signal.shape[0]
    time = (np.arange(samples) - (samples - 1) / 2) / samples
    start, basis, amplitudes = cycles, np.empty(0), np.empty(0)
    for _ in range(12):
        basis = _tone_basis(samples, cycles)
        amplitudes = _weighted_solve(basis, signal, window)
        slope = 2 * np.pi * time * (basis[:, 1] * -amplitudes[0] + basis[:, 0] * amplitudes[1])
        step = _weighted_solve(np.column_stack([basis, slope]), signal, window)[3] / samples
        moved = min(max(cycles + step, start - 1 / samples), start + 1 / samples)
        converged, cycles = abs(moved - cycles) < 1e-13, moved
        if converged:
            break
    residual = signal - basis @ amplitudes
    return cycles, 1 - float(np.sum(window * residual**2) / np.sum(window * signal**2))


def _weighted_solve(
    basis: Float[np.ndarray, "T k"], signal: Stream, window: Stream
) -> Float[np.ndarray, " k"]:
    weighted = basis * window[:, None]
    return np.linalg.lstsq(weighted.T @ basis, weighted.T @ signal, rcond=None)[0]


def _phase_drift_rad(
    output: Stream,
    target: Stream,
    error_hz: float | None,
    frequency_hz: float,
    sampling_rate_hz: float,
) -> float | None:
    """Measure the phase of output against target, from start to end: Theil–Sen slope times duration."""
    samples, period = output.shape[0], sampling_rate_hz / frequency_hz
    periods = max(
        1,
        math.ceil(samples / period / MOST_PHASE_WINDOWS),
        math.ceil(SHORTEST_PHASE_WINDOW / period),
    )
    length = round(periods * period)
    count = samples // length
    # Beyond a quarter of a turn per window, noise could make the unwrapping fail.
    if error_hz is None or count < 2 or abs(error_hz) * length / sampling_rate_hz > 0.25:
        return None
    cut = (slice(0, count * length),)
    phasors = [
        _phasors(signal[cut].reshape(count, length), frequency_hz / sampling_rate_hz)
        for signal in (output, target)
    ]
    phase = np.unwrap(np.angle(phasors[0] * np.conj(phasors[1])))
    early, late = np.triu_indices(count, k=1)
    slope = np.median((phase[late] - phase[early]) / (late - early))
    return _finite(slope * samples / length)
