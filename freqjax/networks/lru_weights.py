"""Sizes and initial weights of a linear recurrent unit.

λ = exp(−exp(ν) + iθ), so that |λ| < 1 whatever ν is (Orvieto et al. 2023). Initializers by name:

- pytorch: λ uniform in the ring 0.9 < |λ| < 0.999, and B, C and the skip uniform as a linear layer in
  PyTorch, which has no such network.
- chrono: the same with time constants of U(1, T − 1) samples, after Tallec & Ollivier (2018).
- rotor: units that turn at random speeds within a band that the task defines, almost without decay, each from
  a random phase. With `setting.gain` of 0 they do not read the input.
- spectral: as rotor, with one unit of every selector at the peak of its targets' spectrum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from freqjax.networks.network import Params
from freqjax.networks.rotors import peaked_speeds, required_rotors, stratified_speeds
from freqjax.networks.weights import LstmSetting

# Moduli of the ring from which pytorch draws λ.
_RING = 0.9, 0.999
# Decay of a rotor per sample if the task asks for less: 1 − |λ|.
_LEAST_DECAY = 1e-6

LruInitializer = Callable[[jax.Array, LstmSetting], dict[str, Any]]


def unit_owners(setting: LstmSetting) -> Int[np.ndarray, " H"]:
    """Return [H], the selector that owns each unit: selector h mod F for unit h."""
    return np.arange(setting.hidden_size) % max(1, len(setting.selectors))


def ring_weights(key: jax.Array, setting: LstmSetting) -> dict[str, Any]:
    """Draw λ uniform in a ring, and all else uniform in ±1/√(number of inputs)."""
    modulus_key, key = jax.random.split(key)
    low, high = (bound**2 for bound in _RING)
    square = jax.random.uniform(modulus_key, (setting.hidden_size,), minval=low, maxval=high)
    return _uniform(key, setting, jnp.log(-jnp.log(square) / 2))


def chrono_weights(key: jax.Array, setting: LstmSetting) -> dict[str, Any]:
    """Draw as `ring_weights`, with time constants −1/log|λ| of U(1, T − 1) samples."""
    modulus_key, key = jax.random.split(key)
    longest = max(setting.longest - 1.0, 2.0)
    constants = jax.random.uniform(modulus_key, (setting.hidden_size,), minval=1.0, maxval=longest)
    return _uniform(key, setting, -jnp.log(constants))


def rotor_weights(key: jax.Array, setting: LstmSetting) -> dict[str, Any]:
    """Draw units at random speeds: a jittered logarithmic grid for each selector."""
    speed_key, key = jax.random.split(key)
    speeds = stratified_speeds(speed_key, required_rotors(setting), unit_owners(setting))
    return turning_weights(key, setting, speeds)


def spectral_weights(key: jax.Array, setting: LstmSetting) -> dict[str, Any]:
    """Draw as `rotor_weights`, with the first unit of every selector at the peak of its training targets."""
    speed_key, key = jax.random.split(key)
    speeds = stratified_speeds(speed_key, required_rotors(setting), unit_owners(setting))
    return turning_weights(key, setting, peaked_speeds(speeds, required_rotors(setting)))


INITIALIZERS: dict[str, LruInitializer] = {
    "pytorch": ring_weights,
    "chrono": chrono_weights,
    "rotor": rotor_weights,
    "spectral": spectral_weights,
}


def turning_weights(
    key: jax.Array, setting: LstmSetting, cycles: Float[Array, " H"]
) -> dict[str, Any]:
    """Make units that turn at `cycles` [H] per sample from random phases at |s| = 1, with a small head."""
    phase_key, head_key, drive_key = jax.random.split(key, 3)
    hidden, outputs, others = setting.hidden_size, setting.output_size, len(setting.others)
    nu = jnp.full(hidden, np.log(max(required_rotors(setting).decay, _LEAST_DECAY)))
    phases = jax.random.uniform(phase_key, (hidden,), maxval=2 * jnp.pi)
    directions = jax.random.uniform(drive_key, (others, hidden), maxval=2 * jnp.pi)
    drive = setting.gain / input_gain(nu)[None]
    weights = {
        "recurrence": {"nu": nu, "theta": 2 * jnp.pi * cycles},
        "input": {"re": drive * jnp.cos(directions), "im": drive * jnp.sin(directions)},
        "head": _complex(0.1 * jax.random.normal(head_key, (2, hidden, outputs)))
        | {"bias": jnp.zeros(outputs)},
        "carry": {"re": jnp.cos(phases), "im": jnp.sin(phases)},
    }
    return weights | _skip(setting, jnp.zeros((others, outputs)))


def multiplier(
    nu: Float[Array, "*shape"], theta: Float[Array, "*shape"]
) -> Complex[Array, "*shape"]:
    """Compute λ = exp(−exp(ν) + iθ)."""
    modulus = jnp.exp(-jnp.exp(nu))
    return jax.lax.complex(modulus * jnp.cos(theta), modulus * jnp.sin(theta))


def input_gain(nu: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Compute γ = √(1 − |λ|²), with which white noise of variance 1 gives a state of variance |B|²."""
    return jnp.sqrt(-jnp.expm1(-2 * jnp.exp(nu)))


def gain_slope(nu: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Compute dγ/dν."""
    return jnp.exp(nu - 2 * jnp.exp(nu)) / input_gain(nu)


def _uniform(key: jax.Array, setting: LstmSetting, nu: Float[Array, " H"]) -> dict[str, Any]:
    """Draw all weights but ν."""
    turn_key, input_key, head_key, bias_key, skip_key = jax.random.split(key, 5)
    hidden, outputs, others = setting.hidden_size, setting.output_size, len(setting.others)

    def draw(key: jax.Array, shape: tuple[int, ...], width: int) -> jax.Array:
        most = max(width, 1) ** -0.5
        return jax.random.uniform(key, shape, minval=-most, maxval=most)

    head = _complex(draw(head_key, (2, hidden, outputs), hidden))
    weights = {
        "recurrence": {
            "nu": nu,
            "theta": jax.random.uniform(turn_key, (hidden,), maxval=2 * jnp.pi),
        },
        "input": _complex(draw(input_key, (2, others, hidden), others)),
        "head": head | {"bias": draw(bias_key, (outputs,), hidden)},
        "carry": {"re": jnp.zeros(hidden), "im": jnp.zeros(hidden)},
    }
    return weights | _skip(setting, draw(skip_key, (others, outputs), others))


def _complex(parts: Float[Array, "2 N M"]) -> Params:
    return {"re": parts[0], "im": parts[1]}


def _skip(setting: LstmSetting, weights: Float[Array, "M O"]) -> Params:
    """Return the weights from the inputs to the outputs, which a network with selectors does not have."""
    return {} if setting.selectors else {"skip": weights}
