"""Pairs of LSTM units that turn like clock hands: made, measured, and the metric of moving them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.networks.weights import LstmSetting, LstmWeights, gate_columns

# A selector at 1 leaves its own pairs alone and holds the others by this much at their gates.
_HOLD = 16.0
# Radius of the circle on which a pair starts: large enough to be heard, small enough to be linear.
_RADIUS = 0.3
# A gate that forgets nothing at all would have an infinite bias.
_LEAK = 1e-6


def rotor_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """`turning_weights` at random frequencies: for each selector a jittered logarithmic grid.

    The pairs of one selector share the band evenly on a log scale, each at a random place within its
    share: no frequency of the task enters.
    """
    frequency_key, weights_key = jax.random.split(key)
    return turning_weights(weights_key, setting, _stratified(frequency_key, setting))


def spectral_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """As `rotor_weights`, with the first pair of every selector at the peak of its training targets."""
    frequency_key, weights_key = jax.random.split(key)
    hertz = _stratified(frequency_key, setting)
    peaks = jnp.asarray(setting.peaks_hz)
    return turning_weights(weights_key, setting, hertz.at[: len(setting.peaks_hz)].set(peaks))


def pair_owners(setting: LstmSetting) -> np.ndarray:
    """[H // 2] which selector a pair belongs to: pair p to selector p mod F."""
    return np.arange(setting.hidden_size // 2) % len(setting.selectors)


def turning_weights(key: jax.Array, setting: LstmSetting, hertz: jax.Array) -> LstmWeights:
    """Pairs of units that turn like clock hands, each heard under one selector.

    Near c = 0 and with input and output gates at 1/2, h = c/2 and c' = f c + W c/4, so that

        W = 4 (R(ω) − f I),   R(ω) = [[cos ω, −sin ω], [sin ω, cos ω]],   f = cos ω (at least 1/2)

    turns the pair by ω rad a sample without growth or decay; the tanh then bounds its amplitude. A leak
    of the forget gate and a decay of small swings can be asked for (`setting`): the candidate's diagonal
    then makes up the difference, and what it puts back the tanh takes from large swings.
    They start at random phases on a circle, so the initial carry must be learned. With `setting.gain`
    at 0 the weights on all inputs but the selectors are 0. Above 0 every pair hears those inputs from a
    direction of its own, and with `setting.decay` > 0 it forgets what it heard: an observer of one tone.

    The selectors that do not own a pair (`pair_owners`) hold it: input and output gates shut, forget
    gate open, so that its c stays what it was and its h is 0. A held pair starts to turn from where it
    stands when its selector comes, which makes a state that is carried from block to block as good as
    a fresh one.

    An odd last unit is left idle: with all its weights at zero.
    """
    h, pairs = setting.hidden_size, setting.hidden_size // 2
    phase_key, head_key, ear_key = jax.random.split(key, 3)
    owners = pair_owners(setting)
    omega = 2 * jnp.pi * hertz / setting.sampling_rate
    lost = _LEAK + setting.leak / setting.sampling_rate
    forget = jnp.maximum(jnp.cos(omega), 0.5) - lost
    # 1 − cos ω = 2 sin²(ω/2): as a difference it would lose the slow pairs' forget gates to rounding.
    remainder = jnp.minimum(2 * jnp.sin(omega / 2) ** 2, 0.5) + lost
    # What the forget gate lets go and small swings are to keep, the candidate puts back.
    kept = remainder - 2 * jnp.sin(omega / 2) ** 2 - setting.decay / setting.sampling_rate
    first, second = 2 * np.arange(pairs), 2 * np.arange(pairs) + 1
    gates = gate_columns(h)

    recurrent = jnp.zeros((h, 4 * h))
    # Column gates["g"] + u of the kernel feeds unit u; row v is what unit v gives.
    stretch = 4 * kept
    recurrent = recurrent.at[first, gates["g"] + first].set(stretch)
    recurrent = recurrent.at[second, gates["g"] + second].set(stretch)
    recurrent = recurrent.at[second, gates["g"] + first].set(-4 * jnp.sin(omega))
    recurrent = recurrent.at[first, gates["g"] + second].set(4 * jnp.sin(omega))
    bias = jnp.zeros(4 * h)
    for unit in (first, second):
        bias = bias.at[gates["f"] + unit].set(jnp.log(forget / remainder))
    kernel = jnp.zeros((setting.input_size, 4 * h))
    for number, row in enumerate(setting.selectors):
        strangers = np.flatnonzero(owners != number)
        for unit in (first, second):
            for gate, push in (("i", -_HOLD), ("f", _HOLD), ("o", -_HOLD)):
                kernel = kernel.at[row, gates[gate] + unit[strangers]].set(push)

    directions = jax.random.uniform(ear_key, (pairs,), maxval=2 * jnp.pi)
    for row in sorted(set(range(setting.input_size)) - set(setting.selectors)):
        kernel = kernel.at[row, gates["g"] + first].set(setting.gain * jnp.cos(directions))
        kernel = kernel.at[row, gates["g"] + second].set(setting.gain * jnp.sin(directions))

    phases = jax.random.uniform(phase_key, (pairs,), maxval=2 * jnp.pi)
    carry = jnp.zeros(h)
    carry = carry.at[first].set(_RADIUS * jnp.cos(phases)).at[second].set(_RADIUS * jnp.sin(phases))
    return LstmWeights(
        input_kernel=kernel,
        input_bias=bias,
        recurrent_kernel=recurrent,
        recurrent_bias=jnp.zeros(4 * h),
        head_kernel=0.1 * jax.random.normal(head_key, (h, setting.output_size)),
        head_bias=jnp.zeros(setting.output_size),
        carry=carry,
    )


def _stratified(key: jax.Array, setting: LstmSetting) -> jax.Array:
    """[H // 2] Hz: for each selector a jittered logarithmic grid over the band."""
    (low, high), owners = setting.band, pair_owners(setting)
    count = np.bincount(owners)[owners]
    place = np.array([np.sum(owners[:p] == owners[p]) for p in range(len(owners))])
    jitter = jax.random.uniform(key, (len(owners),))
    return low * (high / low) ** ((jnp.asarray(place) + jitter) / jnp.asarray(count))


def pair_frequencies(weights: LstmWeights, setting: LstmSetting) -> np.ndarray:
    """[H // 2] Hz: how fast each pair turns by itself while its selector is on, near c = 0.

    With gates i, f, o of the pair's units at h = 0 and its 2 × 2 block W of the candidate's kernel,

        M = diag(f) + diag(i) Wᵀ diag(o)

    maps (c, c') from sample to sample; its eigenvalues' angle is the turn. Two real eigenvalues turn
    not at all, 0 Hz; weights that are not finite give NaN. What other pairs add through the recurrent
    kernel is left out, and so is what tanh takes from large swings: a trained pair that grows until tanh
    bounds it turns some percent slower.
    """
    kernel = np.asarray(weights.input_kernel, np.float64)
    recurrent = np.asarray(weights.recurrent_kernel, np.float64)
    bias = np.asarray(weights.input_bias, np.float64) + np.asarray(weights.recurrent_bias)
    gates, found = gate_columns(setting.hidden_size), []
    for pair, owner in enumerate(pair_owners(setting)):
        units = np.array([2 * pair, 2 * pair + 1])
        z = bias + kernel[setting.selectors[owner]]
        z = np.clip(
            z, -80, 80
        )  # beyond, a gate is shut or open; exp of a diverged weight overflows
        i, f, o = (1 / (1 + np.exp(-z[gates[name] + units])) for name in "ifo")
        block = recurrent[np.ix_(units, gates["g"] + units)]
        matrix = np.diag(f) + np.diag(i) @ block.T @ np.diag(o)
        finite = np.isfinite(matrix).all()
        turn = np.abs(np.angle(np.linalg.eigvals(matrix))).max() if finite else np.nan
        found.append(turn * setting.sampling_rate / (2 * np.pi))
    return np.array(found)


def change_scales(setting: LstmSetting) -> LstmWeights:
    """The size of a typical useful change of each weight, the metric in which steps are damped.

    Found by trial on the clock task and stated in its own units, so that it follows the sampling
    rate: recurrent and candidate weights turn pairs by an angle a sample, which for a given change of
    frequency shrinks as 1/f_s. Forget biases sit far out on the sigmoid and may move by units. The
    noisy inputs are moved the least, unless `setting.gain` says that the rotors are to hear them.
    """
    d, h, o = setting.input_size, setting.hidden_size, setting.output_size
    angle = 1000 / setting.sampling_rate
    gate = jnp.repeat(jnp.asarray([0.1, 1.0, 0.003 * angle, 0.1]), h)
    inputs = jnp.full((d, 1), 0.1).at[jnp.asarray(setting.selectors), 0].set(1.0)
    kernel = inputs * gate[None]
    if setting.gain > 0:
        ears = sorted(set(range(d)) - set(setting.selectors))
        columns = slice(gate_columns(h)["g"], gate_columns(h)["g"] + h)
        kernel = kernel.at[jnp.asarray(ears), columns].set(0.01)
    # Two biases act as their sum: at 1/√2 each, the sum has the scale of one.
    bias = gate / 2**0.5
    return LstmWeights(
        input_kernel=kernel,
        input_bias=bias,
        recurrent_kernel=jnp.full((h, 4 * h), 0.03 * angle),
        recurrent_bias=bias,
        head_kernel=jnp.full((h, o), 3.0),
        head_bias=jnp.full(o, 0.3),
        carry=jnp.full(h, 0.3),
    )
