"""A diagonal linear recurrence s_t = a_t ⊙ s_{t-1} + b_t over complex arrays, and its gradient.

Two steps are one step of the same form, (a', b') ∘ (a, b) = (a' a, a' b + b'), so that all states follow
from an associative scan in log₂ T parallel rounds (Blelloch 1990; Martin & Cundy 2018). A CPU loops over
time, which is less work and stays in the cache. On other platforms the rounds are taken, since a loop waits
for each of T small steps; that choice was not measured. The gradient is a recurrence of the same form,
backwards in time.
Axes: T time, B streams, H hidden.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex

_States = Complex[Array, "T B H"]


def serial_scan(a: _States, b: _States, start: Complex[Array, "B H"]) -> _States:
    """Return s [T, B, H] from s_{-1} = `start`, by a loop over time."""

    def body(state: Any, row: Any) -> Any:
        state = row[0] * state + row[1]
        return state, state

    return jax.lax.scan(body, start, (a, b))[1]


def parallel_scan(a: _States, b: _States, start: Complex[Array, "B H"]) -> _States:
    """Return as `serial_scan`, by an associative scan."""

    def combine(first: Any, second: Any) -> Any:
        return second[0] * first[0], second[0] * first[1] + second[1]

    b = b.at[0].add(a[0] * start)
    return jax.lax.associative_scan(combine, (a, b))[1]


@jax.custom_vjp
def linear_scan(a: _States, b: _States, start: Complex[Array, "B H"]) -> _States:
    """Return as `serial_scan`, by the faster way of the platform; differentiable once, in reverse mode."""
    if not isinstance(
        a.shape[0], int
    ):  # of an exported program T is free, and rounds cannot be counted
        return serial_scan(a, b, start)
    return jax.lax.platform_dependent(a, b, start, cpu=serial_scan, default=parallel_scan)


def _forward(a: _States, b: _States, start: Complex[Array, "B H"]) -> tuple[_States, Any]:
    states = linear_scan(a, b, start)
    return states, (a, states, start)


def _backward(kept: Any, slopes: _States) -> tuple[_States, _States, Complex[Array, "B H"]]:
    """Return the cotangents, where the product of a complex slope needs no conjugate in JAX's convention."""
    a, states, start = kept
    later = jnp.concatenate([a[1:], jnp.zeros_like(a[:1])])[::-1]
    through = linear_scan(later, slopes[::-1], jnp.zeros_like(start))[::-1]
    before = jnp.concatenate([start[None], states[:-1]])
    return through * before, through, through[0] * a[0]


linear_scan.defvjp(_forward, _backward)
