"""An exact clock, constructed by hand: what an LSTM can hold, whether or not it can learn it.

Three units per component. A pair (s, c) turns by θ = 2πf/f_s a sample near the linear regime: with all
gates of the pair fully open,

    (s, c)' = (s, c) + (R(θ) − I)(s, c) = R(θ)(s, c),

kept so small that tanh bends it by parts in 10⁹. A memory unit m holds whether the selector was on at
the sample before. Where the selector is on now and was not before, the pair's forget gate closes for
that one sample and its candidate sets it to (0, ε), from where it turns through sin(θn) in step with
the target. So the state may start anywhere, and may be carried from block to block without a reset.

The weights of the mixture are zero. Nothing here is learned: the frequencies are written in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from freqjax.networks.weights import LstmSetting, LstmWeights, gate_columns

# σ(20) is 1 and σ(−20) is 2e-9 in float32.
_OPEN = 20.0
# Radius of the circle: tanh(ε) differs from ε by ε²/3 of itself.
_RADIUS = 1e-4
# Of a memory unit: its h while its selector is on.
_HELD = np.tanh(1.0)
# Of each component: a pair that turns, and one that holds whether its selector was on.
_UNITS = 3


class Clock(NamedTuple):
    """The weights of a clock, as `freqjax.networks.Constructed`.

    Attributes:
      cycles: [F] how fast each component turns, cycles per sample.
    """

    cycles: tuple[float, ...]

    @property
    def units(self) -> int:
        """The smallest H that holds it: 3 units per component."""
        return _UNITS * len(self.cycles)

    def moved(self, off: float | Sequence[float] | np.ndarray) -> Clock:
        """Return a clock whose components are off by so many cycles per sample."""
        return Clock(tuple((np.asarray(self.cycles) + np.asarray(off)).tolist()))

    def weights(self, setting: LstmSetting) -> LstmWeights:
        """Write the weights of a network of `setting`, whose H is at least `units`; others are zero."""
        h = setting.hidden_size
        kernel, recurrent = np.zeros((setting.input_size, 4 * h)), np.zeros((h, 4 * h))
        bias, head = np.zeros(4 * h), np.zeros((h, setting.output_size))
        gates = gate_columns(h)
        for number, (row, cycles) in enumerate(zip(setting.selectors, self.cycles, strict=True)):
            sine, cosine, memory = _UNITS * number + np.arange(_UNITS)
            pair = np.array([sine, cosine])
            recurrent[np.ix_(pair, gates["g"] + pair)] = _turn(2 * np.pi * cycles).T
            for gate in "io":  # open while the selector is on
                bias[gates[gate] + pair] = -_OPEN
                kernel[row, gates[gate] + pair] = 2 * _OPEN
            # Open always, but for the sample at which the selector comes on.
            bias[gates["f"] + pair] = _OPEN
            kernel[row, gates["f"] + pair] = -2 * _OPEN
            recurrent[memory, gates["f"] + pair] = 2 * _OPEN / _HELD
            kernel[row, gates["g"] + cosine] = _RADIUS
            recurrent[memory, gates["g"] + cosine] = -_RADIUS / _HELD
            # The memory forgets at every sample and takes in the selector.
            for gate, push in (("i", _OPEN), ("f", -_OPEN), ("o", _OPEN)):
                bias[gates[gate] + memory] = push
            kernel[row, gates["g"] + memory] = _OPEN
            head[sine] = 1 / _RADIUS
        zeros = np.zeros(4 * h)
        arrays = (kernel, bias, recurrent, zeros, head, np.zeros(setting.output_size), np.zeros(h))
        return LstmWeights(*(jnp.asarray(array, jnp.float32) for array in arrays))


def _turn(theta: float) -> np.ndarray:
    """Return R(θ) − I, which maps (s, c) to its change."""
    cosine, sine = np.cos(theta) - 1, np.sin(theta)
    return np.array([[cosine, sine], [-sine, cosine]])
