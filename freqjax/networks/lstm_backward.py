"""Scan of the LSTM over a whole stream, with a hand-written gradient.

Autodiff of a scan stores every intermediate value of every step, and adds an outer product to the gradient
of every weight at each step. In explicit form (Hochreiter & Schmidhuber 1997; notation of
`freqjax.networks.lstm`, z are the gates' arguments, s and l the slopes and levels below), the backward
scan computes only the terms that depend on the carry, from the last sample to the first:

    δc_t = δc_t + (1 − tanh² c_t) o ⊙ δh_t
    δz_t = s² (1 − t_t²) ⊙ [g δc_t, c_{t-1} δc_t, i δc_t, tanh(c_t) δh_t]
    δc_{t-1} = f δc_t,    δh_{t-1} = δz_t W_hᵀ

and all weights' gradients are one product over the T·B rows, of [h_{t-1}, x_t, 1] with δz_t.

One tanh serves all gates: σ(z) = ½ tanh(½ z) + ½, so the gates are s ⊙ t + l with t = tanh(s ⊙ z),
where s = ½, l = ½ for i, f, o and s = 1, l = 0 for g. Halving is exact.

For every sample c and h are stored, 2H numbers per stream. Wide networks on short streams also store t, 4H
more. Otherwise z is recomputed in the backward pass, for all samples in one product, and overwritten by δz
sample by sample, so that 4H numbers are needed only once: there, allocating memory costs more time than that
product. If resets[t, b] is set, c_{t-1} and h_{t-1} are the initial carry's, which receives their gradient:
none is propagated to earlier samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from freqjax.networks import lstm_kernel
from freqjax.networks.arrays import AnyArray
from freqjax.networks.wide import product_with, summed_outer

# A tree {input: {kernel [D, 4H], bias [4H]}, recurrent: {kernel [H, 4H], bias [4H]}}.
Cell = Any
# c and h, each [B, H].
State = tuple[jax.Array, jax.Array]

# Slopes s and levels l of the gates i, f, g, o.
_SLOPES = (0.5, 0.5, 1.0, 0.5)
_LEVELS = (0.5, 0.5, 0.0, 0.5)

# From this H on, the product for z costs more than storing t, up to this many numbers T·B·4H.
_WIDE, _SHORT = 128, 2**22


class _Record(NamedTuple):
    """Inputs of the backward scan: the arguments of `_scan`, c, h [T, B, H], perhaps t [T, B, 4, H]."""

    cell: Cell
    carry: State
    initial: State
    xs: AnyArray
    resets: AnyArray
    cs: jax.Array
    hs: jax.Array
    bounded: jax.Array | None


def scan_lstm(
    cell: Cell, carry: State, initial: State, xs: AnyArray, resets: AnyArray
) -> tuple[State, jax.Array]:
    """Run T samples: carry, initial [B, H] twice, xs [T, B, D], resets [T, B] bool → carry, hs [T, B, H].

    Differentiable once and only in reverse mode, with respect to cell, carry, initial and xs. Time and
    memory of the gradient are linear in T.
    """
    arrays = (cell, tuple(carry), tuple(initial), xs)
    dtype = jnp.result_type(*jax.tree.leaves(arrays))
    return _scan(*jax.tree.map(lambda a: a.astype(dtype), arrays), resets)


@jax.custom_vjp
def _scan(
    cell: Cell, carry: State, initial: State, xs: AnyArray, resets: AnyArray
) -> tuple[State, jax.Array]:
    return _states(cell, carry, initial, xs, resets, lambda c, h, bounded: h)


def _forward(
    cell: Cell, carry: State, initial: State, xs: AnyArray, resets: AnyArray
) -> tuple[tuple[State, jax.Array], _Record]:
    hidden = carry[0].shape[-1]
    wide_and_short = hidden >= _WIDE and resets.size * 4 * hidden <= _SHORT

    def keep(c: jax.Array, h: jax.Array, bounded: jax.Array | None) -> tuple[jax.Array | None, ...]:
        return c, h, bounded if wide_and_short else None

    last, (cs, hs, bounded) = _states(cell, carry, initial, xs, resets, keep)
    return (last, hs), _Record(cell, carry, initial, xs, resets, cs, hs, bounded)


def _states(
    cell: Cell,
    carry: State,
    initial: State,
    xs: AnyArray,
    resets: AnyArray,
    keep: Callable[[jax.Array, jax.Array, jax.Array | None], Any],
) -> tuple[State, Any]:
    """Return the last carry, and the values of `keep` for c_t, h_t and t_t, stacked over time."""
    kernel = cell["recurrent"]["kernel"]
    driven = xs @ cell["input"]["kernel"] + _bias(cell)[None, None]
    driven = driven.reshape(*resets.shape, 4, -1)
    hidden = kernel.shape[0]

    def by_scan(driven: Any, resets: Any, carry: Any, initial: Any, kernel: Any) -> Any:
        return _scanned(driven, resets, carry, initial, kernel, keep)

    def by_kernel(driven: Any, resets: Any, carry: Any, initial: Any, kernel: Any) -> Any:
        cs, hs = lstm_kernel.run_forward(driven, resets, carry, initial, kernel)
        return (cs[-1], hs[-1]), keep(cs, hs, None)

    arguments = driven, resets, carry, initial, kernel
    if lstm_kernel.serves(hidden, driven.dtype):
        return lstm_kernel.choose(by_kernel, by_scan, *arguments)
    return by_scan(*arguments)


def _scanned(
    driven: jax.Array, resets: Any, carry: State, initial: State, kernel: jax.Array, keep: Any
) -> tuple[State, Any]:
    """Scan driven [T, B, 4, H], W_i x + b, as `_states`."""
    # A reset replaces h W_h rather than h: the select is then fused into a sum that is computed anyway.
    from_initial = _by_gate(initial[1] @ kernel)
    recur = product_with(kernel)

    def body(carry: State, row: tuple[jax.Array, jax.Array]):
        c, h = carry
        driven, flags = row
        from_h = jnp.where(flags[:, None, None], from_initial, _by_gate(recur(h)))
        bounded = _bounded(driven + from_h)
        i, f, g, o = _gates(bounded)
        c = f * jnp.where(flags[:, None], initial[0], c) + i * g
        h = o * jnp.tanh(c)
        return (c, h), keep(c, h, bounded)

    return jax.lax.scan(body, carry, (driven, resets))


def _backward(record: _Record, cotangents: tuple[State, jax.Array]) -> tuple[Any, ...]:
    cell, carry, initial, xs, resets, _, hs, bounded = record
    kernel, hidden, inputs = cell["recurrent"]["kernel"], hs.shape[-1], xs.shape[-1]
    h_before = jnp.concatenate([carry[1][None], hs[:-1]])
    h_before = jnp.where(resets[:, :, None], initial[1][None], h_before)
    rows = jnp.concatenate([h_before, xs, jnp.ones((*resets.shape, 1), xs.dtype)], axis=-1)
    rows = rows.reshape(-1, hidden + inputs + 1)

    if bounded is None:
        weights = jnp.concatenate([kernel, cell["input"]["kernel"], _bias(cell)[None]])
        z = rows @ weights
        if lstm_kernel.serves(hidden, z.dtype):
            from_carry, c_initial, dz = lstm_kernel.choose(
                _adjoint_by_kernel, _adjoint, record, z, cotangents
            )
        else:
            from_carry, c_initial, dz = _adjoint(record, z, cotangents)
    else:
        from_carry, c_initial, dz = _adjoint_of_kept(record, bounded, cotangents)
    dz = dz.reshape(rows.shape[0], -1)
    gradient = summed_outer(rows, dz)
    d_recurrent, d_input, d_bias = jnp.split(gradient, [hidden, hidden + inputs])
    d_cell = {
        "input": {"kernel": d_input, "bias": d_bias[0]},
        "recurrent": {"kernel": d_recurrent, "bias": d_bias[0]},
    }
    dxs = (dz @ cell["input"]["kernel"].T).reshape(xs.shape)
    dz = dz.reshape(*resets.shape, -1)
    h_initial = jnp.sum(jnp.where(resets[:, :, None], dz, 0), axis=0) @ kernel.T
    return d_cell, from_carry, (c_initial, h_initial), dxs, None


def _adjoint(
    record: _Record, z: jax.Array, cotangents: tuple[State, jax.Array]
) -> tuple[State, jax.Array, jax.Array]:
    """Scan z [T·B, 4H] backwards: gradients of the carry, of initial c, and of z [T, B, 4, H]."""
    _, carry, initial, _, resets, cs, *_ = record
    (dc, dh), dhs = cotangents
    transposed = record.cell["recurrent"]["kernel"].T
    slopes = jnp.asarray(_SLOPES, z.dtype)[None, :, None]

    def body(state: Any, row: tuple[jax.Array, ...]):
        dc, dh, c_initial, z_then_dz = state
        t, flags, from_output, c = row
        flags = flags[:, None]
        c_before = jnp.where(t > 0, _at(cs, jnp.maximum(t - 1, 0)), carry[0])
        c_before = jnp.where(flags, initial[0], c_before)
        # The only reader of z_then_dz, and expensive: XLA computes it once and overwrites without a copy.
        bounded = _bounded(_at(z_then_dz, t))
        i, f, g, o = _gates(bounded)
        read = jnp.tanh(c)
        dh = dh + from_output
        dc = dc + dh * o * (1 - read * read)
        sides = jnp.stack([dc * g, dc * c_before, dc * i, dh * read], axis=1)
        dz = slopes * slopes * (1 - bounded * bounded) * sides
        dc = dc * f
        dh = dz.reshape(dh.shape[0], -1) @ transposed
        c_initial = c_initial + jnp.where(flags, dc, 0)
        z_then_dz = jax.lax.dynamic_update_index_in_dim(z_then_dz, dz, t, 0)
        return (jnp.where(flags, 0, dc), jnp.where(flags, 0, dh), c_initial, z_then_dz), None

    state = dc, dh, jnp.zeros_like(dc), z.reshape(*resets.shape, 4, -1)
    rows = jnp.arange(len(resets)), resets, dhs, cs
    (dc, dh, c_initial, dz), _ = jax.lax.scan(body, state, rows, reverse=True)
    return (dc, dh), c_initial, dz


def _slopes(record: _Record, bounded: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the derivatives by z [T, B, 4, H] and by c [T, B, H], and the gate f [T, B, H], of t."""
    carry, initial, resets, cs = record.carry, record.initial, record.resets, record.cs
    c_before = jnp.concatenate([carry[0][None], cs[:-1]])
    c_before = jnp.where(resets[:, :, None], initial[0][None], c_before)
    i, f, g, o = _gates(bounded)
    read = jnp.tanh(cs)
    by_c = o * (1 - read * read)
    slopes = jnp.asarray(_SLOPES, cs.dtype)[None, None, :, None]
    sides = jnp.stack([g, c_before, i, read], axis=2)
    return slopes * slopes * (1 - bounded * bounded) * sides, by_c, f


def _adjoint_by_kernel(
    record: _Record, z: jax.Array, cotangents: tuple[State, jax.Array]
) -> tuple[State, jax.Array, jax.Array]:
    """Run as `_adjoint`, in one kernel of a GPU."""
    last, dhs = cotangents
    bounded = _bounded(_by_gate(z)).reshape(*record.resets.shape, 4, -1)
    kernel = record.cell["recurrent"]["kernel"]
    return lstm_kernel.run_backward(*_slopes(record, bounded), dhs, record.resets, last, kernel)


def _adjoint_of_kept(
    record: _Record, bounded: jax.Array, cotangents: tuple[State, jax.Array]
) -> tuple[State, jax.Array, jax.Array]:
    """Scan as `_adjoint`, over t [T, B, 4, H] stored by the forward scan: all slopes are known at once."""
    (dc, dh), dhs = cotangents
    transposed, resets = record.cell["recurrent"]["kernel"].T, record.resets
    by_z, by_c, f = _slopes(record, bounded)

    def body(state: Any, row: tuple[jax.Array, ...]):
        dc, dh, c_initial = state
        flags, from_output, by_z, by_c, f = row
        flags = flags[:, None]
        dh = dh + from_output
        dc = dc + dh * by_c
        # Two separate products: stacking δc, δc, δc, δh for one product takes longer.
        dz = jnp.concatenate([by_z[:, :3] * dc[:, None], by_z[:, 3:] * dh[:, None]], axis=1)
        dc = dc * f
        dh = dz.reshape(dh.shape[0], -1) @ transposed
        c_initial = c_initial + jnp.where(flags, dc, 0)
        return (jnp.where(flags, 0, dc), jnp.where(flags, 0, dh), c_initial), dz

    state, rows = (dc, dh, jnp.zeros_like(dc)), (resets, dhs, by_z, by_c, f)
    (dc, dh, c_initial), dz = jax.lax.scan(body, state, rows, reverse=True)
    return (dc, dh), c_initial, dz


_scan.defvjp(_forward, _backward)


def _bias(cell: Cell) -> jax.Array:
    return cell["input"]["bias"] + cell["recurrent"]["bias"]


def _by_gate(z: jax.Array) -> jax.Array:
    """Reshape [B, 4H] to [B, 4, H]."""
    return z.reshape(z.shape[0], 4, -1)


def _bounded(z: jax.Array) -> jax.Array:
    """Compute t = tanh(s ⊙ z), [B, 4, H]."""
    return jnp.tanh(jnp.asarray(_SLOPES, z.dtype)[None, :, None] * z)


def _gates(bounded: jax.Array) -> tuple[jax.Array, ...]:
    """Return i, f, g, o, each [..., H], of t [..., 4, H]."""
    shape = (1,) * (bounded.ndim - 2) + (4, 1)
    slopes, levels = (jnp.asarray(v, bounded.dtype).reshape(shape) for v in (_SLOPES, _LEVELS))
    gates = slopes * bounded + levels
    return tuple(gates[..., k, :] for k in range(4))


def _at(array: jax.Array, t: jax.Array) -> jax.Array:
    return jax.lax.dynamic_index_in_dim(array, t, keepdims=False)
