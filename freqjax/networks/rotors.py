"""Rotors: pairs of LSTM units whose state rotates on a circle; their weights, speeds and step scales.

Speeds are in cycles per sample.
Axes: D inputs, H hidden, F selectors (1 if the task has none), P = H // 2 pairs.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from freqjax.networks.weights import LstmSetting, LstmWeights, RotorSetting, gate_columns

# Units of a pair.
UNITS = 2
# Added to the gates of the pairs of other selectors, so that they keep their state: σ(16) is 1 − 1e-7.
_HOLD = 16.0
# Radius of the circle on which a pair starts: large enough for the head, small enough to be linear.
_RADIUS = 0.3
# A forget gate of exactly 1 would need an infinite bias.
_LEAK = 1e-6


def rotor_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """Draw `turning_weights` at random speeds: a jittered logarithmic grid for each selector.

    The pairs of one selector divide the band evenly on a log scale, each at a random position within its
    part. The targets are not used.
    """
    speed_key, weights_key = jax.random.split(key)
    speeds = stratified_speeds(speed_key, required_rotors(setting), pair_owners(setting))
    return turning_weights(weights_key, setting, speeds)


def spectral_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """Draw as `rotor_weights`, with the first pair of every selector at the peak of its training targets."""
    speed_key, weights_key = jax.random.split(key)
    rotors = required_rotors(setting)
    speeds = stratified_speeds(speed_key, rotors, pair_owners(setting))
    return turning_weights(weights_key, setting, peaked_speeds(speeds, rotors))


def pair_owners(setting: LstmSetting) -> Int[np.ndarray, " P"]:
    """Return [P], the selector that owns each pair: selector p mod F for pair p."""
    return np.arange(setting.hidden_size // 2) % max(1, len(setting.selectors))


def turning_weights(
    key: jax.Array, setting: LstmSetting, cycles: Float[Array, " P"]
) -> LstmWeights:
    """Make pairs of units that rotate at `cycles` [P], each while its selector is on.

    Near c = 0 and with input and output gates at 1/2, h = c/2 and c' = f c + W c/4, so that

        W = 4 (R(ω) − f I),   R(ω) = [[cos ω, −sin ω], [sin ω, cos ω]],   f = cos ω (at least 1/2)

    rotates the pair by ω = 2π · cycles rad per sample without growth or decay; tanh then bounds its
    amplitude. With a leak, f is lower and the candidate's diagonal compensates for it: tanh reduces that part
    only at large amplitudes. With a decay, small amplitudes shrink.
    Pairs start at random phases on a circle, so the initial carry must be learned. If `setting.gain` is 0,
    the weights of all inputs except the selectors are 0. Above 0 those inputs drive every pair, each along a
    random direction, and with a decay the pair forgets them: an observer of one oscillation.

    Selectors that do not own a pair (`pair_owners`) hold it: its input and output gates are closed and its
    forget gate is open, so that its c is constant and its h is 0. A held pair continues from its state when
    its selector is switched on, so a state that is carried from block to block is as good as a fresh one.

    The weights of an odd last unit are all zero.
    """
    phase_key, head_key, drive_key = jax.random.split(key, 3)
    h, o = setting.hidden_size, setting.output_size
    recurrent, bias = _recurrence(setting, cycles)
    return LstmWeights(
        input_kernel=_driven(drive_key, setting, _held(setting)),
        input_bias=bias,
        recurrent_kernel=recurrent,
        recurrent_bias=jnp.zeros(4 * h),
        head_kernel=0.1 * jax.random.normal(head_key, (h, o)),
        head_bias=jnp.zeros(o),
        carry=_on_circle(phase_key, h),
    )


def _recurrence(
    setting: LstmSetting, cycles: Float[Array, " P"]
) -> tuple[Float[Array, "H GH"], Float[Array, " GH"]]:
    """Return the recurrent kernel [H, 4H], W of every pair, and the bias [4H], which sets f."""
    rotors = required_rotors(setting)
    omega = 2 * jnp.pi * cycles
    lost = _LEAK + rotors.leak
    forget = jnp.maximum(jnp.cos(omega), 0.5) - lost
    # 1 − cos ω = 2 sin²(ω/2): as a difference, rounding would distort the forget gates of slow pairs.
    remainder = jnp.minimum(2 * jnp.sin(omega / 2) ** 2, 0.5) + lost
    # cos ω − f, minus the decay: the candidate's contribution to the pair's own units.
    kept = remainder - 2 * jnp.sin(omega / 2) ** 2 - rotors.decay
    return _placed(kept, jnp.sin(omega), jnp.log(forget / remainder), setting.hidden_size)


# One program, where each assignment by itself would be several; it only moves numbers.
@functools.partial(jax.jit, static_argnames="hidden")
def _placed(
    kept: Float[Array, " P"], turned: Float[Array, " P"], opened: Float[Array, " P"], hidden: int
) -> tuple[Float[Array, "H GH"], Float[Array, " GH"]]:
    """Return kernel and bias with the numbers of every pair in their places."""
    (first, second), gates = _units(hidden), gate_columns(hidden)
    recurrent = jnp.zeros((hidden, 4 * hidden))
    # Column gates["g"] + u of the kernel is the input of unit u; row v holds the weights of unit v's output.
    for source, unit, weight in (
        (first, first, kept),
        (second, second, kept),
        (second, first, -turned),
        (first, second, turned),
    ):
        recurrent = recurrent.at[source, gates["g"] + unit].set(4 * weight)
    bias = jnp.zeros(4 * hidden)
    for unit in (first, second):
        bias = bias.at[gates["f"] + unit].set(opened)
    return recurrent, bias


def _held(setting: LstmSetting) -> Float[Array, "D GH"]:
    """Return the input kernel [D, 4H] with which each selector holds the pairs of the others."""
    gates, owners = gate_columns(setting.hidden_size), pair_owners(setting)
    # By NumPy, since nothing of it is drawn: each assignment would be a program of its own.
    kernel = np.zeros((setting.input_size, 4 * setting.hidden_size), jnp.result_type(float))
    for number, row in enumerate(setting.selectors):
        others = np.flatnonzero(owners != number)
        for unit in _units(setting.hidden_size):
            for gate, push in (("i", -_HOLD), ("f", _HOLD), ("o", -_HOLD)):
                kernel[row, gates[gate] + unit[others]] = push
    return jax.device_put(kernel)


def _driven(
    key: jax.Array, setting: LstmSetting, kernel: Float[Array, "D GH"]
) -> Float[Array, "D GH"]:
    """Return `kernel` with weights of `setting.gain` for the other inputs, in one direction per pair."""
    directions = jax.random.uniform(key, (setting.hidden_size // 2,), maxval=2 * jnp.pi)
    along = setting.gain * jnp.cos(directions), setting.gain * jnp.sin(directions)
    return _with_directions(kernel, *along, setting.others)


@functools.partial(jax.jit, static_argnames="others")
def _with_directions(
    kernel: Float[Array, "D GH"],
    cosines: Float[Array, " P"],
    sines: Float[Array, " P"],
    others: tuple[int, ...],
) -> Float[Array, "D GH"]:
    """Return `kernel` with the weights of the candidates in the rows `others`."""
    hidden = kernel.shape[1] // 4
    (first, second), candidate = _units(hidden), gate_columns(hidden)["g"]
    for row in others:
        kernel = kernel.at[row, candidate + first].set(cosines)
        kernel = kernel.at[row, candidate + second].set(sines)
    return kernel


def _on_circle(key: jax.Array, hidden: int) -> Float[Array, " H"]:
    """Draw c [H] with every pair at a random phase on its circle."""
    phases = jax.random.uniform(key, (hidden // 2,), maxval=2 * jnp.pi)
    return _alternating(_RADIUS * jnp.cos(phases), _RADIUS * jnp.sin(phases), hidden)


@functools.partial(jax.jit, static_argnames="hidden")
def _alternating(
    firsts: Float[Array, " P"], seconds: Float[Array, " P"], hidden: int
) -> Float[Array, " H"]:
    """Return [H], the numbers of the first and of the second units; 0 for an odd last one."""
    first, second = _units(hidden)
    return jnp.zeros(hidden).at[first].set(firsts).at[second].set(seconds)


def stratified_speeds(
    key: jax.Array, rotors: RotorSetting, owners: Int[np.ndarray, " P"]
) -> Float[Array, " P"]:
    """Draw [P] cycles per sample: for each owner a jittered logarithmic grid over the band."""
    low, high = rotors.band
    count = np.bincount(owners)[owners]
    place = np.array([np.sum(owners[:p] == owners[p]) for p in range(len(owners))])
    jitter = jax.random.uniform(key, (len(owners),))
    return low * (high / low) ** ((jnp.asarray(place) + jitter) / jnp.asarray(count))


def peaked_speeds(speeds: Float[Array, " P"], rotors: RotorSetting) -> Float[Array, " P"]:
    """Return `speeds` with the first of every selector at the peak of its training targets."""
    peaks = jnp.asarray(rotors.peaks)
    return speeds.at[: peaks.size].set(peaks)


def _units(hidden: int) -> tuple[Int[np.ndarray, " P"], Int[np.ndarray, " P"]]:
    """Return [P] twice, the first and the second unit of every pair."""
    first = 2 * np.arange(hidden // 2)
    return first, first + 1


def required_rotors(setting: LstmSetting) -> RotorSetting:
    """Return the speeds that the task asks for.

    Raises:
      ValueError: it has none.
    """
    if setting.rotors is None:
        raise ValueError(
            "The setting has no rotors: a task without oscillations has no such weights."
        )
    return setting.rotors


def pair_cycles(weights: LstmWeights, setting: LstmSetting) -> Float[np.ndarray, " P"]:
    """Compute [P] cycles per sample: the speed of each isolated pair while its selector is on, near c = 0.

    With gates i, f, o of the pair's units at h = 0 and its 2 × 2 block W of the candidate's kernel,

        M = diag(f) + diag(i) Wᵀ diag(o)

    maps (c, c') from sample to sample; the angle of its eigenvalues is the rotation, which is 0 for two real
    eigenvalues. Weights that are not finite give NaN. The input from other pairs through the recurrent kernel
    and the compression of large amplitudes by tanh are neglected: a trained pair that grows until tanh
    bounds it rotates some percent slower.
    """
    kernel = np.asarray(weights.input_kernel, np.float64)
    recurrent = np.asarray(weights.recurrent_kernel, np.float64)
    bias = np.asarray(weights.input_bias, np.float64) + np.asarray(weights.recurrent_bias)
    gates, found = gate_columns(setting.hidden_size), []
    for pair, owner in enumerate(pair_owners(setting)):
        units = np.array([2 * pair, 2 * pair + 1])
        z = bias + (kernel[setting.selectors[owner]] if setting.selectors else 0.0)
        # Beyond this range a gate is closed or open; exp of a diverged weight would overflow.
        z = np.clip(z, -80, 80)
        i, f, o = (1 / (1 + np.exp(-z[gates[name] + units])) for name in "ifo")
        block = recurrent[np.ix_(units, gates["g"] + units)]
        matrix = np.diag(f) + np.diag(i) @ block.T @ np.diag(o)
        finite = np.isfinite(matrix).all()
        turn = np.abs(np.angle(np.linalg.eigvals(matrix))).max() if finite else np.nan
        found.append(turn / (2 * np.pi))
    return np.array(found)


def change_scales(setting: LstmSetting) -> LstmWeights:
    """Return the size of a typical useful change of each weight, which scales the damping of steps.

    The numbers were found by experiment on networks that learned a clock. Recurrent and candidate weights
    rotate pairs by an angle per sample, and scale with `RotorSetting.turn_scale`. Forget biases are in the
    saturated range of the sigmoid and may change by units. Inputs other than selectors, which are noisy,
    change the least, unless `setting.gain` makes them drive the pairs.
    """
    d, h, o = setting.input_size, setting.hidden_size, setting.output_size
    turn = 1.0 if setting.rotors is None else setting.rotors.turn_scale
    # By NumPy, since every operation of JAX would be a program of its own, as `jnp.asarray` is.
    dtype = np.dtype(jnp.result_type(float))
    gate = np.repeat(np.array([0.1, 1.0, 0.003 * turn, 0.1], dtype), h)
    inputs = np.full((d, 1), 0.1, dtype)
    inputs[list(setting.selectors)] = 1.0
    kernel = inputs * gate
    if setting.gain > 0:
        first = gate_columns(h)["g"]
        kernel[list(setting.others), first : first + h] = 0.01
    # Two biases act as their sum: at 1/√2 each, the sum has the scale of one.
    bias = gate * (1 / dtype.type(2**0.5))  # rounded as XLA rounds a division by a constant
    scales = dict(
        input_kernel=kernel,
        input_bias=bias,
        recurrent_kernel=np.full((h, 4 * h), 0.03 * turn, dtype),
        recurrent_bias=bias,
        head_kernel=np.full((h, o), 3.0, dtype),
        head_bias=np.full(o, 0.3, dtype),
        carry=np.full(h, 0.3, dtype),
    )
    return LstmWeights(**jax.device_put(scales))
