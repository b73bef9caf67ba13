"""Pairs of LSTM units that only couple within themselves, and their derivatives in real time.

With the recurrent weights outside the pairs at 0 and the pairs of other groups held, the output under one
group depends only on that group's pairs. The derivative of a pair's state by its weights then has two rows,
and the recursion of real-time recurrent learning (Williams & Zipser 1989) is exact at P · 2 · m numbers:

    Jc_t = f Jc_{t-1} + A Jh_{t-1} + (k_i, k_f, k_g) ⊗ a        A = k_i W_i + k_f W_f + k_g W_g
    Jh_t = μ Jc_t + B Jh_{t-1} + k_o ⊗ a                        B = k_o W_o

with a = [x, 1, h_{t-1}] the inputs of a gate, k the slope of c or h by the argument of a gate, W the weights
of h within the pair, and μ = σ(o) (1 − tanh² c).

Trained are, for every pair, the weights of its 8 gates from the inputs that are no selector, from the
selector of its group and from the pair itself, its part of the initial carry, and its part of the head.
Biases are not: the selector's weight has the same effect. Axes: F groups, P pairs of a group, M inputs that
are no selector, N = P · n trained weights of a group, n = 8 (M + 3) + 4, m = 8 (M + 3) + 2, those that the
state depends on.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from freqjax.networks.filtered import CARRY, Recursion
from freqjax.networks.network import Params
from freqjax.networks.rotors import change_scales, pair_owners
from freqjax.networks.weights import LstmSetting, LstmWeights

_GATES = 4
_UNITS = 2
# Weights of a pair that are not those of gates: its initial carry and its head.
_REST = 4


class PairState(NamedTuple):
    """State of the pairs of one group: c and h, [P, 2] each."""

    c: Float[Array, "*lead P 2"]
    h: Float[Array, "*lead P 2"]


class Sensitivity(NamedTuple):
    """Derivatives of c and h by the first m weights of the pair, [P, 2, m] each."""

    c: Float[Array, "P 2 m"]
    h: Float[Array, "P 2 m"]


@runtime_checkable
class TurningLstm(Protocol):
    """LSTM of rotors, as far as `PairParts` reads it."""

    setting: LstmSetting

    def weights(self, params: Params) -> LstmWeights:
        """Return the arrays of `params` by name."""
        ...

    def tree(self, weights: LstmWeights) -> Params:
        """Undo `weights`."""
        ...

    def pair_cycles(self, params: Params) -> Float[np.ndarray, " P"]:
        """Compute the speed of every pair, cycles per sample."""
        ...


class Pairs:
    """Positions of the weights of every group's pairs in the arrays of a one-layer LSTM.

    Attributes:
      groups: F.
      pairs: P, the largest number of pairs of a group; missing ones have weights of 0.
      others: M.
      weights: n, trained weights of a pair.
    """

    def __init__(self, setting: LstmSetting) -> None:
        """Find the pairs that each selector owns; without selectors all pairs are of one group."""
        owners = pair_owners(setting)
        self.groups = max(1, len(setting.selectors))
        self.pairs = int(np.bincount(owners, minlength=self.groups).max())
        self.others = len(setting.others)
        self.weights = 2 * _GATES * (self.others + 1 + _UNITS) + _REST
        self._setting = setting
        self._units = np.zeros((self.groups, self.pairs, _UNITS), int)
        self._there = np.zeros((self.groups, self.pairs), bool)
        for group in range(self.groups):
            owned = np.flatnonzero(owners == group)
            self._units[group, : owned.size] = 2 * owned[:, None] + np.arange(_UNITS)
            self._there[group, : owned.size] = True

    def gather(self, weights: LstmWeights) -> Float[np.ndarray, "F P n"]:
        """Return the trained weights of every group; those of missing pairs are 0."""
        arrays: Any = LstmWeights._make(np.asarray(array) for array in weights)
        columns = self._columns()
        parts = [arrays.input_kernel[row][columns] for row in self._setting.others]
        parts.append(self._own(arrays, columns))
        parts += [arrays.recurrent_kernel[self._source(unit), columns] for unit in range(_UNITS)]
        gates = np.stack(parts, axis=-1).reshape(self.groups, self.pairs, -1)
        rest = [arrays.carry[self._units], arrays.head_kernel[self._units, 0]]
        return np.where(self._there[..., None], np.concatenate([gates, *rest], axis=-1), 0)

    def fixed(self, weights: LstmWeights) -> Float[np.ndarray, "F P 2 4"]:
        """Return the biases of the gates, which are not trained."""
        bias = np.asarray(weights.recurrent_bias)
        if self._setting.selectors:
            bias = bias + np.asarray(weights.input_bias)
        return np.where(self._there[..., None, None], bias[self._columns()], 0)

    def scatter(self, weights: LstmWeights, trained: Float[np.ndarray, "F P n"]) -> LstmWeights:
        """Return `weights` with the trained ones replaced."""
        arrays: Any = LstmWeights._make(np.array(array) for array in weights)
        there, columns = self._there, self._columns()[self._there]
        units = self._units[there]
        found = np.asarray(trained)[there]
        gates = found[:, :-_REST].reshape(-1, _UNITS, _GATES, self.others + 1 + _UNITS)
        for place, row in enumerate(self._setting.others):
            arrays.input_kernel[row, columns] = gates[..., place]
        if self._setting.selectors:
            rows = np.array(self._setting.selectors)[np.nonzero(there)[0]]
            arrays.input_kernel[rows[:, None, None], columns] = gates[..., self.others]
        else:
            arrays.input_bias[columns] = gates[..., self.others]
        for unit in range(_UNITS):
            source = units[:, unit, None, None]
            arrays.recurrent_kernel[source, columns] = gates[..., self.others + 1 + unit]
        arrays.carry[units], arrays.head_kernel[units, 0] = found[:, -4:-2], found[:, -2:]
        return arrays

    def scales(
        self, cycles: Float[np.ndarray, " pairs"], share: float
    ) -> Float[np.ndarray, "F P n"]:
        """Return prior standard deviations of the trained weights: `rotors.change_scales`, bounded by speed.

        The candidate's weights rotate a pair. Their scale is at most the one that changes a pair's speed by
        `share`: a scale that suits fast pairs lets slow ones grow by many times within one of their cycles.

        Args:
          cycles: initial speed of every pair of the network, cycles per sample.
          share: of the speed.
        """
        scales = self.gather(change_scales(self._setting))
        gates = scales[..., :-_REST].reshape(*scales.shape[:2], _UNITS, _GATES, -1)
        candidate = gates[..., 2, :]
        speeds = 2 * np.pi * np.asarray(cycles)[self._units[..., 0] // 2]
        rotating = candidate[..., -1].max(axis=-1)
        most = np.divide(4 * share * np.sin(speeds), rotating, where=rotating > 0, out=speeds * 0)
        candidate *= np.minimum(1, most)[..., None, None]
        return scales

    def _own(self, arrays: Any, columns: Int[np.ndarray, "F P 2 4"]) -> np.ndarray:
        """Return the weights of each group's selector, or the bias if there are no selectors."""
        if not self._setting.selectors:
            return np.asarray(arrays.input_bias)[columns]
        rows = np.array(self._setting.selectors)[:, None, None, None]
        return np.asarray(arrays.input_kernel)[rows, columns]

    def _columns(self) -> Int[np.ndarray, "F P 2 4"]:
        """Return the columns of the gates i, f, g, o of every unit."""
        return np.arange(_GATES) * self._setting.hidden_size + self._units[..., None]

    def _source(self, unit: int) -> Int[np.ndarray, "F P 1 1"]:
        return self._units[..., unit, None, None]


class PairParts:
    """Pairs of every group in the parameters of a network: see `filtered.Parts`."""

    def __init__(self, network: TurningLstm) -> None:
        """Find the pairs of `network`."""
        self._network, self._pairs = network, Pairs(network.setting)
        self.groups, self.parts = self._pairs.groups, self._pairs.pairs
        self.others, self.weights = network.setting.others, self._pairs.weights
        self.recursion = RECURSION

    def gather(self, params: Params) -> Float[np.ndarray, "F P n"]:
        """Return the trained weights of every group; those of missing pairs are 0."""
        return self._pairs.gather(self._network.weights(params))

    def scatter(self, params: Params, trained: Float[np.ndarray, "F P n"]) -> Params:
        """Return `params` with the trained weights replaced."""
        return self._network.tree(self._pairs.scatter(self._network.weights(params), trained))

    def constants(self, params: Params) -> Float[np.ndarray, "F P 2 4"]:
        """Return the biases of the gates."""
        return self._pairs.fixed(self._network.weights(params))

    def bias(self, params: Params) -> float:
        """Return the bias of the head."""
        return float(np.asarray(self._network.weights(params).head_bias)[0])

    def scales(self, params: Params, share: float) -> Float[np.ndarray, "F P n"]:
        """Return prior standard deviations of the trained weights: see `Pairs.scales`."""
        return self._pairs.scales(self._network.pair_cycles(params), share)


def begin(trained: Float[Array, "*lead P n"], before: PairState | None = None) -> PairState:
    """Return the state at the start of a block: c of the initial carry, and h of `before`, or 0."""
    c = trained[..., CARRY]
    h = jnp.zeros_like(c) if before is None else jnp.broadcast_to(before.h, c.shape)
    return PairState(c, h)


def carry_of(state: PairState) -> Float[Array, "*lead P 2"]:
    """Return what the initial carry sets: c."""
    return state.c


def initial_sensitivity(state: PairState, weights: int) -> Sensitivity:
    """Return the derivatives at a start from a trained carry: c by the carry is the identity, all else 0."""
    pairs, dtype = state.c.shape[-2], state.c.dtype
    zeros = jnp.zeros((pairs, _UNITS, weights - _UNITS), dtype)
    return Sensitivity(zeros.at[:, :, -_UNITS:].set(jnp.eye(_UNITS, dtype=dtype)), zeros)


def kept(gradient: str, weights: int) -> Float[np.ndarray, "2 m"]:
    """Return the factors of the derivatives that `train.gradient` carries from sample to sample.

    All for rtrl; for snap1 those of a unit's state by its own weights; none for truncated.
    """
    m = weights - _UNITS
    if gradient == "truncated":
        return np.zeros((_UNITS, m))
    if gradient == "rtrl":
        return np.ones((_UNITS, m))
    own = np.concatenate([np.repeat(np.arange(_UNITS), (m - _UNITS) // _UNITS), np.arange(_UNITS)])
    return (own == np.arange(_UNITS)[:, None]).astype(float)


def advance(
    trained: Float[Array, "P n"],
    fixed: Float[Array, "P 2 4"],
    state: PairState,
    x: Float[Array, " M"],
) -> tuple[PairState, Float[Array, ""]]:
    """Advance one sample: state, x → state, the output without the head's bias."""
    gates, a = _arguments(trained, state, x)
    i, f, g, o = _activations(gates, fixed, a)
    c = f * state.c + i * g
    h = o * jnp.tanh(c)
    return PairState(c, h), jnp.sum(trained[:, -2:] * h)


def advance_with_derivatives(
    trained: Float[Array, "P n"],
    fixed: Float[Array, "P 2 4"],
    state: PairState,
    sensitivity: Sensitivity,
    x: Float[Array, " M"],
) -> tuple[PairState, Sensitivity, Float[Array, ""], Float[Array, "P n"]]:
    """Advance one sample: → state, sensitivity, output, the output's derivatives by the trained weights."""
    gates, a = _arguments(trained, state, x)
    i, f, g, o = _activations(gates, fixed, a)
    c = f * state.c + i * g
    bounded = jnp.tanh(c)
    h = o * bounded
    slopes = jnp.stack(
        [g * i * (1 - i), state.c * f * (1 - f), i * (1 - g * g), bounded * o * (1 - o)], axis=-1
    )
    inner = gates[..., -_UNITS:]  # [P, 2, 4, 2], from the pair's own h
    into_c = jnp.sum(slopes[..., :3, None] * inner[:, :, :3], axis=2)
    into_h = slopes[..., 3, None] * inner[:, :, 3]
    own = jnp.eye(_UNITS, dtype=c.dtype)[None, :, :, None, None]
    immediate = own * slopes[:, None, :, :, None] * a[:, None, None, None, :]
    of_c, of_h = (_flat(part) for part in (immediate.at[..., 3, :].set(0), _only(immediate)))
    before = sensitivity.h
    by_c = f[..., None] * sensitivity.c + _times(into_c, before) + of_c
    by_h = (o * (1 - bounded * bounded))[..., None] * by_c + _times(into_h, before) + of_h
    head = trained[:, -2:]
    by_weights = jnp.sum(head[:, :, None] * by_h, axis=1)
    derivatives = jnp.concatenate([by_weights, h], axis=1)
    return PairState(c, h), Sensitivity(by_c, by_h), jnp.sum(head * h), derivatives


RECURSION = Recursion(
    begin=begin,
    carry=carry_of,
    sensitivity=initial_sensitivity,
    advance=advance,
    differentiate=advance_with_derivatives,
    kept=kept,
)


def _arguments(
    trained: Float[Array, "P n"], state: PairState, x: Float[Array, " M"]
) -> tuple[Float[Array, "P 2 4 K"], Float[Array, "P K"]]:
    """Return the weights of the gates and their inputs a."""
    pairs = trained.shape[0]
    gates = trained[:, :-_REST].reshape(pairs, _UNITS, _GATES, -1)
    shared = jnp.broadcast_to(jnp.append(x, 1), (pairs, x.shape[0] + 1))
    return gates, jnp.concatenate([shared, state.h], axis=1)


def _activations(
    gates: Float[Array, "P 2 4 K"], fixed: Float[Array, "P 2 4"], a: Float[Array, "P K"]
) -> tuple[Float[Array, "P 2"], ...]:
    z = fixed + jnp.sum(gates * a[:, None, None, :], axis=-1)
    i, f, o = (jax.nn.sigmoid(z[..., gate]) for gate in (0, 1, 3))
    return i, f, jnp.tanh(z[..., 2]), o


def _only(immediate: Float[Array, "P 2 2 4 K"]) -> Float[Array, "P 2 2 4 K"]:
    """Return the part of the output gates alone."""
    return jnp.zeros_like(immediate).at[..., 3, :].set(immediate[..., 3, :])


def _flat(immediate: Float[Array, "P 2 2 4 K"]) -> Float[Array, "P 2 m"]:
    """Return the derivatives in the order of the weights, with 0 for the initial carry."""
    flat = immediate.reshape(*immediate.shape[:2], -1)
    return jnp.pad(flat, ((0, 0), (0, 0), (0, _UNITS)))


def _times(matrix: Float[Array, "P 2 2"], rows: Float[Array, "P 2 m"]) -> Float[Array, "P 2 m"]:
    """Multiply by a matrix per pair: two products of numbers are faster than a batched product."""
    return matrix[..., :1] * rows[:, :1] + matrix[..., 1:] * rows[:, 1:]
