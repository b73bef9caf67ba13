"""Noise of unit variance: white, pink, blue, autoregressive, or excerpts of recordings.

Pink and blue noise are white noise filtered on the circle of T samples, so that they are stationary from the
first sample on; the squared response is 1/f for pink and f for blue, both empty at f = 0. ar1 noise is the
recursion e_t = ρ e_{t−1} + √(1 − ρ²) w_t from a stationary start, with ρ = exp(−1 / (noise_memory · f_s)).
Each recording has one of the config's colours, drawn with equal chances.

Axes: N recordings, T samples, C channels, K colours, P recordings of noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from freqjax.errors import UserError
from freqjax.networks.arrays import EitherArray
from freqjax.recordings import Recording, choose_channels, open_recording, signal
from freqjax.recordings.resampling import ratio, resample
from freqjax.system import capacity
from freqjax.system.capacity import Need
from freqjax.tasks.lines.config import LinesConfig

_CHUNK = 65_536
# Copies of the recordings that are held: as they were read, on the device, and in the program of training,
# which has them as a constant.
_COPIES = 3


class Excerpts(NamedTuple):
    """Recordings that excerpts of T samples are cut from.

    Attributes:
      samples: [M] float32, all recordings one after another, each of zero mean and unit variance.
      ends: [P] int32, number of places where an excerpt may begin, of each recording and those before it.
      shifts: [P] int32, the sample at which place number 0 of a recording would lie if its places were
        counted as in `ends`: place u of recording p is sample u + shifts[p].
    """

    samples: Float[EitherArray, " M"]
    ends: Int[EitherArray, " P"]
    shifts: Int[EitherArray, " P"]


class NoiseSource(NamedTuple):
    """Source of noise; with a key, noise can be drawn from it.

    Attributes:
      responses: [K, bins] float32, |H| of the filter of each colour for a variance of 1 (flat where the
        colour is not filtered); bins is T // 2 + 1, or T with iq.
      recursive: [K] bool, whether the colour is ar1.
      recorded: [K] bool, whether the colour is recordings.
      excerpts: the recordings; None if no colour needs them.
    """

    responses: Float[np.ndarray, "K bins"]
    recursive: Bool[np.ndarray, " K"]
    recorded: Bool[np.ndarray, " K"]
    excerpts: Excerpts | None


def noise_source(config: LinesConfig, needs: Sequence[Need] = ()) -> NoiseSource:
    """Prepare the noise of `config`.

    Args:
      config: the law.
      needs: memory that is needed besides recordings of noise.

    Raises:
      UserError: recordings of noise cannot be read, need too much memory, or none is as long as a block.
    """
    responses = np.stack([_response(config, color) for color in config.noise_colors])
    recursive, recorded = (
        np.array([color == wanted for color in config.noise_colors])
        for wanted in ("ar1", "recordings")
    )
    return NoiseSource(
        responses, recursive, recorded, _read(config, needs) if recorded.any() else None
    )


def _response(config: LinesConfig, color: str) -> Float[np.ndarray, " bins"]:
    """Return |H| at the frequencies of an FFT, with a mean square of 1 over the whole circle."""
    cycles = np.abs(np.fft.fftfreq(config.samples))
    if color == "pink":
        power = np.divide(1.0, cycles, where=cycles > 0, out=np.zeros_like(cycles))
    elif color == "blue":
        power = cycles
    else:
        power = np.ones_like(cycles)
    response = np.sqrt(power / power.mean()).astype(np.float32)
    return response if config.iq else response[: config.samples // 2 + 1]


def draw_noise(
    config: LinesConfig, source: NoiseSource, key: jax.Array, count: int
) -> Float[Array, "N T C"]:
    """Draw N = `count` recordings of unit noise; with iq each channel has half of the variance."""
    color_key, white_key, excerpt_key = jax.random.split(key, 3)
    channels = 2 if config.iq else 1
    chosen = jax.random.randint(color_key, (count,), 0, len(source.recorded))
    white = jax.random.normal(white_key, (count, config.samples, channels)) / channels**0.5
    found = white
    if {"pink", "blue"} & set(config.noise_colors):
        found = _filtered(white, jnp.asarray(source.responses)[chosen])
    if source.recursive.any():
        remembered = jnp.asarray(source.recursive)[chosen][:, None, None]
        found = jnp.where(remembered, _autoregression(config, white), found)
    if source.excerpts is not None:
        cut = _cut(config, source.excerpts, excerpt_key, count)
        found = jnp.where(jnp.asarray(source.recorded)[chosen][:, None, None], cut, found)
    return found


def _filtered(
    white: Float[Array, "N T C"], response: Float[Array, "N bins"]
) -> Float[Array, "N T C"]:
    if white.shape[-1] == 1:
        spectrum = jnp.fft.rfft(white[..., 0], axis=1) * response
        return jnp.fft.irfft(spectrum, white.shape[1], axis=1)[..., None]
    spectrum = jnp.fft.fft(jax.lax.complex(white[..., 0], white[..., 1]), axis=1) * response
    found = jnp.fft.ifft(spectrum, axis=1)
    return jnp.stack([found.real, found.imag], axis=-1)


def _autoregression(config: LinesConfig, white: Float[Array, "N T C"]) -> Float[Array, "N T C"]:
    """Return the recursion of the variance of `white`, from a stationary start."""
    kept = config.noise_coefficient
    new = math.sqrt((1 - kept) * (1 + kept))
    driven = (new * white).at[:, 0].set(white[:, 0])

    def joined(
        before: tuple[jax.Array, jax.Array], after: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
        return before[0] * after[0], after[0] * before[1] + after[1]

    return jax.lax.associative_scan(joined, (jnp.full_like(driven, kept), driven), axis=1)[1]


def _cut(
    config: LinesConfig, excerpts: Excerpts, key: jax.Array, count: int
) -> Float[Array, "N T C"]:
    """Cut excerpts at random places, with random signs; I and Q are two of them."""
    channels = 2 if config.iq else 1
    place_key, sign_key = jax.random.split(key)
    ends, shifts = jnp.asarray(excerpts.ends), jnp.asarray(excerpts.shifts)
    places = jax.random.randint(place_key, (count, channels), 0, ends[-1])
    first = places + shifts[jnp.searchsorted(ends, places, side="right")]
    index = first[:, None, :] + jnp.arange(config.samples)[None, :, None]
    signs = jax.random.rademacher(sign_key, (count, 1, channels), jnp.float32)
    return signs * jnp.asarray(excerpts.samples)[index] / channels**0.5


def _read(config: LinesConfig, needs: Sequence[Need]) -> Excerpts:
    """Read `noise_path`, a recording or a folder of them, at the rate of the task."""
    path, field = Path(config.noise_path), "task.noise_path"
    # Hidden files are those that file managers leave.
    inside = (
        [p for p in path.iterdir() if p.is_file() and p.name[0] != "."] if path.is_dir() else []
    )
    found = sorted(inside) if path.is_dir() else [path]
    opened = [_opened(file, config, field) for file in found]
    whole = sum(math.ceil((recording.samples or 0) * change) for recording, change in opened)
    held = Need(
        f"{field} is {path}", "the recordings", 4 * _COPIES * whole, "a shorter part of them"
    )
    capacity.require([held, *needs])
    pieces, ends, shifts, total, places = [], [], [], 0, 0
    for recording, change in opened:
        samples = _samples(recording, change, field)
        deviation = float(samples.std())
        if len(samples) < config.samples or deviation == 0:
            continue
        pieces.append(((samples - samples.mean()) / deviation).astype(np.float32))
        shifts.append(total - places)
        total += len(samples)
        places += len(samples) - config.samples + 1
        ends.append(places)
    if not pieces:
        raise UserError(
            f"{field} is {path}: it must hold a recording of noise that is at least task.duration "
            f"({config.duration:g} s) long and not constant."
        )
    return Excerpts(np.concatenate(pieces), np.array(ends, np.int32), np.array(shifts, np.int32))


def _opened(file: Path, config: LinesConfig, field: str) -> tuple[Recording, Fraction]:
    """Open a recording of noise; with it comes the ratio of the task's rate to its own."""
    recording = open_recording(file, field)
    if recording.sampling_rate is None:
        raise UserError(
            f"{field} {file} states no sampling rate: a recording of noise must state one, so that it can be "
            "converted to task.sampling_rate."
        )
    rate, slack = recording.sampling_rate, recording.rate_slack
    return recording, ratio(rate, config.sampling_rate, f"{field} {file}", slack)


def _samples(recording: Recording, change: Fraction, field: str) -> Float[np.ndarray, " M"]:
    (channel,) = choose_channels(recording, None if len(recording.names) == 1 else "1", field)
    chunks = signal(recording, channel, _CHUNK, field)
    return np.concatenate(list(resample(chunks, change)))
