"""Synthesis of recordings under the general law of lines in noise.

With nominal frequencies f_i (Hz), sampling rate f_s (Hz) and the orders k of a line's parts, recording n has

    line_i(t) = a_i exp(α_i(t)) Σ_k s_ik cos(k θ_i(t) + φ_ik),   s_i1 = 1,
    θ_i(t) = 2π Σ_{u ≤ t} f_i (1 + ε_i) exp(λ_i(u)) / f_s,
    ε_i ~ U(−detuning, detuning),   φ_ik ~ U(0, 2π) independent,
    α_i, λ_i: random walks from 0 with `amplitude_drift` and `frequency_drift` per √s,

    S(t) = g (1 − dropout(t)) (Σ_i line_i(t) + σ b(t) e(t) + offset + rise · t / duration)

where e has unit variance and the colour of the config, b is `burst_gain` within a burst and 1 outside, σ²
is the mean power of the recording's fundamentals (with amplitude_law gaussian: that of the law) over the
drawn ratio, and g is the gain.
With iq the cosine is exp(j …), e is complex with half of its variance in each part, and arrays have an axis
of I and Q. The target is g · line_i, its own strength included.

Axes: N recordings, F lines, P parts of a line, T samples, C channels (1, or 2 with iq).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from freqjax.tasks.lines.config import LinesConfig
from freqjax.tasks.lines.noise import NoiseSource, draw_noise

Key = jax.Array


class Recordings(NamedTuple):
    """Drawn recordings.

    Attributes:
      signals: [N, T, C] float32, the network's input.
      lines: [N, F, T, C] float32, every line at its strength in `signals`, dropouts apart.
    """

    signals: Float[Array, "N T C"]
    lines: Float[Array, "N F T C"]


def synthesize(
    config: LinesConfig, noise: NoiseSource, key: Key, count: int, present: Float[Array, "N F"]
) -> Recordings:
    """Draw N = `count` recordings of T samples; traceable.

    Args:
      config: the law.
      noise: unit noise of the config's colour.
      key: typed PRNG key.
      count: N.
      present: [N, F], 1 where a recording holds a line and 0 where not.
    """
    keys = jax.random.split(key, 6)
    lines, amplitudes = _lines(config, keys[0], count)
    lines = lines * present[..., None, None]
    power = _power(config) * jnp.sum(present * jnp.square(amplitudes), axis=1)
    low, high = config.snr_range
    ratio = 10 ** (jax.random.uniform(keys[1], (count,), minval=low, maxval=high) / 10)
    if config.amplitude_law == "gaussian":
        # Noise that depended on the amplitude would tell it, and the law would not be linear.
        variance = mean_power(config) / ratio
    else:
        variance = power / jnp.maximum(jnp.sum(present, axis=1), 1) / ratio
    sigma = jnp.sqrt(variance)[:, None, None]
    raw = sigma * draw_noise(config, noise, keys[2], count) * _bursts(config, keys[3], count)
    drifts = _offsets(config, keys[4], count)
    scale = _gains(config, keys[5], count)
    if config.normalize:
        scale = scale / jnp.sqrt(power + variance)
    scale = scale[:, None, None]
    kept = _kept(config, jax.random.fold_in(key, 6), count)
    signals = scale * kept * (jnp.sum(lines, axis=1) + raw + drifts)
    return Recordings(signals, scale[:, None] * lines)


def _power(config: LinesConfig) -> float:
    """Return the mean power of a part of amplitude 1."""
    return 1.0 if config.iq else 0.5


def mean_power(config: LinesConfig) -> float:
    """Return the mean power of a line's fundamental under the law."""
    low, high = config.amplitude_range
    # E a² of a log-uniform amplitude is (high² − low²) / (2 log(high / low)).
    spread = 2 * np.log(high / low)
    square = low**2 if spread < 1e-6 else (high**2 - low**2) / spread
    return _power(config) * float(square)


def _lines(
    config: LinesConfig, key: Key, count: int
) -> tuple[Float[Array, "N F T C"], Float[Array, "N F"]]:
    """Draw lines of every recording, and their amplitudes at the start."""
    keys = jax.random.split(key, 6)
    lines, parts = len(config.frequencies), len(config.orders)
    amplitudes = _amplitudes(config, keys[0], (count, lines))
    cycles = _cycles(config, keys[1], count)
    phases = jax.random.uniform(keys[2], (count, lines, parts))
    factors = np.array([1.0, *(config.harmonic_strength * 2 / k for k in config.harmonics)])
    strengths = jax.random.uniform(keys[3], (count, lines, parts)).at[..., 0].set(1.0)
    strengths = strengths * jnp.asarray(factors, jnp.float32)[None, None]
    envelope = amplitudes[..., None] * jnp.exp(
        _walk(keys[4], config.amplitude_drift, config, (count, lines))
    )
    total = 0.0
    for part, order in enumerate(config.orders):
        angle = 2 * jnp.pi * (order * cycles + phases[..., part, None])
        wave = [jnp.cos(angle), jnp.sin(angle)] if config.iq else [jnp.cos(angle)]
        total += strengths[..., part, None, None] * jnp.stack(wave, axis=-1)
    return envelope[..., None] * total, amplitudes


def _amplitudes(config: LinesConfig, key: Key, shape: tuple[int, ...]) -> Float[Array, "N F"]:
    if config.amplitude_law == "gaussian":
        # The amplitude of two Gaussian quadratures is Rayleigh, and its phase uniform.
        mean = mean_power(config) / _power(config)
        return jnp.sqrt(mean) * jnp.sqrt(-jnp.log1p(-jax.random.uniform(key, shape)))
    low, high = (float(np.log(a)) for a in config.amplitude_range)
    return jnp.exp(jax.random.uniform(key, shape, minval=low, maxval=high))


def _cycles(config: LinesConfig, key: Key, count: int) -> Float[Array, "N F T"]:
    """Draw the phases θ / 2π, modulo 1 where the frequency is nominal.

    The nominal part is a table computed in float64; only the deviation from it, a few cycles, is summed in
    float32.
    """
    detuning_key, drift_key = jax.random.split(key)
    steps = np.asarray(config.frequencies, np.float64) / config.sampling_rate
    nominal = np.mod(np.arange(config.samples)[None] * steps[:, None], 1.0).astype(np.float32)
    if not config.detuning and not config.frequency_drift:
        return jnp.broadcast_to(jnp.asarray(nominal), (count, *nominal.shape))
    shape = (count, len(steps))
    off = config.detuning * jax.random.uniform(detuning_key, shape, minval=-1.0, maxval=1.0)
    walk = _walk(drift_key, config.frequency_drift, config, shape)
    deviation = (1 + off[..., None]) * jnp.exp(walk) - 1
    deviation = jnp.broadcast_to(deviation, (*shape, config.samples))
    summed = jnp.cumsum(jnp.asarray(steps, jnp.float32)[None, :, None] * deviation, axis=-1)
    # The first sample has the phase that was drawn.
    return jnp.asarray(nominal)[None] + summed - summed[..., :1]


def _walk(
    key: Key, rate: float, config: LinesConfig, shape: tuple[int, ...]
) -> Float[Array, "N F T"]:
    """Draw random walks from 0, standard deviation `rate` per √s; zeros without drift."""
    if not rate:
        return jnp.zeros((*shape, 1))
    steps = jax.random.normal(key, (*shape, config.samples)) * (rate / config.sampling_rate**0.5)
    return jnp.cumsum(steps, axis=-1) - steps[..., :1]


def _offsets(config: LinesConfig, key: Key, count: int) -> Float[Array, "N T C"]:
    channels = 2 if config.iq else 1
    level, slope = jax.random.normal(key, (2, count, 1, channels))
    rise = np.arange(config.samples)[None, :, None] / config.samples
    return config.offset * level + config.trend * slope * jnp.asarray(rise, jnp.float32)


def _gains(config: LinesConfig, key: Key, count: int) -> Float[Array, " N"]:
    low, high = (float(np.log(g)) for g in config.gain_range)
    return jnp.exp(jax.random.uniform(key, (count,), minval=low, maxval=high))


def _bursts(config: LinesConfig, key: Key, count: int) -> Float[Array, "N T 1"]:
    inside = _intervals(config, key, count, config.burst_rate, config.burst_length)
    return (1 + (config.burst_gain - 1) * inside)[..., None]


def _kept(config: LinesConfig, key: Key, count: int) -> Float[Array, "N T 1"]:
    inside = _intervals(config, key, count, config.dropout_rate, config.dropout_length)
    return (1 - inside)[..., None]


def _intervals(
    config: LinesConfig, key: Key, count: int, rate: float, length: float
) -> Float[Array, "N T"]:
    """Draw intervals of `length` s that begin `rate` times a second: 1 inside, 0 outside."""
    if not rate:
        return jnp.zeros((count, 1))
    samples = min(config.samples, max(1, round(length * config.sampling_rate)))
    begins = jax.random.bernoulli(
        key, min(1.0, rate / config.sampling_rate), (count, config.samples)
    )
    begun = jnp.cumsum(begins.astype(jnp.int32), axis=1)
    before = jnp.pad(begun, ((0, 0), (samples, 0)))[:, : config.samples]
    return (begun > before).astype(jnp.float32)
