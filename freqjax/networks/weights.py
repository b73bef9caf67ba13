"""LSTM weight containers, and the settings that initializers may read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax


class LstmSetting(NamedTuple):
    """What a network is made to fit, and what an initializer may know of it and of the stream.

    Attributes:
      input_size: D.
      hidden_size: H.
      output_size: O.
      selectors: which of the D inputs are a one-hot selector.
      longest: T, samples of the longest dependency.
      sampling_rate: Hz.
      band: (low, high) of the rotors, Hz.
      gain: weight with which the rotors hear the inputs that are no selector.
      leak: how fast the forget gate of a rotor lets go, 1/s.
      decay: how fast small swings of a rotor die away, 1/s.
      peaks_hz: the strongest line of the training targets under each selector, Hz; for spectral alone.
      written_hz: the frequencies as the config has them, one a selector; for constructed alone.
    """

    input_size: int
    hidden_size: int
    output_size: int
    selectors: tuple[int, ...]
    longest: int
    sampling_rate: float
    band: tuple[float, float]
    gain: float
    leak: float
    decay: float
    peaks_hz: tuple[float, ...]
    written_hz: tuple[float, ...]


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


class LayerSetting(NamedTuple):
    """What an initializer may know of one layer of any cell.

    Attributes:
      input_size: of this layer.
      hidden_size: H.
      gates: a letter a gate, in the order in which they stand side by side.
      keeps: the gate whose opening keeps what the carry holds, or none.
      admits: the gate whose opening lets the candidate in, or none.
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
    """First column of each gate in a kernel [·, 4H]."""
    return {name: k * hidden_size for k, name in enumerate("ifgo")}
