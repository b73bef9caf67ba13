"""Containers of LSTM weights, and the settings that initializers may read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float


class RotorSetting(NamedTuple):
    """Rotation speeds of pairs of units, as a task asks for them; the unit of time is one sample.

    Attributes:
      band: (low, high) over which pairs are spread, cycles per sample.
      leak: decrease of the forget gate of a pair, per sample.
      decay: decay of small amplitudes of a pair, per sample.
      turn_scale: factor on the steps of the weights that rotate pairs (`rotors.change_scales`): larger if a
        typical useful change of speed is larger in cycles per sample.
      peaks: [F] strongest oscillation in the training targets of each selector, cycles per sample (spectral);
        empty if it was not measured.
    """

    band: tuple[float, float]
    leak: float = 0.0
    decay: float = 0.0
    turn_scale: float = 1.0
    peaks: tuple[float, ...] = ()


class LstmSetting(NamedTuple):
    """Properties of the network and of its task that an initializer may read.

    Attributes:
      input_size: D.
      hidden_size: H.
      output_size: O.
      selectors: indices of the D inputs that are a one-hot selector.
      longest: T, samples of the longest dependency.
      gain: weight of the other inputs in the candidates of rotors.
      rotors: rotation speeds of pairs of units; None if the task has no oscillations.
    """

    input_size: int
    hidden_size: int
    output_size: int
    selectors: tuple[int, ...] = ()
    longest: int = 1
    gain: float = 0.0
    rotors: RotorSetting | None = None

    @property
    def others(self) -> tuple[int, ...]:
        """Indices of the D inputs that are not a selector."""
        return tuple(sorted(set(range(self.input_size)) - set(self.selectors)))


class LstmWeights(NamedTuple):
    """Parameters of an LSTM with a head and an initial carry.

    Attributes:
      input_kernel: [D, 4H].
      input_bias: [4H].
      recurrent_kernel: [H, 4H].
      recurrent_bias: [4H].
      head_kernel: [H, O].
      head_bias: [O].
      carry: [H], c of the initial carry; its h is zero.
    """

    input_kernel: Float[Array, "D 4*H"]
    input_bias: Float[Array, " 4*H"]
    recurrent_kernel: Float[Array, "H 4*H"]
    recurrent_bias: Float[Array, " 4*H"]
    head_kernel: Float[Array, "H O"]
    head_bias: Float[Array, " O"]
    carry: Float[Array, " H"]


class LayerSetting(NamedTuple):
    """Properties of one layer of any cell that an initializer may read.

    Attributes:
      input_size: of this layer.
      hidden_size: H.
      gates: one letter per gate, in the order of their columns.
      keeps: the gate that multiplies the previous state, or None.
      admits: the gate that multiplies the candidate, or None.
      longest: T, samples of the longest dependency.
    """

    input_size: int
    hidden_size: int
    gates: str
    keeps: str | None
    admits: str | None
    longest: int


# Returns {input, recurrent}, each {kernel, bias}.
LayerInitializer = Callable[[jax.Array, LayerSetting], dict[str, Any]]

LstmInitializer = Callable[[jax.Array, LstmSetting], LstmWeights]


def gate_columns(hidden_size: int) -> dict[str, int]:
    """Return the first column of each gate in a kernel [·, 4H]."""
    return {name: k * hidden_size for k, name in enumerate("ifgo")}


def coupled_mask(hidden_size: int, gates: int, size: int) -> Bool[np.ndarray, "H GH"]:
    """Return [H, GH], True for the recurrent weights between two units of the same group of `size`."""
    group = np.arange(hidden_size) // size
    return group[:, None] == np.tile(group, gates)[None]
