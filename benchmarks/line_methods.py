"""The methods of the comparison on a line: estimators, the choice of their parameters, and the network."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

import freqjax
from benchmarks import line_rows
from freqjax.tasks import make_task
from freqjax.tasks.lines.baselines import BASELINES, Line
from freqjax.tasks.lines.limits import GaussianLine, line_limit

# Lock-in amplifiers of the widths that people set, Hz.
FIXED_WIDTHS_HZ = (1, 10)
# Method → the parameters that are tried, each with every other.
GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "lock_in": {"width": (0.01, 0.02, 0.04, 0.08, 0.15, 0.3)},
    "notch": {"quality": (100.0, 50.0, 25.0, 12.0, 6.0, 3.0, 1.5)},
    "harmonic_regression": {"window": (100.0, 50.0, 25.0, 12.0, 6.0, 3.0, 1.5, 0.75)},
    "adaptive_notch": {"width": (0.005, 0.01, 0.02, 0.04), "tracking": (1.0, 2.0, 4.0)},
    "extended_kalman": {
        "frequency_walk": (3e-5, 1e-4, 3e-4),
        "amplitude_walk": (3e-3, 0.01, 0.03),
    },
    "kalman_bank": {"frequency_walk": (1e-4, 2e-4), "amplitude_walk": (0.01, 0.02)},
}
_FLOOR = 1e-3
# What a filter is told where there may be bursts and dropouts.
ROBUST = {"gate": 4.0, "gaps": True}
ROBUST_METHODS = ("extended_kalman", "kalman_bank")

Parameters = dict[str, Any]


def choices(method: str) -> list[Parameters]:
    """List the parameters that are tried for a method."""
    grid = GRIDS[method]
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def line_of(harmonics: tuple[int, ...], rate: float) -> Line:
    """Return what methods know: the nominal frequency, the harmonics, and a detuning of at most 2 %."""
    return Line(line_rows.HZ, float(rate), harmonics, max(line_rows.DETUNINGS))


def estimates(
    method: str,
    parameters: Mapping[str, Any],
    signals: np.ndarray,
    harmonics: tuple[int, ...],
    rate: float,
) -> np.ndarray:
    """Run a method on signals [N, T]."""
    return BASELINES[method](signals, line_of(harmonics, rate), **parameters)


def fixed_methods() -> dict[str, tuple[str, Parameters]]:
    """Name of a row → method and parameters that no choice is made for."""
    return {f"lock-in {hz} Hz": ("lock_in", {"width": hz / line_rows.HZ}) for hz in FIXED_WIDTHS_HZ}


def typical(errors: np.ndarray) -> np.ndarray:
    """Return the geometric mean over the last axis of errors and a floor.

    Below the floor, 0.1 % of the line's power, one error is as good as another.
    """
    return np.exp(np.log(errors + _FLOOR).mean(axis=-1)) - _FLOOR


def limit(condition: line_rows.Condition) -> float | None:
    """Return the relative error of the best causal estimate if the frequency were known.

    It is that of the Kalman filter for Gaussian quadratures of the line's mean powers at 1 kHz, or None
    where the law is not linear and Gaussian.
    """
    if condition.drift or condition.trouble or condition.noise != "white":
        return None
    powers = {order: line_rows.STRENGTHS[order] ** 2 / 2 for order in condition.harmonics}
    power = sum(powers.values())
    # Decimation keeps the density: a sample holds the noise of the lower band alone.
    noise = power / 10 ** (condition.snr_db / 10) * line_rows.LOW_RATE / line_rows.RATE
    law = GaussianLine(line_rows.HZ, float(line_rows.LOW_RATE), powers, noise)
    samples = line_rows.LOW_RATE * line_rows.SECONDS
    settled = round(line_rows.SETTLE_SECONDS * line_rows.LOW_RATE)
    return line_limit(law, samples, settled).mean / power


def freqjax_outputs(checkpoint: str, signals: np.ndarray) -> np.ndarray:
    """Run a trained network on signals [N, T] at 1 kHz, and return its outputs [N, T] at true strength.

    Each signal is scaled to the level of the training signals, a mean power of 1, by its rms over the whole
    of it, and the output is scaled back. `--mode extract` scales by one number as well, but by that of
    `freqjax.deploy.extraction.levels`, which leaves out silences and the loudest blocks. The selector is that
    of the line at the benchmark's frequency.

    Raises:
      UserError: the network has another rate or no such line.
    """
    trained = freqjax.load(checkpoint)
    task = make_task(trained.config.task)
    rate = getattr(trained.config.task, "sampling_rate", None)
    if rate is not None and rate != line_rows.LOW_RATE:
        raise freqjax.UserError(
            f"The sampling rate of {checkpoint} is {rate}: it must be {line_rows.LOW_RATE}, that of the "
            "decimated recordings."
        )
    lines = tuple(getattr(task, "selected_hz", (line_rows.HZ,)))
    if line_rows.HZ not in lines:
        raise freqjax.UserError(
            f"The lines of {checkpoint} are {lines} Hz: one must be {line_rows.HZ:g} Hz."
        )
    level = np.sqrt(np.mean(np.square(signals), axis=1, keepdims=True))
    inputs = np.zeros((signals.shape[1], signals.shape[0], task.input_size), np.float32)
    inputs[..., 0] = (signals / level).T
    inputs[..., 1 + lines.index(line_rows.HZ)] = 1
    _, outputs = trained.unroll(inputs)
    return np.asarray(outputs)[..., 0].T * level
