"""Abilities that only some networks have: a small protocol each, for `isinstance`.

    if isinstance(network, Streams):
        carry, y = network.step(params, carry, x)

Callers test for the ability that they use, never for a class, so that any network with the methods can be
used. Every ability is a `freqjax.networks.network.Network` as well.
Axes: T time, B streams, D inputs, O outputs, H hidden, P rotation speeds.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from freqjax.errors import UserError
from freqjax.networks.arrays import AnyArray, Size
from freqjax.networks.cell import OfCell
from freqjax.networks.lstm_linear import Linearization
from freqjax.networks.network import Carry, Network, Params
from freqjax.networks.padding import HiddenAxes
from freqjax.networks.sensitivities import Dense, Reading
from freqjax.networks.weights import LstmSetting, LstmWeights


@runtime_checkable
class Streams(Network, Protocol):
    """Causal network, which can process one sample at a time."""

    def step(
        self, params: Params, carry: Carry, x: Float[AnyArray, "B D"]
    ) -> tuple[Carry, Float[Array, "B O"]]:
        """Advance one sample: carry, x [B, D] → carry, y [B, O]."""
        ...


class TrainingPass(NamedTuple):
    """Result of a training pass of a network that trains otherwise than it is evaluated.

    Attributes:
      outputs: [T, B, O], or [M, T, B, O] of M members, each of which learns from its own loss.
      penalty: added to the mean loss of the outputs.
      counted: [T, B] bool, the rows whose loss counts in this update; None for all.
    """

    outputs: Float[Array, "*M T B O"]
    penalty: Float[Array, ""]
    counted: Bool[Array, "T B"] | None = None


@runtime_checkable
class TrainsApart(Network, Protocol):
    """Network of whole sequences whose training pass differs from `unroll`.

    It may read the targets (teacher forcing), add noise, penalise its code, or change over the updates.
    """

    def training_pass(
        self,
        params: Params,
        xs: Float[AnyArray, "T B D"],
        targets: Float[AnyArray, "T B O"],
        resets: Bool[AnyArray, "T B"],
        *,
        key: jax.Array,
        step: Int[Array, ""],
    ) -> TrainingPass:
        """Run B sequences as update number `step` trains on them; `key` is of that update alone."""
        ...


@runtime_checkable
class Linearizable(Network, Protocol):
    """Network with an explicit linearisation, as Gauss-Newton steps need."""

    def linearize(self, params: Params, xs: Float[AnyArray, "T B D"]) -> Linearization:
        """Linearise at `params` over xs [T, B, D] from `init_carry`, which is learned."""
        ...

    def scales(self) -> Params:
        """Return the size of a typical useful change of each parameter, in the layout of `init`."""
        ...


@runtime_checkable
class RealTime(Network, Protocol):
    """Causal network that carries the derivative of its carry by the parameters forward in time.

    That is real-time recurrent learning; the layout of the derivative, the memory, is the network's own.
    """

    def sensitivities(self, params: Params, streams: Size, *, exact: bool) -> Any:
        """Return the memory of B = `streams` streams at `init_carry`.

        Args:
          params: the parameters.
          streams: B.
          exact: whether it will be the whole derivative, or only that through each unit's own state.
        """
        ...

    def advance(
        self,
        params: Params,
        carry: Carry,
        memory: Any,
        x: Float[AnyArray, "B D"],
        resets: Bool[AnyArray, " B"],
    ) -> tuple[Carry, Any, Reading]:
        """Advance one sample: x [B, D], resets [B] → carry, memory, outputs [B, O] and their derivative.

        If resets[b] is set, carry and memory of stream b start over before the sample.
        """
        ...

    def correct(self, carry: Carry, memory: Any, change: Params) -> Carry:
        """Return the carry that the parameters plus `change` would have reached, to first order."""
        ...


@runtime_checkable
class DenseRealTime(RealTime, Protocol):
    """Network whose sensitivities advance by a function that can be replaced by an equal one."""

    def with_dense(self, dense: Dense) -> RealTime:
        """Return the network with `dense` for sensitivities where every unit is connected to all."""
        ...


@runtime_checkable
class HasCell(OfCell, Network, Protocol):
    """Network with recurrent layers of one cell, which can be replaced by an equal one."""


@runtime_checkable
class Restricted(Network, Protocol):
    """Network that may fix some of its weights at 0."""

    def holds(self, params: Params) -> bool:
        """Return whether the weights that are fixed are 0 in `params`, which others had made."""
        ...


@runtime_checkable
class Paddable(Network, Protocol):
    """Network that can be padded with zeros to a larger H, so that sizes can share a program."""

    def hidden_axes(self) -> HiddenAxes:
        """Return the number of blocks of H in each axis of every array: see `networks.padding`."""
        ...


@runtime_checkable
class SingleLstm(Network, Protocol):
    """One LSTM layer with all gates in one matrix, and a linear head.

    The online gradient in closed form and the native loop are implemented for these weights.

    Attributes:
      setting: its sizes.
    """

    setting: LstmSetting

    def weights(self, params: Params) -> LstmWeights:
        """Return the arrays of `params` by name: [D, 4H], [H, 4H], [4H] …."""
        ...

    def tree(self, weights: LstmWeights) -> Params:
        """Return `weights` in the layout of `init`: the inverse of `weights`."""
        ...


@runtime_checkable
class Bounded(Network, Protocol):
    """Network of whole sequences that have at most a number of samples.

    Attributes:
      longest: T of the longest sequence.
    """

    @property
    def longest(self) -> int: ...


@runtime_checkable
class Described(Network, Protocol):
    """Network that is not made of layers of a cell alone, and says what it is made of.

    Attributes:
      description: its kind and sizes in words.
    """

    @property
    def description(self) -> str: ...


@runtime_checkable
class TurningPairs(Network, Protocol):
    """Network whose units, or pairs of units, have rotation speeds."""

    def pair_cycles(self, params: Params) -> Float[np.ndarray, " P"]:
        """Compute the rotation speed of each pair or unit, [P] cycles per sample."""
        ...

    def pair_owners(self) -> Int[np.ndarray, " P"]:
        """Return [P] int, the selector under which each pair or unit rotates."""
        ...


def require_streams(network: Network) -> Streams:
    """Return `network`, typed as one that can process one sample at a time.

    Raises:
      UserError: the network is not causal.
    """
    if isinstance(network, Streams):
        return network
    raise UserError(
        "network.bidirectional is true: it must be false to go one sample at a time, since such "
        "a network reads the samples to come."
    )
