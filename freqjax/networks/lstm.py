"""One-layer LSTM: a Flax cell, scanned over time, with a linear head.

With a_t = W_i x_t + b_i + W_h h_{t-1} + b_h split into four gates in PyTorch's order i, f, g, o
(Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000):

    c_t = σ(f) c_{t-1} + σ(i) tanh(g)
    h_t = σ(o) tanh(c_t)
    y_t = W_y h_t + b_y

The gates are side by side in one matrix, so that a step is one product with W_i and one with W_h.
There are two bias vectors as in PyTorch, so that weights can be converted both ways without loss: 18,241
parameters at H = 64 with D = 5 inputs and one output. A learned initial carry adds H, its c; its h is zero.

With `pairs` (`network.recurrence`) W_h couples units 2p and 2p + 1 alone. The kernel keeps its shape [H, 4H];
its other weights are 0, and have no effect and no gradient whatever their values.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int

from freqjax.networks.arrays import AnyArray, Size
from freqjax.networks.cell import Cell, split_gates
from freqjax.networks.filtered import Parts
from freqjax.networks.lstm_backward import scan_lstm
from freqjax.networks.lstm_linear import Linearization, linearize_cell, linearize_lstm
from freqjax.networks.network import Carry, Params
from freqjax.networks.padding import HiddenAxes
from freqjax.networks.pairs import PairParts
from freqjax.networks.rotors import UNITS, change_scales, pair_cycles, pair_owners
from freqjax.networks.sensitivities import Dense, Memory, Reading, Sensitivities
from freqjax.networks.weights import LstmInitializer, LstmSetting, LstmWeights, coupled_mask


class LstmCarry(NamedTuple):
    """Carry of an LSTM: c and h, each [B, H]."""

    c: Float[Array, "B H"]
    h: Float[Array, "B H"]


class LstmCell(Cell):
    """The cell of the equations above."""

    gates = "ifgo"
    keeps = "f"
    admits = "i"
    carry = LstmCarry

    @staticmethod
    def combine(
        carry: LstmCarry, driven: Float[Array, "B GH"], recurrent: Float[Array, "B GH"]
    ) -> LstmCarry:
        """Advance by the equations above; the gates depend only on the sum of both products."""
        i, f, g, o = split_gates(driven + recurrent, 4)
        c = nn.sigmoid(f) * carry.c + nn.sigmoid(i) * jnp.tanh(g)
        return LstmCarry(c, nn.sigmoid(o) * jnp.tanh(c))

    @classmethod
    def scan(
        cls,
        params: Params,
        carry: Carry,
        initial: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
    ) -> tuple[LstmCarry, Float[Array, "T B H"]]:
        """Run as `Cell.scan`, with explicit derivatives: see `freqjax.networks.lstm_backward`."""
        carry, hs = scan_lstm(params, carry, initial, xs, resets)
        return LstmCarry(*carry), hs

    @classmethod
    def linearize(
        cls, params: Params, c: Float[Array, "B H"], xs: Float[AnyArray, "T B D"]
    ) -> Linearization:
        """Linearise h over T samples at the parameters of the cell and at c before them; h before them is 0.

        `outputs` of the result is h [T, B, H]; `tangent` takes changes (params, c), `adjoint` returns such.
        """
        return linearize_cell(params, c, xs)


class LstmNetwork:
    """LSTM of width H and a linear head.

    It has all abilities of `freqjax.networks.abilities` that one layer can have, but rotation speeds.
    Parameters are {cell: {input, recurrent}, head}, each {kernel, bias}, and {carry: c [H]} if the initial
    carry is learned; otherwise it is zero.
    """

    dropout = 0.0

    def __init__(
        self,
        setting: LstmSetting,
        initializer: LstmInitializer,
        *,
        learned_carry: bool,
        pairs: bool = False,
    ) -> None:
        """Set the sizes to those of `setting`, and the initializer of the weights to `initializer`.

        With `pairs`, H must be even, and the recurrent weights between pairs are fixed at 0.
        """
        self.setting = setting
        self._initializer, self._learned_carry, self._pairs = initializer, learned_carry, pairs
        self._cell: Cell = LstmCell(setting.hidden_size)
        self._head = nn.Dense(setting.output_size)
        coupled = UNITS if pairs else setting.hidden_size
        self._sensitivities = Sensitivities(LstmCell, setting.hidden_size, coupled)

    def init(self, key: jax.Array) -> Params:
        """Draw fresh parameters."""
        return self._used(self.tree(self._initializer(key, self.setting)))

    def scales(self) -> Params:
        """Return the size of a typical useful change of each parameter, in the layout of `init`."""
        return self.tree(change_scales(self.setting))

    def tree(self, weights: LstmWeights) -> Params:
        """Return `weights` in the layout of the parameters."""
        params = {
            "cell": {
                "input": {"kernel": weights.input_kernel, "bias": weights.input_bias},
                "recurrent": {"kernel": weights.recurrent_kernel, "bias": weights.recurrent_bias},
            },
            "head": {"kernel": weights.head_kernel, "bias": weights.head_bias},
        }
        if self._learned_carry:
            params["carry"] = weights.carry
        return params

    def weights(self, params: Params) -> LstmWeights:
        """Undo `tree`."""
        cell, head = params["cell"], params["head"]
        return LstmWeights(
            input_kernel=cell["input"]["kernel"],
            input_bias=cell["input"]["bias"],
            recurrent_kernel=cell["recurrent"]["kernel"],
            recurrent_bias=cell["recurrent"]["bias"],
            head_kernel=head["kernel"],
            head_bias=head["bias"],
            carry=params.get("carry", jnp.zeros(self.setting.hidden_size)),
        )

    def hidden_axes(self) -> HiddenAxes:
        """Return the number of blocks of H in each axis of every array: see `networks.padding`."""
        axes = {
            "cell": {
                "input": {"kernel": (0, 4), "bias": (4,)},
                "recurrent": {"kernel": (1, 4), "bias": (4,)},
            },
            "head": {"kernel": (1, 0), "bias": (0,)},
        }
        return axes | ({"carry": (1,)} if self._learned_carry else {})

    def init_carry(self, params: Params, streams: Size) -> LstmCarry:
        """Return c and h, [B, H] each: c is learned or zero, h is zero."""
        shape = (streams, self.setting.hidden_size)
        c = jnp.broadcast_to(params["carry"], shape) if self._learned_carry else jnp.zeros(shape)
        return LstmCarry(c, jnp.zeros(shape))

    def step(
        self, params: Params, carry: Carry, x: Float[AnyArray, "B D"]
    ) -> tuple[LstmCarry, Float[Array, "B O"]]:
        """Advance one sample: carry, x [B, D] → carry, y [B, O]."""
        params = self._used(params)
        carry, h = self._recur(params, carry, self._project(params, x))
        return carry, self._read(params, h)

    def unroll(
        self,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        *,
        dropout_key: jax.Array | None = None,
    ) -> tuple[LstmCarry, Float[Array, "T B O"]]:
        """Run T samples: carry, xs [T, B, D], resets [T, B] → carry, ys [T, B, O].

        Dropout acts between layers: with one layer `dropout_key` has no effect.
        The gradient is that of `Cell.scan`, in reverse mode only. For a single sample,
        without propagation through time, autodiff is faster.
        """
        if xs.shape[0] == 1:
            return self.unroll_autodiff(params, carry, xs, resets)
        params = self._used(params)
        initial = self.init_carry(params, xs.shape[1])
        carry, hs = self._cell.scan(params["cell"], carry, initial, xs, resets)
        return carry, self._read(params, hs)

    def unroll_autodiff(
        self,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
    ) -> tuple[LstmCarry, Float[Array, "T B O"]]:
        """Run as `unroll` with JAX's gradient: a slower reference, differentiable any number of times."""
        params = self._used(params)
        initial = self.init_carry(params, xs.shape[1])
        carry, hs = self._cell.scan_autodiff(params["cell"], carry, initial, xs, resets)
        return carry, self._read(params, hs)

    def linearize(self, params: Params, xs: Float[AnyArray, "T B D"]) -> Linearization:
        """Linearise over xs [T, B, D] from the start of a stream; the initial carry must be learned."""
        assert isinstance(self._cell, LstmCell)
        found = linearize_lstm(self._used(params), xs, self._cell.linearize)
        return Linearization(
            outputs=found.outputs,
            tangent=lambda change: found.tangent(self._used(change)),
            adjoint=lambda ys: self._used(found.adjoint(ys)),
        )

    def holds(self, params: Params) -> bool:
        """Return whether the recurrent weights that are fixed at 0 are 0 in `params`."""
        used = self._used(params)["cell"]["recurrent"]["kernel"]
        return bool(jnp.all(used == params["cell"]["recurrent"]["kernel"]))

    def sensitivities(self, params: Params, streams: Size, *, exact: bool) -> Memory:
        """Return the derivative of `init_carry` by the parameters: see `abilities.RealTime`."""
        return self._sensitivities.begin(self._layer(params), streams, exact=exact)

    def advance(
        self,
        params: Params,
        carry: Carry,
        memory: Memory,
        x: Float[AnyArray, "B D"],
        resets: Bool[AnyArray, " B"],
    ) -> tuple[LstmCarry, Memory, Reading]:
        """Advance one sample with the sensitivities: see `abilities.RealTime`."""
        params = self._used(params)
        initial = self.init_carry(params, x.shape[0])
        carry, memory, ys, (layer, head) = self._sensitivities.advance(
            self._layer(params), params["head"], carry, initial, memory, x, resets
        )
        by_params = {"cell": {part: layer.pop(part) for part in params["cell"]}, "head": head}
        return carry, memory, Reading(ys, by_params | layer)

    def with_dense(self, dense: Dense) -> LstmNetwork:
        """Return the network with another recursion of its sensitivities: see `abilities.DenseRealTime`."""
        other = copy.copy(self)
        other._sensitivities = self._sensitivities.with_dense(dense)
        return other

    @property
    def cell(self) -> type[Cell]:
        """Return the class of the cell."""
        return type(self._cell)

    def with_cell(self, cell: type[Cell]) -> Self:
        """Return the network with another implementation of its cell: see `cell.OfCell`."""
        other = copy.copy(self)
        other._cell = cell(self.setting.hidden_size)
        return other

    def correct(self, carry: Carry, memory: Memory, change: Params) -> LstmCarry:
        """Return the carry after a change of the parameters, to first order."""
        return self._sensitivities.correct(carry, memory, self._layer(change))

    def _layer(self, params: Params) -> Any:
        """Return the parameters of the cell, with the initial carry if it is learned."""
        return params["cell"] | {name: params[name] for name in params if name == "carry"}

    def _used(self, params: Params) -> Params:
        """Return `params` with 0 for the recurrent weights between pairs, if those are fixed at 0."""
        if not self._pairs:
            return params
        cell, recurrent = params["cell"], params["cell"]["recurrent"]
        mask = coupled_mask(self.setting.hidden_size, 4, UNITS)
        kernel = jnp.where(mask, recurrent["kernel"], 0)
        return params | {"cell": cell | {"recurrent": recurrent | {"kernel": kernel}}}

    def _project(self, params: Params, x: AnyArray) -> Any:
        return self._cell.apply({"params": params["cell"]}, x, method="project")

    def _recur(self, params: Params, carry: Carry, projected: jax.Array) -> Any:
        return self._cell.apply({"params": params["cell"]}, carry, projected)

    def _read(self, params: Params, h: jax.Array) -> Any:
        return self._head.apply({"params": params["head"]}, h)


class RotorNetwork(LstmNetwork):
    """LSTM that was initialised as rotating pairs of units: see `freqjax.networks.rotors`."""

    def pair_cycles(self, params: Params) -> Float[np.ndarray, " P"]:
        """Compute the rotation speed of each pair, [H // 2] cycles per sample: see `rotors.pair_cycles`."""
        return pair_cycles(self.weights(params), self.setting)

    def pair_owners(self) -> Int[np.ndarray, " P"]:
        """Return [H // 2], the selector under which each pair rotates."""
        return pair_owners(self.setting)

    def parts(self) -> Parts:
        """Return where the weights of its pairs are, for a Kalman filter."""
        return PairParts(self)
