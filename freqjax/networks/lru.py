"""Linear recurrent unit (Orvieto et al. 2023): a complex diagonal recurrence and a linear head.

    s_t = λ ⊙ s_{t-1} + γ ⊙ B x_t        λ = exp(−exp(ν) + iθ),  γ = √(1 − |λ|²)
    y_t = Re(C s_t) + S x_t + b

|λ| < 1 for all parameters, so that no state grows. γ follows ν and is no parameter, as B can scale each
unit. The output is linear in the state.

If the task has selectors, each owns H / F units (`lru_weights.unit_owners`). Where the selector of a unit is
u, 0 or 1, the unit has 1 + u (λ − 1) for λ, and u B and u C for B and C: the units of other selectors hold
their state, and the output is that of the selected ones. x_t is then the inputs that are no selector, and
there is no skip S. With one such input and one output a unit has 6 numbers in ν, θ, B and C, which are 384 at
H = 64, besides the initial carry and b.

The carry is s, its real and its imaginary part. Its derivative is carried forward exactly at a few numbers a
unit, since no unit acts on another (Zucchet et al. 2023).
Axes: T time, B streams, D inputs, M inputs that are no selector, O outputs, H hidden, F selectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from freqjax.networks.arrays import AnyArray, Size
from freqjax.networks.diagonal import linear_scan, serial_scan
from freqjax.networks.filtered import Parts
from freqjax.networks.lru_units import LruParts
from freqjax.networks.lru_weights import (
    INITIALIZERS,
    LruInitializer,
    gain_slope,
    input_gain,
    multiplier,
    unit_owners,
)
from freqjax.networks.network import Carry, Params, reset_where
from freqjax.networks.padding import HiddenAxes
from freqjax.networks.sensitivities import Reading
from freqjax.networks.weights import LstmSetting


class LruCarry(NamedTuple):
    """Carry of a linear recurrent unit: s, each part [B, H]."""

    re: Float[Array, "B H"]
    im: Float[Array, "B H"]


class LruMemory(NamedTuple):
    """Derivatives of s by its unit's parameters, for B streams; by an imaginary part, i times the real one's.

    Attributes:
      nu, theta: by ν and θ.
      drive: by the real part of B.
      start: by the real part of the initial s.
    """

    nu: Complex[Array, ...]
    theta: Complex[Array, ...]
    drive: Complex[Array, "B M H"]
    start: Complex[Array, ...]


class _Terms(NamedTuple):
    """Terms of samples: s = a s + b of every unit, and the shares [*rows, H] of those that are selected."""

    a: Complex[Array, "*rows H"]
    b: Complex[Array, "*rows H"]
    on: Float[Array, "*rows H"]


class LruNetwork:
    """Linear recurrent unit of H complex units.

    Parameters are {recurrence: {nu, theta}, each [H], input: {re, im}, each [M, H], head: {re, im, bias},
    [H, O] twice and [O]}, {skip: [M, O]} if there is no selector, and {carry: {re, im}}, each [H], if the
    initial carry is learned; otherwise it is zero.

    Attributes:
      setting: its sizes.
      initializers: those that it may have, by name.
    """

    dropout = 0.0
    initializers: ClassVar[Mapping[str, LruInitializer]] = INITIALIZERS

    def __init__(
        self, setting: LstmSetting, initializer: LruInitializer, *, learned_carry: bool
    ) -> None:
        """Set the sizes to those of `setting`, and the initializer of the weights to `initializer`."""
        self.setting = setting
        self._initializer, self._learned_carry = initializer, learned_carry
        self._others = np.array(setting.others, np.int32)

    def init(self, key: jax.Array) -> Params:
        """Draw fresh parameters."""
        params = self._initializer(key, self.setting)
        carry = params.pop("carry")
        return params | ({"carry": carry} if self._learned_carry else {})

    def init_carry(self, params: Params, streams: Size) -> LruCarry:
        """Return s, learned or zero."""
        shape = (streams, self.setting.hidden_size)
        if not self._learned_carry:
            dtype = params["recurrence"]["nu"].dtype
            # Separate buffers, since both are donated to the train step.
            return LruCarry(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype))
        return LruCarry(*(jnp.broadcast_to(params["carry"][part], shape) for part in ("re", "im")))

    def step(
        self, params: Params, carry: Carry, x: Float[AnyArray, "B D"]
    ) -> tuple[LruCarry, Float[Array, "B O"]]:
        """Advance one sample: carry, x [B, D] → carry, y [B, O]."""
        terms = self._terms(params, x)
        state = terms.a * _complex(carry) + terms.b
        return _parts(state), self._read(params, terms.on * state, x)

    def unroll(
        self,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        *,
        dropout_key: jax.Array | None = None,
    ) -> tuple[LruCarry, Float[Array, "T B O"]]:
        """Run T samples: carry, xs [T, B, D], resets [T, B] → carry, ys [T, B, O].

        The gradient is that of `freqjax.networks.diagonal`, in reverse mode only.
        """
        return self._run(linear_scan, params, carry, xs, resets)

    def unroll_autodiff(
        self,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
    ) -> tuple[LruCarry, Float[Array, "T B O"]]:
        """Run as `unroll` with JAX's gradient: a slower reference, differentiable any number of times."""
        return self._run(serial_scan, params, carry, xs, resets)

    def _run(
        self,
        scan: Any,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
    ) -> tuple[LruCarry, Float[Array, "T B O"]]:
        terms, flags = self._terms(params, xs), jnp.asarray(resets)[..., None]
        initial = _complex(self.init_carry(params, xs.shape[1]))
        # A reset is a step that forgets: s = 0 · s + (a · initial + b).
        b = terms.b + jnp.where(flags, terms.a * initial[None], 0)
        states = scan(jnp.where(flags, 0, terms.a), b, _complex(carry))
        return _parts(states[-1]), self._read(params, terms.on * states, xs)

    def hidden_axes(self) -> HiddenAxes:
        """Return the number of blocks of H in each axis of every array: see `networks.padding`."""
        axes: dict[str, Any] = {
            "recurrence": {"nu": (1,), "theta": (1,)},
            "input": {"re": (0, 1), "im": (0, 1)},
            "head": {"re": (1, 0), "im": (1, 0), "bias": (0,)},
        }
        if not self.setting.selectors:
            axes["skip"] = (0, 0)
        return axes | ({"carry": {"re": (1,), "im": (1,)}} if self._learned_carry else {})

    def sensitivities(self, params: Params, streams: Size, *, exact: bool) -> LruMemory:
        """Return the derivative of `init_carry`: see `abilities.RealTime`.

        No unit acts on another, so that it is the whole derivative whether `exact` is set or not.
        """
        del exact
        shape = (streams, self.setting.hidden_size)
        dtype = jnp.result_type(params["recurrence"]["nu"].dtype, jnp.complex64)
        drive = jnp.zeros((streams, len(self._others), shape[1]), dtype)
        start = jnp.ones(shape, dtype)
        return LruMemory(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype), drive, start)

    def advance(
        self,
        params: Params,
        carry: Carry,
        memory: LruMemory,
        x: Float[AnyArray, "B D"],
        resets: Bool[AnyArray, " B"],
    ) -> tuple[LruCarry, LruMemory, Reading]:
        """Advance one sample with the sensitivities: see `abilities.RealTime`."""
        flags = jnp.asarray(resets)
        before = _complex(reset_where(flags, self.init_carry(params, x.shape[0]), carry))
        fresh = self.sensitivities(params, x.shape[0], exact=True)
        memory = jax.tree.map(
            lambda new, old: jnp.where(flags.reshape(-1, *[1] * (old.ndim - 1)), new, old),
            fresh,
            memory,
        )
        terms, others = self._terms(params, x), jnp.asarray(x)[:, self._others]
        nu, theta = params["recurrence"]["nu"], params["recurrence"]["theta"]
        turn = (terms.on * before) * multiplier(nu, theta)[None]
        driven = terms.on * (others @ _complex_of(params["input"]))
        immediate = (terms.on * input_gain(nu)[None])[:, None] * others[:, :, None]
        memory = LruMemory(
            nu=terms.a * memory.nu - jnp.exp(nu)[None] * turn + gain_slope(nu)[None] * driven,
            theta=terms.a * memory.theta + 1j * turn,
            drive=terms.a[:, None] * memory.drive + immediate,
            start=terms.a * memory.start,
        )
        state = terms.a * before + terms.b
        reading = Reading(
            self._read(params, terms.on * state, x),
            self._by_params(params, memory, terms.on, state, others),
        )
        return _parts(state), memory, reading

    def correct(self, carry: Carry, memory: LruMemory, change: Params) -> LruCarry:
        """Return the carry after a change of the parameters, to first order."""
        turned = memory.nu * change["recurrence"]["nu"][None]
        turned = turned + memory.theta * change["recurrence"]["theta"][None]
        moved = turned + jnp.sum(memory.drive * _complex_of(change["input"])[None], axis=1)
        if self._learned_carry:
            moved = moved + memory.start * _complex_of(change["carry"])[None]
        return _parts(_complex(carry) + moved)

    def parts(self) -> Parts:
        """Return where the weights of its units are, for a Kalman filter."""
        return LruParts(self.setting)

    def pair_cycles(self, params: Params) -> Float[np.ndarray, " H"]:
        """Compute the rotation speed of each unit, [H] cycles per sample."""
        turn = np.asarray(params["recurrence"]["theta"], np.float64)
        return np.abs(np.angle(np.exp(1j * turn))) / (2 * np.pi)

    def pair_owners(self) -> Int[np.ndarray, " H"]:
        """Return [H], the selector under which each unit turns."""
        return unit_owners(self.setting)

    def _selected(self, xs: AnyArray) -> Float[Array, "*rows H"]:
        """Return the selector's value for the owner of every unit; 1 without a selector."""
        if not self.setting.selectors:
            return jnp.ones((*xs.shape[:-1], self.setting.hidden_size), xs.dtype)
        return jnp.asarray(xs)[..., np.array(self.setting.selectors)[unit_owners(self.setting)]]

    def _terms(self, params: Params, xs: AnyArray) -> _Terms:
        """Compute the terms of xs [..., D]."""
        nu, theta = params["recurrence"]["nu"], params["recurrence"]["theta"]
        on, others = self._selected(xs), jnp.asarray(xs)[..., self._others]
        rows = tuple(range(on.ndim - 1))
        change = jnp.expand_dims(multiplier(nu, theta) - 1, rows)
        gain = on * jnp.expand_dims(input_gain(nu), rows)
        # Part by part: a product of a real and a complex array would be one of two complex arrays.
        a = jax.lax.complex(1 + on * change.real, on * change.imag)
        b = jax.lax.complex(*(gain * (others @ params["input"][part]) for part in ("re", "im")))
        return _Terms(a, b, on)

    def _read(self, params: Params, states: jax.Array, xs: AnyArray) -> Float[Array, "*rows O"]:
        """Read states [..., H] of the units selected."""
        head = params["head"]
        ys = states.real @ head["re"] - states.imag @ head["im"]
        ys = ys + jnp.expand_dims(head["bias"], tuple(range(ys.ndim - 1)))
        return (
            ys
            if self.setting.selectors
            else ys + jnp.asarray(xs)[..., self._others] @ params["skip"]
        )

    def _by_params(
        self, params: Params, memory: LruMemory, on: jax.Array, state: jax.Array, others: jax.Array
    ) -> Params:
        """Return the derivatives of the outputs, a tree like `params` with leading axes [B, O]."""
        read = _complex_of(params["head"]).T[None] * on[:, None]  # [B, O, H]
        start, drive = read * memory.start[:, None], read[:, :, None] * memory.drive[:, None]
        same = jnp.eye(self.setting.output_size, dtype=on.dtype)
        seen = (on * state)[:, None, :, None] * same[None, :, None]
        found: dict[str, Any] = {
            "recurrence": {
                "nu": (read * memory.nu[:, None]).real,
                "theta": (read * memory.theta[:, None]).real,
            },
            "input": {"re": drive.real, "im": -drive.imag},
            "head": {
                "re": seen.real,
                "im": -seen.imag,
                "bias": jnp.broadcast_to(same[None], (len(on), *same.shape)),
            },
        }
        if not self.setting.selectors:
            found["skip"] = others[:, None, :, None] * same[None, :, None]
        if self._learned_carry:
            found["carry"] = {"re": start.real, "im": -start.imag}
        return found


def _complex(carry: Carry) -> Complex[Array, ...]:
    return jax.lax.complex(*carry)


def _complex_of(parts: Params) -> Complex[Array, ...]:
    return jax.lax.complex(parts["re"], parts["im"])


def _parts(state: Complex[Array, ...]) -> LruCarry:
    return LruCarry(state.real, state.imag)
