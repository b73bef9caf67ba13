"""How the weights of an LSTM start, by name.

Gates stand side by side in the order i, f, g, o: a kernel is [inputs, 4H], a bias [4H].

- pytorch: every weight and bias of cell and head uniform in ±1/√H, as torch.nn.LSTM and a Linear of
  H inputs do.
- orthogonal: each gate's recurrent matrix orthogonal (Saxe et al. 2014), inputs Glorot-uniform,
  biases zero.
- unit_forget: as orthogonal, with the forget gate's bias 1 (Jozefowicz et al. 2015).
- chrono: as orthogonal, with forget biases log U(1, T − 1) and input biases their negatives, so that
  the units' memories spread evenly over T samples (Tallec & Ollivier 2018).
- rotor: pairs of units that turn, at random frequencies of a wide band (`rotor_weights`).

A learned initial carry starts at zero, but for rotors, which must be turning to be heard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import glorot_uniform, orthogonal


class LstmSetting(NamedTuple):
    """What an initializer may know of the network and of the stream; nothing of its frequencies.

    Attributes:
      input_size: D.
      hidden_size: H.
      output_size: O.
      selectors: which of the D inputs are a one-hot selector.
      longest: T, samples of the longest dependency.
      sampling_rate: Hz.
      band: (low, high) of the rotors, Hz.
    """

    input_size: int
    hidden_size: int
    output_size: int
    selectors: tuple[int, ...]
    longest: int
    sampling_rate: float
    band: tuple[float, float]


class LstmWeights(NamedTuple):
    """The parameters of an LSTM with a head and an initial carry.

    Attributes:
      input_kernel: [D, 4H].
      input_bias: [4H].
      recurrent_kernel: [H, 4H].
      recurrent_bias: [4H].
      head_kernel: [H, O].
      head_bias: [O].
      carry: [H], c of the initial carry; its h is zero.
    """

    input_kernel: jax.Array
    input_bias: jax.Array
    recurrent_kernel: jax.Array
    recurrent_bias: jax.Array
    head_kernel: jax.Array
    head_bias: jax.Array
    carry: jax.Array


LstmInitializer = Callable[[jax.Array, LstmSetting], LstmWeights]


def pytorch_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """All uniform in ±1/√H."""
    d, h, o = setting.input_size, setting.hidden_size, setting.output_size
    shapes = [(d, 4 * h), (4 * h,), (h, 4 * h), (4 * h,), (h, o), (o,)]
    keys = jax.random.split(key, len(shapes))
    drawn = [
        jax.random.uniform(k, shape, minval=-(h**-0.5), maxval=h**-0.5)
        for k, shape in zip(keys, shapes, strict=True)
    ]
    return LstmWeights(*drawn, carry=jnp.zeros(h))


def orthogonal_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """Orthogonal recurrence, Glorot inputs, a head as PyTorch's."""
    d, h = setting.input_size, setting.hidden_size
    input_key, recurrent_key, head_key = jax.random.split(key, 3)
    head = pytorch_weights(head_key, setting)
    # Gate by gate: drawn at once, [H, 4H] would be one orthogonal matrix and not four.
    kernels = [
        jnp.concatenate([init(k, (n, h), jnp.float32) for k in jax.random.split(part, 4)], axis=1)
        for init, part, n in (
            (glorot_uniform(), input_key, d),
            (orthogonal(), recurrent_key, h),
        )
    ]
    zeros = jnp.zeros(4 * h)
    return head._replace(
        input_kernel=kernels[0],
        input_bias=zeros,
        recurrent_kernel=kernels[1],
        recurrent_bias=zeros,
    )


def unit_forget_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """Orthogonal, with forget biases of 1."""
    h = setting.hidden_size
    weights = orthogonal_weights(key, setting)
    return weights._replace(input_bias=weights.input_bias.at[h : 2 * h].set(1.0))


def chrono_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """Orthogonal, with forget biases log U(1, T − 1) and input biases their negatives."""
    h = setting.hidden_size
    weights_key, bias_key = jax.random.split(key)
    weights = orthogonal_weights(weights_key, setting)
    longest = max(setting.longest - 1.0, 2.0)
    spread = jnp.log(jax.random.uniform(bias_key, (h,), minval=1.0, maxval=longest))
    bias = weights.input_bias.at[:h].set(-spread).at[h : 2 * h].set(spread)
    return weights._replace(input_bias=bias)


# A selector at 1 leaves its own pairs alone and holds the others by this much at their gates.
_HOLD = 16.0
# Radius of the circle on which a pair starts: large enough to be heard, small enough to be linear.
_RADIUS = 0.3
# A gate that forgets nothing at all would have an infinite bias.
_LEAK = 1e-6


def rotor_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """Pairs of units that turn like clock hands, each heard under one selector.

    Near c = 0 and with input and output gates at 1/2, h = c/2 and c' = f c + W c/4, so that

        W = 4 (R(ω) − f I),   R(ω) = [[cos ω, −sin ω], [sin ω, cos ω]],   f = cos ω (at least 1/2)

    turns the pair by ω rad a sample without growth or decay; the tanh then bounds its amplitude.
    Pair p belongs to selector p mod F. The pairs of one selector share the band evenly on a log scale,
    each at a random place within its share: no frequency of the task enters. They start at random
    phases on a circle, so the initial carry must be learned. The weights on all other inputs are 0.

    The other selectors hold a pair: input and output gates shut, forget gate open, so that its c stays
    what it was and its h is 0. A held pair starts to turn from where it stands when its selector comes,
    which makes a state that is carried from block to block as good as a fresh one.

    An odd last unit is left idle: with all its weights at zero.
    """
    h, pairs = setting.hidden_size, setting.hidden_size // 2
    frequency_key, phase_key, head_key = jax.random.split(key, 3)
    owners = np.arange(pairs) % len(setting.selectors)
    turns = _stratified(frequency_key, owners, setting.band) / setting.sampling_rate
    omega = 2 * jnp.pi * turns
    forget = jnp.maximum(jnp.cos(omega), 0.5) - _LEAK
    # 1 − cos ω = 2 sin²(ω/2): as a difference it would lose the slow pairs' forget gates to rounding.
    remainder = jnp.minimum(2 * jnp.sin(omega / 2) ** 2, 0.5) + _LEAK
    first, second = 2 * np.arange(pairs), 2 * np.arange(pairs) + 1
    gates = dict(zip("ifgo", (np.arange(4) * h).tolist(), strict=True))

    recurrent = jnp.zeros((h, 4 * h))
    # Column gates["g"] + u of the kernel feeds unit u; row v is what unit v gives.
    stretch = 4 * (remainder - 2 * jnp.sin(omega / 2) ** 2)
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


def _stratified(key: jax.Array, owners: np.ndarray, band: tuple[float, float]) -> jax.Array:
    """[pairs] Hz: for each owner a jittered logarithmic grid over the band."""
    low, high = band
    count = np.bincount(owners)[owners]
    place = np.array([np.sum(owners[:p] == owners[p]) for p in range(len(owners))])
    jitter = jax.random.uniform(key, (len(owners),))
    return low * (high / low) ** ((jnp.asarray(place) + jitter) / jnp.asarray(count))


def change_scales(setting: LstmSetting) -> LstmWeights:
    """The size of a typical useful change of each weight, the metric in which steps are damped.

    Found by trial on the clock task and stated in its own units, so that it follows the sampling
    rate: recurrent and candidate weights turn pairs by an angle a sample, which for a given change of
    frequency shrinks as 1/f_s. Forget biases sit far out on the sigmoid and may move by units. The
    noisy inputs are moved the least.
    """
    d, h, o = setting.input_size, setting.hidden_size, setting.output_size
    angle = 1000 / setting.sampling_rate
    gate = jnp.repeat(jnp.asarray([0.1, 1.0, 0.003 * angle, 0.1]), h)
    inputs = jnp.full((d, 1), 0.1).at[jnp.asarray(setting.selectors), 0].set(1.0)
    # Two biases act as their sum: at 1/√2 each, the sum has the scale of one.
    bias = gate / 2**0.5
    return LstmWeights(
        input_kernel=inputs * gate[None],
        input_bias=bias,
        recurrent_kernel=jnp.full((h, 4 * h), 0.03 * angle),
        recurrent_bias=bias,
        head_kernel=jnp.full((h, o), 3.0),
        head_bias=jnp.full(o, 0.3),
        carry=jnp.full(h, 0.3),
    )


INITIALIZERS: dict[str, LstmInitializer] = {
    "pytorch": pytorch_weights,
    "orthogonal": orthogonal_weights,
    "unit_forget": unit_forget_weights,
    "chrono": chrono_weights,
    "rotor": rotor_weights,
}
