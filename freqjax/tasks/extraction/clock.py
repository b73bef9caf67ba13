"""An exact clock, set by hand: what an LSTM can hold, whether or not it was ever taught.

For each frequency three units. A pair (s, c) turns by θ = 2πf/f_s a sample near the linear regime: with
all gates of the pair fully open,

    (s, c)' = (s, c) + (R(θ) − I)(s, c) = R(θ)(s, c),

kept so small that tanh bends it by parts in 10⁹. A memory unit m holds whether the selector was on at
the sample before. Where the selector is on now and was not before, the pair's forget gate closes for
that one sample and its candidate kicks it to (0, ε), from where it turns through sin(θn) in step with
the target. So the state may start anywhere, and may be carried from block to block without a reset.

The mixture has weight zero. Nothing here is learned: the frequencies are written in.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.networks.weights import LstmSetting, LstmWeights, gate_columns

# σ(20) is 1 and σ(−20) is 2e-9 in float32.
_OPEN = 20.0
# Radius of the circle: tanh(ε) differs from ε by ε²/3 of itself.
_RADIUS = 1e-4
# Of each frequency: a pair that turns, and one that holds whether its selector was on.
UNITS = 3


def constructed_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """The clock of `setting.written_hz`, using 3 units a frequency; the others' weights are zero.

    Args:
      key: not used; nothing is random.
      setting: sizes, selectors, sampling rate and frequencies; H at least 3F.
    """
    h, frequencies = setting.hidden_size, setting.written_hz
    gates = gate_columns(h)
    inputs, recurrent = np.zeros((setting.input_size, 4 * h)), np.zeros((h, 4 * h))
    bias, head = np.zeros(4 * h), np.zeros((h, setting.output_size))
    held = np.tanh(1.0)  # what the memory unit's h is while its selector is on
    for number, (row, hertz) in enumerate(zip(setting.selectors, frequencies, strict=True)):
        sine, cosine, memory = UNITS * number + np.arange(UNITS)
        theta = 2 * np.pi * hertz / setting.sampling_rate
        turn = np.array([[np.cos(theta) - 1, np.sin(theta)], [-np.sin(theta), np.cos(theta) - 1]])
        for to, unit in enumerate((sine, cosine)):
            for source, other in enumerate((sine, cosine)):
                recurrent[other, gates["g"] + unit] = turn[to, source]
            for gate in "io":  # open while the selector is on
                bias[gates[gate] + unit] = -_OPEN
                inputs[row, gates[gate] + unit] = 2 * _OPEN
            # Open always, but for the sample at which the selector comes on.
            bias[gates["f"] + unit] = _OPEN
            inputs[row, gates["f"] + unit] = -2 * _OPEN
            recurrent[memory, gates["f"] + unit] = 2 * _OPEN / held
        inputs[row, gates["g"] + cosine] = _RADIUS
        recurrent[memory, gates["g"] + cosine] = -_RADIUS / held
        # The memory forgets at every sample and takes in the selector.
        for gate, push in (("i", _OPEN), ("f", -_OPEN), ("o", _OPEN)):
            bias[gates[gate] + memory] = push
        inputs[row, gates["g"] + memory] = _OPEN
        head[sine] = 1 / _RADIUS
    zeros = np.zeros(4 * h)
    arrays = (inputs, bias, recurrent, zeros, head, np.zeros(setting.output_size), np.zeros(h))
    return LstmWeights(*(jnp.asarray(array, jnp.float32) for array in arrays))
