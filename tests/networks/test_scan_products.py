"""Gradients of a scan whose weights' gradients are taken after it, against those of a plain scan."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import scan_products, wide

T, B, D, H = 5, 3, 4, 6


def step(multiply: Any, constants: Any, state: Any, row: Any) -> Any:
    """Feed the last output back, by two layers and a constant factor, where a flag is set."""
    h, last = state
    x, flag = row
    read = jnp.where(flag, x, last)
    h = jnp.tanh(multiply("input", read) + constants["gain"] * h)
    y = multiply("read", h[:, None])[:, 0]
    return (h, y), (y, jnp.sum(h, axis=-1))


def plainly(layers: Any, constants: Any, state: Any, rows: Any) -> Any:
    def body(state: Any, row: Any) -> Any:
        def multiply(name: str, x: Any) -> Any:
            y = x @ layers[name]["kernel"]
            bias = layers[name].get("bias")
            return y if bias is None else y + jnp.broadcast_to(bias, y.shape)

        return step(multiply, constants, state, row)

    return jax.lax.scan(body, state, rows)


@pytest.mark.parametrize("widest", [False, True])
def test_gradients_are_those_of_a_plain_scan(monkeypatch, widest):
    if widest:  # products with transposed kernels
        monkeypatch.setattr(wide, "_WIDE", 1)
    random = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return jnp.asarray(random.normal(size=shape), jnp.float32)

    layers = {
        "input": {"kernel": draw(D, H), "bias": draw(H)},
        "read": {"kernel": draw(H, D)},
        "unused": {"kernel": draw(2, 2)},
    }
    constants, state = {"gain": jnp.float32(0.7)}, (draw(B, H), draw(B, D))
    xs, flags = draw(T, B, D), jnp.asarray(random.random((T, B, 1)) < 0.5)

    def loss(scan: Any) -> Any:
        def of(layers: Any, constants: Any, state: Any, xs: Any) -> Any:
            (h, last), (ys, sums) = scan(layers, constants, state, (xs, flags))
            return jnp.sum(ys**3) + jnp.sum(jnp.sin(sums)) + jnp.sum(h) + jnp.sum(last**2)

        return jax.value_and_grad(of, argnums=(0, 1, 2, 3))

    def scan(*given: Any) -> Any:
        return scan_products.scan_products(step, *given)

    given = layers, constants, state, xs
    expected, found = loss(plainly)(*given), jax.jit(loss(scan))(*given)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def test_a_layer_is_used_once_in_a_step():
    def twice(multiply: Any, constants: Any, state: Any, row: Any) -> Any:
        return multiply("a", multiply("a", state)), row

    def loss(kernel: Any) -> Any:
        layers, state = {"a": {"kernel": kernel}}, jnp.ones((1, 2))
        return jnp.sum(scan_products.scan_products(twice, layers, (), state, jnp.ones(3))[0])

    with pytest.raises(AssertionError, match="a is multiplied twice in a step"):
        jax.grad(loss)(jnp.eye(2))
