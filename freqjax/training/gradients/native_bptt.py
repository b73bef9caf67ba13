"""Scans of LSTMs in C++, called from XLA, for backpropagation through time and Gauss-Newton steps.

A step of a small LSTM takes XLA longer to begin than to compute. lstm.cc and lstm_tangent.cc run a whole
stream in one call, by the equations of `freqjax.networks.lstm_backward` and `freqjax.networks.lstm_linear`;
all else is that of `freqjax.training.chunks` and `freqjax.training.curriculum`.
Axes: T time, B streams, D inputs, H hidden.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from freqjax.config.sections import Config
from freqjax.native import library
from freqjax.networks import HasCell, Linearization, LstmCarry, LstmCell, Network
from freqjax.networks.arrays import AnyArray
from freqjax.networks.network import Carry, Params
from freqjax.tasks import Task
from freqjax.training import chunks
from freqjax.training.chunks import Chunk
from freqjax.training.optimizers import Schedule

# The gates of a scan are stored for its gradient up to this many numbers T·B·4H, else computed again from the
# states: they would take twice the memory of these, for a time that differs little.
_KEPT = 2**22


class NativeLstmCell(LstmCell):
    """The cell `LstmCell` with another implementation of its scan.

    Attributes:
      samples: the number of samples after which a scan ends, at least 1, traced: the states after later ones
        are 0, and the carry is that after the last of these. None for all.
    """

    samples: ClassVar[Array | None] = None

    @classmethod
    def up_to(cls, samples: Int[Array, ""]) -> type[NativeLstmCell]:
        """Return the cell whose scans end after `samples`."""
        return type(cls.__name__, (cls,), {"samples": samples, "__module__": cls.__module__})

    @classmethod
    def scan(
        cls,
        params: Params,
        carry: Carry,
        initial: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
    ) -> tuple[LstmCarry, Float[Array, "T B H"]]:
        """Run as `Cell.scan`."""
        count = cls._count(xs)
        carry, hs = _scan(params, LstmCarry(*carry), LstmCarry(*initial), xs, resets, count)
        return carry, hs

    @classmethod
    def linearize(
        cls, params: Params, c: Float[Array, "B H"], xs: Float[AnyArray, "T B D"]
    ) -> Linearization:
        """Linearise as `LstmCell.linearize`."""
        start, resets = LstmCarry(c, jnp.zeros_like(c)), jnp.zeros(xs.shape[:2], bool)
        count = cls._count(xs)
        (_, hs), record = _forward(params, start, start, xs, resets, count, keep=True)
        arguments, *states = record
        none = LstmCarry(jnp.zeros_like(c), jnp.zeros_like(c))

        def tangent(change: tuple[Any, jax.Array]) -> jax.Array:
            (dhs,) = _call(library.LSTM_TANGENT, [hs.shape])(
                *arguments, *states, *_weights(change[0]), change[1]
            )
            return dhs

        def adjoint(dhs: jax.Array) -> tuple[Params, jax.Array]:
            of_params, of_start, *_ = _backward(record, (none, dhs))
            return of_params, of_start.c

        return Linearization(hs, tangent, adjoint)

    @classmethod
    def _count(cls, xs: Float[AnyArray, "T B D"]) -> Array:
        """Return the number of samples of a scan of `xs`, int32."""
        return jnp.asarray(xs.shape[0] if cls.samples is None else cls.samples, jnp.int32)


def why_not(network: Network, task: Task, config: Config) -> str | None:
    """Return the reason that the native scans do not support a network, as a sentence, or None."""
    del task, config
    if not isinstance(network, HasCell) or network.cell is None:
        kind = type(network).__name__
        return f"The network is a {kind}: the native scans are those of LSTM layers."
    if network.cell is not LstmCell:
        return f"The cell is {network.cell.__name__}: the native scans are those of LSTM layers."
    return None


def make_native_chunk(
    network: Network, task: Task, config: Config, schedule: Schedule, groups: int
) -> Chunk:
    """Make the chunk of a run for which `why_not` returns None; jit it, donate state.

    State, stream and info are those of `freqjax.training.chunks.make_chunk`.

    Raises:
      UserError: the library cannot be loaded.
    """
    return chunks.make_chunk(with_native_cell(network), task, config, schedule, groups)


def with_native_cell(network: Network, samples: Int[Array, ""] | None = None) -> Network:
    """Return a network for which `why_not` returns None with the cell whose scans are native.

    They end after `samples`, if these are given: see `NativeLstmCell`.

    Raises:
      UserError: the library cannot be loaded.
    """
    assert isinstance(network, HasCell)
    library.load()
    cell = NativeLstmCell if samples is None else NativeLstmCell.up_to(samples)
    return network.with_cell(cell)


@jax.custom_vjp
def _scan(
    params: Params,
    carry: LstmCarry,
    initial: LstmCarry,
    xs: AnyArray,
    resets: AnyArray,
    count: AnyArray,
) -> tuple[LstmCarry, jax.Array]:
    return _forward(params, carry, initial, xs, resets, count)[0]


def _forward(
    params: Params,
    carry: LstmCarry,
    initial: LstmCarry,
    xs: AnyArray,
    resets: AnyArray,
    count: AnyArray,
    *,
    keep: bool = False,
) -> tuple[tuple[LstmCarry, jax.Array], Any]:
    """Run as `NativeLstmCell.scan`, and return what derivatives read too; `keep` the gates of any scan."""
    arguments = (xs, resets, *carry, *initial, *_weights(params), count)
    states = (*resets.shape, carry.c.shape[-1])
    gates = (*resets.shape, 4, states[-1])
    if not keep and 4 * resets.size * states[-1] > _KEPT:
        gates = (0,)  # which the loop takes for unwanted
    cs, hs, gates = _call(library.LSTM_FORWARD, (states, states, gates))(*arguments)
    last = LstmCarry(cs[count - 1], hs[count - 1]) if states[0] else carry
    return (last, hs), (arguments, cs, hs, gates)


def _backward(record: Any, cotangents: tuple[LstmCarry, jax.Array]) -> tuple[Any, ...]:
    arguments, cs, hs, gates = record
    last, dhs = cotangents
    xs, _, *states, input_kernel, kernel, bias, _ = arguments
    shapes = [array.shape for array in (input_kernel, kernel, bias, *states, xs)]
    call = _call(library.LSTM_BACKWARD, shapes)
    input_kernel, kernel, bias, c, h, c_initial, h_initial, xs = call(
        *arguments, cs, hs, gates, dhs, *last
    )
    params = {
        "input": {"kernel": input_kernel, "bias": bias},
        "recurrent": {"kernel": kernel, "bias": bias},
    }
    return params, LstmCarry(c, h), LstmCarry(c_initial, h_initial), xs, None, None


_scan.defvjp(_forward, _backward)


def _weights(params: Params) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return both kernels and the sum of the biases."""
    layers = params["input"], params["recurrent"]
    return layers[0]["kernel"], layers[1]["kernel"], layers[0]["bias"] + layers[1]["bias"]


def _call(name: str, shapes: Any) -> Any:
    """Make the call of a handler of an LSTM with results of `shapes`, all of float32."""
    results = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    call = jax.ffi.ffi_call(name, results, vmap_method="sequential")
    return lambda *arguments: call(*arguments, threads=library.threads())
