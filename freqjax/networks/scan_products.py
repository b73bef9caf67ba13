"""Scan of a step whose weights' gradients are one product each over all samples, after the backward scan.

Autodiff of a scan adds an outer product to the gradient of every weight at each step, and so reads and writes
all of them T times. Here a step leaves its products y_t = x_t W + b to a function that it is given. In the
forward pass a zero is added to every y_t, and x_t is kept; the gradient δy_t of the zeros then gives that of
W as one product over the T·B rows, of x_t with δy_t. `freqjax.networks.cell_backward` does the same for a
cell whose inputs are all known before the scan; this is for steps that read their own outputs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from freqjax.networks.wide import product_with, summed_outer

# A tree {name: {kernel [M, N], perhaps bias [N]}}.
Layers = Any
# (name, x [..., M]) → x W + b, [..., N]; once for every name.
Multiply = Callable[[str, Any], jax.Array]
# (multiply, constants, state, row) → state, outputs. It closes over no array that is traced.
Step = Callable[[Multiply, Any, Any, Any], tuple[Any, Any]]


def scan_products(
    step: Step, layers: Layers, constants: Any, state: Any, rows: Any
) -> tuple[Any, Any]:
    """Scan `step` over rows [T, ...] → the last state, and outputs [T, ...].

    Differentiable once and only in reverse mode, with respect to all but `step`.

    Args:
      step: computes every product with the weights of `layers` by the function that it is given.
      layers: weights of these products.
      constants: what else a step reads, the same at each; its gradient is summed step by step.
      state: before the first row.
      rows: a tree of arrays [T, ...].
    """
    return _scan(step, layers, constants, state, rows)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scan(step: Step, layers: Layers, constants: Any, state: Any, rows: Any) -> tuple[Any, Any]:
    affine = {name: _affine(layer) for name, layer in layers.items()}

    def body(state: Any, row: Any) -> tuple[Any, Any]:
        return step(lambda name, x: affine[name](x), constants, state, row)

    return jax.lax.scan(body, state, rows)


def _forward(
    step: Step, layers: Layers, constants: Any, state: Any, rows: Any
) -> tuple[tuple[Any, Any], Any]:
    affine = {name: _affine(layer) for name, layer in layers.items()}

    def recorded(constants: Any, state: Any, row: Any, added: Any) -> tuple[Any, Any]:
        """Step, adding to every product, if there is anything to add; outputs beside the x of each."""
        inputs = {}

        def multiply(name: str, x: Any) -> jax.Array:
            assert name not in inputs, f"{name} is multiplied twice in a step"
            inputs[name] = x
            y = affine[name](x)
            return y if added is None else y + added[name]

        state, outputs = step(multiply, constants, state, row)
        return state, (outputs, inputs)

    # The shapes of the x, from a step on nothing.
    first = jax.tree.map(lambda a: a[0], rows)
    inputs = jax.eval_shape(lambda: recorded(constants, state, first, None))[1][1]
    samples = len(jax.tree.leaves(rows)[0])
    zeros = {}
    for name, x in inputs.items():
        kernel = layers[name]["kernel"]
        zeros[name] = jnp.zeros((samples, *x.shape[:-1], kernel.shape[1]), kernel.dtype)

    def run(constants: Any, state: Any, rows: Any, added: Any) -> tuple[Any, Any]:
        def body(state: Any, row: Any) -> tuple[Any, Any]:
            return recorded(constants, state, *row)

        state, (outputs, inputs) = jax.lax.scan(body, state, (rows, added))
        return (state, outputs), inputs

    found, pull, inputs = jax.vjp(run, constants, state, rows, zeros, has_aux=True)
    return found, (layers, pull, inputs)


def _backward(step: Step, record: Any, cotangents: Any) -> tuple[Any, ...]:
    del step
    layers, pull, inputs = record
    d_constants, d_state, d_rows, d_products = pull(cotangents)
    d_layers = jax.tree.map(jnp.zeros_like, layers)
    for name, x in inputs.items():
        d_layers[name] = _gradient(layers[name], x, d_products[name])
    return d_layers, d_constants, d_state, d_rows


_scan.defvjp(_forward, _backward)


def _affine(layer: Any) -> Callable[[Any], jax.Array]:
    """Make the function x W + b of a layer, or x W without a bias."""
    multiply, bias = product_with(layer["kernel"]), layer.get("bias")

    def affine(x: Any) -> jax.Array:
        y = multiply(x)
        return y if bias is None else y + bias.reshape((1,) * (y.ndim - 1) + bias.shape)

    return affine


def _gradient(layer: Any, x: jax.Array, dy: jax.Array) -> dict[str, jax.Array]:
    """Compute the gradient of `_affine` over all rows."""
    x, dy = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    found = {"kernel": summed_outer(x, dy), "bias": jnp.sum(dy, axis=0)}
    return {name: found[name] for name in layer}
