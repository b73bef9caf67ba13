"""Products with wide kernels, as fast as a CPU computes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

# From so many columns on, a row of a kernel takes more than a page of memory, and a product with few rows of
# another array takes up to twice as long as one with the transposed kernel, whose rows are shorter.
_WIDE = 2048


def product_with(kernel: jax.Array) -> Callable[[Any], jax.Array]:
    """Make x ↦ x W, [..., M] → [..., N], for x of few rows and use in every step of a scan."""
    if kernel.shape[1] < _WIDE:
        return lambda x: x @ kernel
    # Computed here, and not merged into the products.
    transposed = jax.lax.optimization_barrier(kernel.T)
    return lambda x: jax.lax.dot_general(x, transposed, (((x.ndim - 1,), (1,)), ((), ())))


def summed_outer(x: jax.Array, dy: jax.Array) -> jax.Array:
    """Compute xᵀ dy, the gradient of a kernel, from rows x [R, M] and dy [R, N]."""
    # Transposed by itself and not as a part of the product, which takes up to half the time then.
    rows = jax.lax.optimization_barrier(x.T) if x.shape[1] >= _WIDE // 16 else x.T
    return rows @ dy
