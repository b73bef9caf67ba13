"""Scan of any cell over a whole stream, with a gradient whose matrix products are over all samples at once.

Autodiff of a scan stores every intermediate value of every step, and adds an outer product to the gradient
of every weight at each step. Here the forward scan stores only the carries. In the backward pass the
arguments of `combine`, u_t = W_i x_t + b_i and v_t = W_h h_{t-1} + b_h, are recomputed for all samples in one
product each; the scan, from the last sample to the first, propagates δcarry_t through `combine` to δu_t, δv_t
and δcarry_{t-1}, and adds δv_t W_hᵀ to the h of the latter; and the gradient of each weight is one product
over the T·B rows, of x_t with δu_t or of h_{t-1} with δv_t. The LSTM has its own implementation with explicit
derivatives: `freqjax.networks.lstm_backward`.

If resets[t, b] is set, carry_{t-1} is the initial carry, which receives the gradient: none is propagated to
earlier samples.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from freqjax.networks.arrays import AnyArray

# A tree {input: {kernel [D, GH], bias [GH]}, recurrent: {kernel [H, GH], bias [GH]}}.
CellParams = Any
# A NamedTuple of arrays [B, H] with one named h.
CellCarry = Any
# (carry, [B, GH], [B, GH]) → carry; a module-level function, since it is compared by identity.
Combine = Callable[[CellCarry, jax.Array, jax.Array], CellCarry]


class _Record(NamedTuple):
    """Inputs of the backward scan: the arguments of `_scan`, and carry_t stacked over T."""

    params: CellParams
    carry: CellCarry
    initial: CellCarry
    xs: AnyArray
    resets: AnyArray
    carries: CellCarry


def scan_cell(
    combine: Combine,
    params: CellParams,
    carry: CellCarry,
    initial: CellCarry,
    xs: AnyArray,
    resets: AnyArray,
) -> tuple[CellCarry, jax.Array]:
    """Run T samples: carry, initial [B, H] each, xs [T, B, D], resets [T, B] bool → carry, hs [T, B, H].

    Differentiable once and only in reverse mode, with respect to params, carry, initial and xs. Time and
    memory of the gradient are linear in T.
    """
    arrays = (params, carry, initial, xs)
    dtype = jnp.result_type(*jax.tree.leaves(arrays))
    return _scan(combine, *jax.tree.map(lambda a: a.astype(dtype), arrays), resets)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scan(
    combine: Combine,
    params: CellParams,
    carry: CellCarry,
    initial: CellCarry,
    xs: AnyArray,
    resets: AnyArray,
) -> tuple[CellCarry, jax.Array]:
    return _states(combine, params, carry, initial, xs, resets, lambda carry: carry.h)


def _forward(
    combine: Combine,
    params: CellParams,
    carry: CellCarry,
    initial: CellCarry,
    xs: AnyArray,
    resets: AnyArray,
) -> tuple[tuple[CellCarry, jax.Array], _Record]:
    last, carries = _states(combine, params, carry, initial, xs, resets, lambda carry: carry)
    return (last, carries.h), _Record(params, carry, initial, xs, resets, carries)


def _states(
    combine: Combine,
    params: CellParams,
    carry: CellCarry,
    initial: CellCarry,
    xs: AnyArray,
    resets: AnyArray,
    keep: Callable[[CellCarry], Any],
) -> tuple[CellCarry, Any]:
    """Return the last carry, and the values of `keep` for every carry, stacked over time."""

    def body(carry: CellCarry, row: tuple[jax.Array, jax.Array]) -> tuple[CellCarry, Any]:
        driven, flags = row
        carry = _where(flags, initial, carry)
        carry = combine(carry, driven, _affine(params["recurrent"], carry.h))
        return carry, keep(carry)

    return jax.lax.scan(body, carry, (_affine(params["input"], xs), resets))


def _backward(
    combine: Combine, record: _Record, cotangents: tuple[CellCarry, jax.Array]
) -> tuple[Any, ...]:
    params, carry, initial, xs, resets, carries = record
    last, dhs = cotangents
    before = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b[:-1]]), carry, carries)
    before = _where(resets, jax.tree.map(lambda a: a[None], initial), before)
    transposed = params["recurrent"]["kernel"].T

    def body(state: tuple[CellCarry, CellCarry], row: Any):
        dcarry, d_initial = state
        flags, from_output, before, driven, recurrent = row
        _, pull = jax.vjp(combine, before, driven, recurrent)
        dcarry, d_driven, d_recurrent = pull(dcarry._replace(h=dcarry.h + from_output))
        dcarry = dcarry._replace(h=dcarry.h + d_recurrent @ transposed)
        nothing = jax.tree.map(jnp.zeros_like, dcarry)
        started = _where(flags, dcarry, nothing)
        d_initial = jax.tree.map(jnp.add, d_initial, started)
        return (_where(flags, nothing, dcarry), d_initial), (d_driven, d_recurrent)

    driven, recurrent = _affine(params["input"], xs), _affine(params["recurrent"], before.h)
    state = last, jax.tree.map(jnp.zeros_like, last)
    rows = resets, dhs, before, driven, recurrent
    (d_carry, d_initial), (d_driven, d_recurrent) = jax.lax.scan(body, state, rows, reverse=True)
    d_params = {"input": _outer(xs, d_driven), "recurrent": _outer(before.h, d_recurrent)}
    return d_params, d_carry, d_initial, d_driven @ params["input"]["kernel"].T, None


_scan.defvjp(_forward, _backward)


def _affine(dense: Any, x: AnyArray) -> jax.Array:
    """Compute W x + b for rows x: [..., N] → [..., GH]."""
    bias = dense["bias"]
    return x @ dense["kernel"] + bias.reshape((1,) * (x.ndim - 1) + bias.shape)


def _outer(a: jax.Array, b: jax.Array) -> dict[str, jax.Array]:
    """Compute the gradient of `_affine` over the T·B rows."""
    a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
    return {"kernel": a.T @ b, "bias": jnp.sum(b, axis=0)}


def _where(flags: jax.Array, a: CellCarry, b: CellCarry) -> CellCarry:
    """Select `a` where flags [..., B] are set, else `b`; their leaves are [..., B, H]."""
    return jax.tree.map(lambda a, b: jnp.where(flags[..., None], a, b), a, b)
