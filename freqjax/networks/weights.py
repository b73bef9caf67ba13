"""LSTM weight containers, and the settings that initializers may read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float


class RotorSetting(NamedTuple):
    """How fast pairs of units should turn, as a task asks for it; the unit of time is one sample.

    Attributes:
      band: (low, high) between which pairs are spread, cycles per sample.
      leak: what the forget gate of a pair loses, per sample.
      decay: what small amplitudes of a pair lose, per sample.
      turn_scale: factor on the steps of the weights that turn pairs (`rotors.change_scales`): larger
        where a typical useful change of speed is more cycles per sample.
      peaks: [F] of each selector the strongest oscillation in its training targets, cycles per sample;
        empty where nothing was read from them (spectral).
    """

    band: tuple[float, float]
    leak: float = 0.0
    decay: float = 0.0
    turn_scale: float = 1.0
    peaks: tuple[float, ...] = ()


class LstmSetting(NamedTuple):
    """What an initializer may read of the network and of its task.

    Attributes:
      input_size: D.
      hidden_size: H.
      output_size: O.
      selectors: which of the D inputs are a one-hot selector.
      longest: T, samples of the longest dependency.
      gain: weight of the inputs that are no selector in the candidates of rotors.
      rotors: how fast pairs of units should turn; None where the task has no oscillations.
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
        """Which of the D inputs are no selector."""
        return tuple(sorted(set(range(self.input_size)) - set(self.selectors)))


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

    input_kernel: Float[Array, "D 4*H"]
    input_bias: Float[Array, " 4*H"]
    recurrent_kernel: Float[Array, "H 4*H"]
    recurrent_bias: Float[Array, " 4*H"]
    head_kernel: Float[Array, "H O"]
    head_bias: Float[Array, " O"]
    carry: Float[Array, " H"]


class LayerSetting(NamedTuple):
    """What an initializer may read of one layer of any cell.

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


# Gives {input, recurrent}, each {kernel, bias}.
LayerInitializer = Callable[[jax.Array, LayerSetting], dict[str, Any]]

LstmInitializer = Callable[[jax.Array, LstmSetting], LstmWeights]


def gate_columns(hidden_size: int) -> dict[str, int]:
    """Return the first column of each gate in a kernel [·, 4H]."""
    return {name: k * hidden_size for k, name in enumerate("ifgo")}
