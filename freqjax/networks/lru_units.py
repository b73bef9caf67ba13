"""Complex units of a linear recurrent unit, one group at a time, and their derivatives in real time.

What a Kalman filter needs of them (`freqjax.networks.filtered`). The units of a group run under its selector
alone, and no unit acts on another, so that the derivative of a unit's state by its weights is exact at 2 · m
numbers. Trained are ν, θ, the real and the imaginary part of B for every input that is no selector, of the
initial carry, and of C: n = 2 M + 6 weights of a unit, in this order. The bias of the head is not.
Axes: F groups, P units of a group, M inputs that are no selector, n weights of a unit, m = n − 2.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from freqjax.networks.filtered import CARRY, HEAD, Recursion
from freqjax.networks.lru_weights import gain_slope, input_gain, multiplier, unit_owners
from freqjax.networks.network import Params
from freqjax.networks.weights import LstmSetting

# Weights of a unit besides B: ν and θ; the initial carry and the head.
_TURN, _REST = 2, 4
# Prior standard deviations of weights, found by experiment: a unit starts at |s| = 1 with a head of 0.1. With
# 1 for ν, units are damped while the filter chases; with 1 for the head, it learns amplitudes before speeds.
_NU_SCALE, _INPUT_SCALE, _CARRY_SCALE, _HEAD_SCALE = 0.1, 0.01, 0.3, 0.25


class UnitState(NamedTuple):
    """State of the units of one group: the real and the imaginary part of s."""

    s: Float[Array, "*lead P 2"]


class UnitSensitivity(NamedTuple):
    """Derivatives of s by the first m weights of its unit."""

    s: Float[Array, "P 2 m"]


class LruParts:
    """Positions of the weights of every group's units: see `filtered.Parts`."""

    def __init__(self, setting: LstmSetting) -> None:
        """Find the units that each selector owns; without selectors all are of one group."""
        owners = unit_owners(setting)
        self.groups = max(1, len(setting.selectors))
        self.parts = int(np.bincount(owners, minlength=self.groups).max())
        self.others = setting.others
        self.weights = _TURN + 2 * len(self.others) + _REST
        self.recursion = RECURSION
        self._units = np.zeros((self.groups, self.parts), int)
        self._there = np.zeros((self.groups, self.parts), bool)
        for group in range(self.groups):
            owned = np.flatnonzero(owners == group)
            self._units[group, : owned.size], self._there[group, : owned.size] = owned, True

    def gather(self, params: Params) -> Float[np.ndarray, "F P n"]:
        """Return the trained weights of every group; those of missing units are 0."""
        columns = [column[self._units] for column in _columns(params)]
        return np.where(self._there[..., None], np.stack(columns, axis=-1), 0)

    def scatter(self, params: Params, trained: Float[np.ndarray, "F P n"]) -> Params:
        """Return `params` with the trained weights replaced."""
        params = jax.tree.map(np.array, params)
        units, found = self._units[self._there], np.asarray(trained)[self._there]
        for column, values in zip(_columns(params), found.T, strict=True):
            column[units] = values
        return params

    def constants(self, params: Params) -> Float[np.ndarray, "F 0"]:
        """Return nothing: all that the recursion reads is trained."""
        del params
        return np.zeros((self.groups, 0))

    def bias(self, params: Params) -> float:
        """Return the bias of the head."""
        return float(np.asarray(params["head"]["bias"])[0])

    def scales(self, params: Params, share: float) -> Float[np.ndarray, "F P n"]:
        """Return prior standard deviations of the trained weights; that of θ is `share` of it."""
        trained = self.gather(params)
        scales = np.zeros_like(trained)
        scales[..., 0] = _NU_SCALE
        scales[..., 1] = share * np.abs(np.angle(np.exp(1j * trained[..., 1])))
        scales[..., _TURN:-_REST] = _INPUT_SCALE
        scales[..., CARRY], scales[..., HEAD] = _CARRY_SCALE, _HEAD_SCALE
        return np.where(self._there[..., None], scales, 0)


def begin(trained: Float[Array, "*lead P n"], before: UnitState | None = None) -> UnitState:
    """Return the state at the start of a block: all of it is the initial carry."""
    del before
    return UnitState(trained[..., CARRY])


def carry_of(state: UnitState) -> Float[Array, "*lead P 2"]:
    """Return what the initial carry sets."""
    return state.s


def initial_sensitivity(state: UnitState, weights: int) -> UnitSensitivity:
    """Return the derivatives at a start: the identity by the carry, all else 0."""
    units, dtype = state.s.shape[-2], state.s.dtype
    zeros = jnp.zeros((units, 2, weights - 2), dtype)
    return UnitSensitivity(zeros.at[:, :, -2:].set(jnp.eye(2, dtype=dtype)))


def kept(gradient: str, weights: int) -> Float[np.ndarray, "2 m"]:
    """Return the factors of the derivatives that `train.gradient` carries: none for truncated, else all."""
    return np.full((2, weights - 2), 0.0 if gradient == "truncated" else 1.0)


def advance(
    trained: Float[Array, "P n"],
    constants: Float[Array, " 0"],
    state: UnitState,
    x: Float[Array, " M"],
) -> tuple[UnitState, Float[Array, ""]]:
    """Advance one sample: state, x → state, the output without the head's bias."""
    del constants
    turned, driven = _turned(trained, state.s), _driven(trained, x)
    after = turned + input_gain(trained[:, :1]) * driven
    return UnitState(after), jnp.sum(_read(trained) * after)


def advance_with_derivatives(
    trained: Float[Array, "P n"],
    constants: Float[Array, " 0"],
    state: UnitState,
    sensitivity: UnitSensitivity,
    x: Float[Array, " M"],
) -> tuple[UnitState, UnitSensitivity, Float[Array, ""], Float[Array, "P n"]]:
    """Advance one sample: → state, sensitivity, output, the output's derivatives by the trained weights."""
    del constants
    nu = trained[:, :1]
    turned, driven, gain = _turned(trained, state.s), _driven(trained, x), input_gain(nu)
    after = turned + gain * driven
    by_nu = gain_slope(nu) * driven - jnp.exp(nu) * turned
    by_theta = jnp.stack([-turned[:, 1], turned[:, 0]], axis=1)
    same = jnp.eye(2, dtype=x.dtype)
    by_drive = gain[..., None] * (same[:, None] * x[None, :, None]).reshape(1, 2, -1)
    still = jnp.zeros_like(sensitivity.s[:, :, -2:])
    immediate = [by_nu[..., None], by_theta[..., None], by_drive, still]
    by = jax.vmap(_turned, (None, 2), 2)(trained, sensitivity.s) + jnp.concatenate(
        immediate, axis=2
    )
    read = _read(trained)
    by_weights = jnp.sum(read[:, :, None] * by, axis=1)
    by_head = after * jnp.asarray([1, -1], after.dtype)[None]
    derivatives = jnp.concatenate([by_weights, by_head], axis=1)
    return UnitState(after), UnitSensitivity(by), jnp.sum(read * after), derivatives


RECURSION = Recursion(
    begin=begin,
    carry=carry_of,
    sensitivity=initial_sensitivity,
    advance=advance,
    differentiate=advance_with_derivatives,
    kept=kept,
)


def _turned(trained: Float[Array, "P n"], s: Float[Array, "P 2"]) -> Float[Array, "P 2"]:
    """Multiply the two parts of complex numbers by λ."""
    a = multiplier(trained[:, 0], trained[:, 1])
    parts = a.real * s[:, 0] - a.imag * s[:, 1], a.imag * s[:, 0] + a.real * s[:, 1]
    return jnp.stack(parts, axis=1)


def _driven(trained: Float[Array, "P n"], x: Float[Array, " M"]) -> Float[Array, "P 2"]:
    """Compute B x."""
    kernel = trained[:, _TURN:-_REST].reshape(len(trained), -1, 2)
    return jnp.sum(kernel * x[None, :, None], axis=1)


def _read(trained: Float[Array, "P n"]) -> Float[Array, "P 2"]:
    """Return the weights of both parts of s in the output Re(C s)."""
    return trained[:, HEAD] * jnp.asarray([1, -1], trained.dtype)[None]


def _columns(params: Params) -> list[np.ndarray]:
    """Return the trained weights of all units in order, as views [H] of arrays of the host."""
    recurrence, into, carry, head = (params[k] for k in ("recurrence", "input", "carry", "head"))
    found = [recurrence["nu"], recurrence["theta"]]
    for row in range(into["re"].shape[0]):
        found += [into["re"][row], into["im"][row]]
    found += [carry["re"], carry["im"], head["re"][:, 0], head["im"][:, 0]]
    return [np.asarray(column) for column in found]
