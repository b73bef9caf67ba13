"""Scans of the LSTM as one GPU kernel each, for streams of small networks.

A GPU begins every operation of a scan's step anew, which takes longer than a small network's arithmetic: a
step of one stream costs microseconds that nothing uses. Here a multiprocessor runs all T steps of a stream
in one launch, with the recurrent weights in its registers, and reads a step's rows while it computes the step
before. Written in Pallas; the products with the inputs and those that give the gradients of the weights stay
single products over all samples: see `freqjax.networks.lstm_backward`, which calls this.

Axes: T time, B streams, H hidden; P the width that H is padded to, a power of two. A unit that is added has
weights of 0, so that its c and h stay 0.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

# Widths of a kernel. The recurrent weights of 64 units fill a quarter of a multiprocessor's registers, those
# of 128 units would fill them all.
_NARROWEST, _WIDEST = 16, 64
# Warps of a program: 128 registers of each thread hold the weights of 64 units.
_WARPS = 4

State = tuple[jax.Array, jax.Array]


def serves(hidden: int, dtype: Any) -> bool:
    """Return whether there are kernels for H = `hidden` on a device of this process."""
    return hidden <= _WIDEST and dtype == jnp.float32 and _has_cuda()


@functools.cache
def _has_cuda() -> bool:
    try:
        return bool(jax.devices("cuda"))
    except RuntimeError:  # there is none
        return False


def choose(kernel: Callable[..., Any], scan: Callable[..., Any], *arguments: Any) -> Any:
    """Call `kernel` where the program is compiled for CUDA, and `scan` elsewhere."""
    return jax.lax.platform_dependent(*arguments, cuda=kernel, default=scan)


def run_forward(
    driven: jax.Array,
    resets: jax.Array,
    carry: State,
    initial: State,
    kernel: jax.Array,
    *,
    interpret: bool = False,
) -> State:
    """Run T samples.

    Args:
      driven: [T, B, 4, H], what the inputs and the biases add to the arguments of the gates i, f, g, o.
      resets: [T, B] bool, whether c and h are the initial ones before a sample.
      carry: c and h before the first sample, [B, H] each.
      initial: the initial c and h, [B, H] each.
      kernel: W_h, [H, 4H].
      interpret: whether to run on any device, step by step, as tests do.

    Returns:
      c and h after every sample, [T, B, H] each.
    """
    samples, streams, _, hidden = driven.shape
    width = _width(hidden)
    rows = jax.ShapeDtypeStruct((samples, streams, width), driven.dtype)
    call = _call(_forward_kernel, (rows, rows), streams, interpret)
    cs, hs = call(
        _padded(driven, width),
        resets.astype(jnp.int32),
        *(_padded(part, width) for part in (*carry, *initial)),
        _gates_first(kernel, width),
    )
    return cs[..., :hidden], hs[..., :hidden]


def run_backward(
    by_z: jax.Array,
    by_c: jax.Array,
    kept: jax.Array,
    dhs: jax.Array,
    resets: jax.Array,
    last: State,
    kernel: jax.Array,
    *,
    interpret: bool = False,
) -> tuple[State, jax.Array, jax.Array]:
    """Run the backward scan, from the last sample to the first.

    Args:
      by_z: [T, B, 4, H], the derivatives of what follows by z: of c for i, f, g, of h for o.
      by_c: [T, B, H], the derivative of h by c.
      kept: [T, B, H], the gate f.
      dhs: [T, B, H], the gradient of each h from the outputs.
      resets: [T, B] bool.
      last: gradients of the last c and h, [B, H] each.
      kernel: W_h, [H, 4H].
      interpret: as in `run_forward`.

    Returns:
      The gradients of the carry, of the initial c [B, H], and of z [T, B, 4, H].
    """
    samples, streams, _, hidden = by_z.shape
    width = _width(hidden)
    one = jax.ShapeDtypeStruct((streams, width), by_z.dtype)
    rows = jax.ShapeDtypeStruct((samples, streams, 4, width), by_z.dtype)
    call = _call(_backward_kernel, (rows, one, one, one), streams, interpret)
    dz, *ends = call(
        *(_padded(part, width) for part in (by_z, by_c, kept, dhs)),
        resets.astype(jnp.int32),
        *(_padded(part, width) for part in last),
        _gates_first(kernel, width),
    )
    dc, dh, c_initial = (end[..., :hidden] for end in ends)
    return (dc, dh), c_initial, dz[..., :hidden]


def _forward_kernel(
    driven: Any, resets: Any, c: Any, h: Any, c_0: Any, h_0: Any, w: Any, cs: Any, hs: Any
) -> None:
    """Run one stream; the arguments are references to whole arrays."""
    stream, samples = _stream(), driven.shape[0]
    weights = [w[gate] for gate in range(4)]
    fresh = c_0[stream], h_0[stream]

    def read(t: Any) -> tuple[Any, ...]:
        t = jnp.minimum(t, samples - 1)
        return resets[t, stream], *(driven[t, stream, gate] for gate in range(4))

    def body(t: Any, state: Any) -> Any:
        c, h, (reset, *z) = state
        ahead = read(t + 1)
        c, h = jnp.where(reset != 0, fresh[0], c), jnp.where(reset != 0, fresh[1], h)
        z = [a + jnp.sum(h[:, None] * of, axis=0) for a, of in zip(z, weights, strict=True)]
        i, f, o = (0.5 * jnp.tanh(0.5 * z[gate]) + 0.5 for gate in (0, 1, 3))
        c = f * c + i * jnp.tanh(z[2])
        h = o * jnp.tanh(c)
        cs[t, stream], hs[t, stream] = c, h
        return c, h, ahead

    jax.lax.fori_loop(0, samples, body, (c[stream], h[stream], read(0)))


def _backward_kernel(
    by_z: Any,
    by_c: Any,
    kept: Any,
    dhs: Any,
    resets: Any,
    dc: Any,
    dh: Any,
    w: Any,
    dz: Any,
    dc_first: Any,
    dh_first: Any,
    c_initial: Any,
) -> None:
    """Run one stream backwards; the arguments are references to whole arrays."""
    stream, samples = _stream(), by_z.shape[0]
    weights = [w[gate] for gate in range(4)]

    def read(t: Any) -> tuple[Any, ...]:
        t = jnp.maximum(t, 0)
        sides = [by_z[t, stream, gate] for gate in range(4)]
        return resets[t, stream], by_c[t, stream], kept[t, stream], dhs[t, stream], *sides

    def body(number: Any, state: Any) -> Any:
        dc, dh, started, (reset, through_h, f, from_output, *sides) = state
        t = samples - 1 - number
        ahead = read(t - 1)
        dh = dh + from_output
        dc = dc + dh * through_h
        parts = [side * (dh if gate == 3 else dc) for gate, side in enumerate(sides)]
        for gate, part in enumerate(parts):
            dz[t, stream, gate] = part
        dc = dc * f
        products = (of * part[None, :] for of, part in zip(weights, parts, strict=True))
        dh = jnp.sum(functools.reduce(jnp.add, products), axis=1)
        started = started + jnp.where(reset != 0, dc, 0.0)
        dc, dh = jnp.where(reset != 0, 0.0, dc), jnp.where(reset != 0, 0.0, dh)
        return dc, dh, started, ahead

    begin = dc[stream], dh[stream], jnp.zeros_like(dc[stream]), read(samples - 1)
    found = jax.lax.fori_loop(0, samples, body, begin)
    dc_first[stream], dh_first[stream], c_initial[stream] = found[:3]


def _call(
    kernel: Callable[..., None], shapes: tuple[Any, ...], streams: int, interpret: bool
) -> Callable[..., Any]:
    """Make the call of a kernel with one program for each stream."""
    from jax.experimental import pallas  # takes long to import, and is needed on a GPU alone
    from jax.experimental.pallas import triton

    settings = triton.CompilerParams(num_warps=_WARPS, num_stages=1)
    return pallas.pallas_call(
        kernel,
        out_shape=shapes,
        grid=(streams,),
        compiler_params=None if interpret else settings,
        interpret=interpret,
    )


def _stream() -> Any:
    from jax.experimental import pallas

    return pallas.program_id(0)


def _width(hidden: int) -> int:
    """Return P."""
    return max(_NARROWEST, 1 << (hidden - 1).bit_length())


def _padded(array: jax.Array, width: int) -> jax.Array:
    """Add zeros to the last axis, H to P."""
    missing = width - array.shape[-1]
    return jnp.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)])


def _gates_first(kernel: jax.Array, width: int) -> jax.Array:
    """Convert W_h [H, 4H] to [4, P, P]: gate, unit that is read, unit that reads."""
    hidden = kernel.shape[0]
    parts = _padded(kernel.reshape(hidden, 4, hidden), width)
    return jnp.pad(parts.swapaxes(0, 1), [(0, 0), (0, width - hidden), (0, 0)])
