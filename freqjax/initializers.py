"""How the weights of an LSTM start, by name.

Gates stand side by side in the order i, f, g, o: a kernel is [inputs, 4H], a bias [4H].

- pytorch: every weight and bias of cell and head uniform in ±1/√H, as torch.nn.LSTM and a Linear of
  H inputs do.
- orthogonal: each gate's recurrent matrix orthogonal (Saxe et al. 2014), inputs Glorot-uniform,
  biases zero.
- unit_forget: as orthogonal, with the forget gate's bias 1 (Jozefowicz et al. 2015).
- chrono: as orthogonal, with forget biases log U(1, T − 1) and input biases their negatives, so that
  the units' memories spread evenly over T samples (Tallec & Ollivier 2018).
- rotor: pairs of units that turn, at random frequencies of a wide band (`freqjax.rotors`).
- spectral: as rotor, with one pair of every selector at the peak of its targets' spectrum. Data-driven:
  say so wherever its results are quoted.
- constructed: an exact clock with the frequencies written in (`freqjax.constructed`). A reference of
  what the network can hold; nothing in it is learned.

A learned initial carry starts at zero, but for rotors, which must be turning to be heard.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform, orthogonal

from freqjax.constructed import constructed_weights
from freqjax.rotors import rotor_weights, spectral_weights
from freqjax.weights import LstmInitializer, LstmSetting, LstmWeights


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
    return head._replace(
        input_kernel=kernels[0],
        input_bias=jnp.zeros(4 * h),  # two buffers, since both are donated to the train step
        recurrent_kernel=kernels[1],
        recurrent_bias=jnp.zeros(4 * h),
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


INITIALIZERS: dict[str, LstmInitializer] = {
    "pytorch": pytorch_weights,
    "orthogonal": orthogonal_weights,
    "unit_forget": unit_forget_weights,
    "chrono": chrono_weights,
    "rotor": rotor_weights,
    "spectral": spectral_weights,
    "constructed": constructed_weights,
}
