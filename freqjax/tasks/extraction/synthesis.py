"""Synthesis of the mixture and its clean components.

With component frequencies f_i (Hz), sampling rate f_s (Hz) and a stream that starts s samples after
time zero, sample n of a stream is

    S(n) = (1/F) Σ_i A_i(n) sin(2π f_i (n + s)/f_s + φ_i(n)),
    A_i(n) ~ U(amplitude_range),   φ_i(n) ~ phase_scale · U(0, 2π),

drawn anew at every sample n and component i. The clean component is sin(2π f_i (n + s)/f_s).

Angles are kept as cycles (turns) reduced modulo 1 in float64 on the host: f·t in float32 would lose
a milliradian over a few minutes of signal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.errors import UserError
from freqjax.tasks.extraction.config import ExtractionConfig

# A table of start phases has one row per sample of the common period; longer ones are refused.
_LONGEST_PERIOD = 10_000_000


class Synthesizer(NamedTuple):
    """Numbers of the synthesis; F frequencies, T samples, S starts.

    All are arguments of compiled functions, so that tasks of one shape share a program.

    Attributes:
      cycles: [T, F] float32, f_i n / f_s modulo 1.
      start_cycles: [S, F] float32, phases of the starts that are drawn from, cycles: all samples of the
        common period, or one.
      amplitude_range: (low, high), dimensionless.
      phase_scale: dimensionless.
    """

    cycles: np.ndarray
    start_cycles: np.ndarray
    amplitude_range: tuple[float, float]
    phase_scale: float


def common_period(frequencies: Sequence[float], sampling_rate: float) -> int:
    """Return the common period of all components, samples, rounded up to the grid.

    Frequencies are exact decimal fractions, as written: 9.3 is 93/10.

    Raises:
      UserError: the period is longer than 10 million samples.
    """
    fractions = [Fraction(repr(float(f))) for f in frequencies]
    denominator = math.lcm(*(f.denominator for f in fractions))
    divisor = Fraction(math.gcd(*(int(f * denominator) for f in fractions)), denominator)
    samples = Fraction(repr(float(sampling_rate))) / divisor
    if samples > _LONGEST_PERIOD:
        raise UserError(
            f"task.frequencies {tuple(frequencies)} have a period of {float(1 / divisor):g} s: with "
            f"task.start random their common period must be at most {_LONGEST_PERIOD} samples."
        )
    return math.ceil(samples)


def make_synthesizer(task: ExtractionConfig) -> Synthesizer:
    """Prepare the tables for `task`."""
    steps = np.asarray(task.frequencies, np.float64) / task.sampling_rate
    period = common_period(task.frequencies, task.sampling_rate) if task.start == "random" else 1
    return Synthesizer(
        cycles=_cycles(np.arange(task.samples), steps),
        start_cycles=_cycles(np.arange(period), steps),
        amplitude_range=(task.amplitude_range[0], task.amplitude_range[1]),
        phase_scale=task.phase_scale,
    )


def _cycles(samples: np.ndarray, cycles_per_sample: np.ndarray) -> np.ndarray:
    """Return the phases [T, F] at the `samples` [T], cycles."""
    return np.mod(samples[:, None] * cycles_per_sample, 1.0).astype(np.float32)


def draw_starts(synthesizer: Synthesizer, key: jax.Array, count: int) -> jax.Array:
    """Draw the phases [N, F], cycles, of N starts, each of the table equally likely."""
    table = jnp.asarray(synthesizer.start_cycles)
    return table[jax.random.randint(key, (count,), 0, table.shape[0])]


def starting_at(synthesizer: Synthesizer, task: ExtractionConfig, start: int) -> Synthesizer:
    """Return the synthesizer whose streams all begin at sample `start`."""
    steps = np.asarray(task.frequencies, np.float64) / task.sampling_rate
    return synthesizer._replace(start_cycles=_cycles(np.asarray([start]), steps))


def synthesize(
    synthesizer: Synthesizer, key: jax.Array, ahead: jax.Array, samples: int
) -> tuple[jax.Array, jax.Array]:
    """Draw N streams of T = `samples` samples.

    Args:
      synthesizer: the tables.
      key: typed PRNG key of the noise.
      ahead: [N, F], phase of each component at a stream's first sample, cycles.
      samples: T, at most the length of the tables.

    Returns:
      mixture [N, T] and clean components [N, T, F], float32.
    """
    cycles = jnp.asarray(synthesizer.cycles)[None, :samples] + ahead[:, None]
    amplitude_key, phase_key = jax.random.split(key)
    low, high = synthesizer.amplitude_range
    amplitude = jax.random.uniform(amplitude_key, cycles.shape, minval=low, maxval=high)
    phase = synthesizer.phase_scale * jax.random.uniform(phase_key, cycles.shape)
    noisy = amplitude * jnp.sin(2 * jnp.pi * (cycles + phase))
    return jnp.mean(noisy, axis=-1), jnp.sin(2 * jnp.pi * cycles)
