"""Exact clock with constructed LSTM weights: a bound on what an LSTM can represent, without training.

Three units per component. A pair (s, c) rotates by θ = 2πf/f_s a sample near the linear regime: with all
gates of the pair fully open,

    (s, c)' = (s, c) + (R(θ) − I)(s, c) = R(θ)(s, c),

with values so small that tanh changes them by parts in 10⁹. A memory unit m holds whether the selector was
on at the previous sample. If the selector is on now and was off before, the pair's forget gate closes for
that one sample and its candidate sets it to (0, ε), from where s follows sin(θn), as the target does. So
the initial state is arbitrary, and may be carried from block to block without a reset.

The weights of the mixture are zero. Nothing is learned: the weights contain the frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from freqjax.networks.weights import LstmSetting, LstmWeights, gate_columns

# σ(20) is 1 and σ(−20) is 2e-9 in float32.
_OPEN = 20.0
# Radius of the circle: the relative difference of tanh(ε) and ε is ε²/3.
_RADIUS = 1e-4
# The h of a memory unit while its selector is on.
_HELD = np.tanh(1.0)
# Units of each component: a rotating pair and a memory unit.
_UNITS = 3


class Clock(NamedTuple):
    """Constructed weights of a clock; see `freqjax.networks.Constructed`.

    Attributes:
      cycles: [F] frequency of each component, cycles per sample.
    """

    cycles: tuple[float, ...]

    @property
    def units(self) -> int:
        """Smallest H: 3 units per component."""
        return _UNITS * len(self.cycles)

    def moved(self, off: float | Sequence[float] | np.ndarray) -> Clock:
        """Return a clock whose frequencies differ by `off`, cycles per sample."""
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
            # Always open, except at the sample at which the selector is switched on.
            bias[gates["f"] + pair] = _OPEN
            kernel[row, gates["f"] + pair] = -2 * _OPEN
            recurrent[memory, gates["f"] + pair] = 2 * _OPEN / _HELD
            kernel[row, gates["g"] + cosine] = _RADIUS
            recurrent[memory, gates["g"] + cosine] = -_RADIUS / _HELD
            # The memory is overwritten by the selector at every sample.
            for gate, push in (("i", _OPEN), ("f", -_OPEN), ("o", _OPEN)):
                bias[gates[gate] + memory] = push
            kernel[row, gates["g"] + memory] = _OPEN
            head[sine] = 1 / _RADIUS
        zeros = np.zeros(4 * h)
        arrays = (kernel, bias, recurrent, zeros, head, np.zeros(setting.output_size), np.zeros(h))
        return LstmWeights(*(jnp.asarray(array, jnp.float32) for array in arrays))


def _turn(theta: float) -> np.ndarray:
    """Return R(θ) − I, which maps (s, c) to its change in one sample."""
    cosine, sine = np.cos(theta) - 1, np.sin(theta)
    return np.array([[cosine, sine], [-sine, cosine]])
