"""Initializers of a network's weights, by name.

Gates are side by side, in the LSTM in the order i, f, g, o: a kernel is [inputs, 4H], a bias [4H].
The first four apply to any cell with the gates that they name, layer by layer; the others set all weights
of a one-layer LSTM together.

- pytorch: every weight and bias of cell and head uniform in ±1/√H, as torch.nn.LSTM and a Linear of
  H inputs do.
- orthogonal: each gate's recurrent matrix orthogonal (Saxe et al. 2014), inputs Glorot-uniform,
  biases zero.
- unit_forget: as orthogonal, with the forget gate's bias 1 (Jozefowicz et al. 2015); in a GRU that of z.
- chrono: as orthogonal, with forget biases log U(1, T − 1) and input biases their negatives, so that
  the units' time constants spread evenly over T samples (Tallec & Ollivier 2018); in a GRU only biases of z.
- rotor: rotating pairs of units, at random speeds within a wide band (`freqjax.networks.rotors`), which the
  task defines.
- spectral: as rotor, with one pair of every selector at the peak of its targets' spectrum. It reads the
  training targets: state this wherever its results are quoted.
- constructed: weights that solve the task, which the task defines (`networks.needs.Constructed`).
  A reference for what the network can represent; nothing is learned.

A learned initial carry starts at zero, except in rotors, which start at a point on a circle.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, glorot_uniform, orthogonal
from jaxtyping import Array, Float

from freqjax.networks.rotors import rotor_weights, spectral_weights
from freqjax.networks.weights import (
    LayerInitializer,
    LayerSetting,
    LstmInitializer,
    LstmSetting,
    LstmWeights,
)


def pytorch_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """Draw all weights uniform in ±1/√H."""
    d, h, o = setting.input_size, setting.hidden_size, setting.output_size
    shapes = [(d, 4 * h), (4 * h,), (h, 4 * h), (4 * h,), (h, o), (o,)]
    return LstmWeights(*_uniform(key, h, shapes), carry=jnp.zeros(h))


def orthogonal_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """Draw orthogonal recurrence, Glorot inputs, and a head as PyTorch's."""
    d, h = setting.input_size, setting.hidden_size
    input_key, recurrent_key, head_key = jax.random.split(key, 3)
    head = pytorch_weights(head_key, setting)
    kernels = (
        _gate_by_gate(glorot_uniform(), input_key, d, h, 4),
        _gate_by_gate(orthogonal(), recurrent_key, h, h, 4),
    )
    return head._replace(
        input_kernel=kernels[0],
        input_bias=jnp.zeros(4 * h),  # a separate buffer, since both are donated to the train step
        recurrent_kernel=kernels[1],
        recurrent_bias=jnp.zeros(4 * h),
    )


def unit_forget_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """Draw as `orthogonal_weights`, with forget biases of 1."""
    h = setting.hidden_size
    weights = orthogonal_weights(key, setting)
    return weights._replace(input_bias=weights.input_bias.at[h : 2 * h].set(1.0))


def chrono_weights(key: jax.Array, setting: LstmSetting) -> LstmWeights:
    """Draw as `orthogonal_weights`, with forget biases log U(1, T − 1) and input biases their negatives."""
    h = setting.hidden_size
    weights_key, bias_key = jax.random.split(key)
    weights = orthogonal_weights(weights_key, setting)
    spread = _chrono_biases(bias_key, h, setting.longest)
    bias = weights.input_bias.at[:h].set(-spread).at[h : 2 * h].set(spread)
    return weights._replace(input_bias=bias)


INITIALIZERS: dict[str, LstmInitializer] = {
    "pytorch": pytorch_weights,
    "orthogonal": orthogonal_weights,
    "unit_forget": unit_forget_weights,
    "chrono": chrono_weights,
    "rotor": rotor_weights,
    "spectral": spectral_weights,
}


def pytorch_layer(key: jax.Array, setting: LayerSetting) -> dict[str, Any]:
    """Draw all weights uniform in ±1/√H."""
    d, h, columns = setting.input_size, setting.hidden_size, _columns(setting)
    shapes = [(d, columns), (columns,), (h, columns), (columns,)]
    kernel, bias, recurrent_kernel, recurrent_bias = _uniform(key, h, shapes)
    return {
        "input": {"kernel": kernel, "bias": bias},
        "recurrent": {"kernel": recurrent_kernel, "bias": recurrent_bias},
    }


def orthogonal_layer(key: jax.Array, setting: LayerSetting) -> dict[str, Any]:
    """Draw orthogonal recurrence, Glorot inputs, and biases of zero."""
    d, h, gates = setting.input_size, setting.hidden_size, len(setting.gates)
    input_key, recurrent_key = jax.random.split(key)
    return {
        name: {"kernel": _gate_by_gate(init, part, n, h, gates), "bias": jnp.zeros(gates * h)}
        for name, init, part, n in (
            ("input", glorot_uniform(), input_key, d),
            ("recurrent", orthogonal(), recurrent_key, h),
        )
    }


def unit_forget_layer(key: jax.Array, setting: LayerSetting) -> dict[str, Any]:
    """Draw as `orthogonal_layer`, with biases of 1 at the gate `keeps`."""
    return _with_bias(orthogonal_layer(key, setting), setting, setting.keeps, 1.0)


def chrono_layer(key: jax.Array, setting: LayerSetting) -> dict[str, Any]:
    """Draw as `orthogonal_layer`, with biases log U(1, T − 1) at the gate `keeps`, negated at `admits`."""
    weights_key, bias_key = jax.random.split(key)
    spread = _chrono_biases(bias_key, setting.hidden_size, setting.longest)
    layer = _with_bias(orthogonal_layer(weights_key, setting), setting, setting.keeps, spread)
    return layer if setting.admits is None else _with_bias(layer, setting, setting.admits, -spread)


def uniform_head(key: jax.Array, inputs: int, outputs: int) -> dict[str, jax.Array]:
    """Draw {kernel, bias} uniform in ±1/√inputs, as PyTorch's Linear does."""
    kernel, bias = _uniform(key, inputs, [(inputs, outputs), (outputs,)])
    return {"kernel": kernel, "bias": bias}


LAYER_INITIALIZERS: dict[str, LayerInitializer] = {
    "pytorch": pytorch_layer,
    "orthogonal": orthogonal_layer,
    "unit_forget": unit_forget_layer,
    "chrono": chrono_layer,
}
# Initializers that set the bias of the gate `Cell.keeps`, and so need one.
GATED_INITIALIZERS = ("unit_forget", "chrono")


def _columns(setting: LayerSetting) -> int:
    return len(setting.gates) * setting.hidden_size


def _uniform(key: jax.Array, width: int, shapes: list[tuple[int, ...]]) -> list[jax.Array]:
    """Draw arrays uniform in ±1/√width."""
    keys, most = jax.random.split(key, len(shapes)), width**-0.5
    return [
        jax.random.uniform(k, shape, minval=-most, maxval=most)
        for k, shape in zip(keys, shapes, strict=True)
    ]


def _gate_by_gate(
    init: Initializer, key: jax.Array, inputs: int, hidden: int, gates: int
) -> Float[Array, "inputs GH"]:
    """Draw [inputs, GH] gate by gate, so that each of the G gates has its own matrix."""
    drawn = [init(k, (inputs, hidden), jnp.float32) for k in jax.random.split(key, gates)]
    return jnp.concatenate(drawn, axis=1)


def _chrono_biases(key: jax.Array, hidden: int, longest: int) -> Float[Array, " H"]:
    """Draw [H], log U(1, T − 1)."""
    most = max(longest - 1.0, 2.0)
    return jnp.log(jax.random.uniform(key, (hidden,), minval=1.0, maxval=most))


def _with_bias(
    layer: dict[str, Any],
    setting: LayerSetting,
    gate: str | None,
    value: float | Float[Array, " H"],
) -> dict[str, Any]:
    """Return `layer` with `value` in the input bias of `gate`."""
    if gate is None:
        raise ValueError(f"A cell with the gates {setting.gates} has none that keeps.")
    first = setting.gates.index(gate) * setting.hidden_size
    bias = layer["input"]["bias"].at[first : first + setting.hidden_size].set(value)
    return layer | {"input": layer["input"] | {"bias": bias}}
