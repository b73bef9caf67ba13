"""Readers of context: a recurrent cell over the windows before a window, and one over those behind it.

For each window the cell starts at 0 and reads at most K windows of the same recording, the farthest first,
and then the window itself. All windows of all sequences are read side by side, so that the scan is K + 1
steps long whatever the recording. A window that is not there leaves the state as it is.
Axes: T windows of a sequence, B sequences, K windows of context, M features of a window, H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from freqjax.networks import Cell
from freqjax.networks.arrays import Size
from freqjax.networks.layers import product
from freqjax.networks.network import reset_where
from freqjax.networks.weights import LayerInitializer, LayerSetting


class Before(NamedTuple):
    """The last K windows of each sequence, which a causal reader carries.

    Attributes:
      features: [B, K, M].
      there: [B, K] bool, whether there was such a window.
    """

    features: Float[Array, "B K M"]
    there: Bool[Array, "B K"]


class Windows(NamedTuple):
    """Encoded windows of sequences.

    Attributes:
      features: [T, B, M].
      there: [T, B] bool, whether anything of a window is present.
      sequence: [T, B] int32, a number that differs between sequences of one stream.
    """

    features: Float[Array, "T B M"]
    there: Bool[Array, "T B"]
    sequence: Int[Array, "T B"]


@dataclass(frozen=True, eq=False)
class Reader:
    """A cell that reads K windows before each window; reversed in time, those behind it.

    Attributes:
      cell: class of the cell.
      hidden: H.
      initializer: of its weights.
      inputs: M.
      windows: K.
    """

    cell: type[Cell]
    hidden: int
    initializer: LayerInitializer
    inputs: int
    windows: int

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters."""
        cell = self.cell
        setting = LayerSetting(
            self.inputs, self.hidden, cell.gates, cell.keeps, cell.admits, self.windows + 1
        )
        return dict(self.initializer(key, setting))

    def nothing(self, streams: Size) -> Before:
        """Return what precedes the first window of B = `streams` sequences."""
        shape = (streams, self.windows)
        return Before(jnp.zeros((*shape, self.inputs)), jnp.zeros(shape, bool))

    def __call__(
        self, params: Any, before: Before, windows: Windows
    ) -> tuple[Before, Float[Array, "T B H"]]:
        """Return what precedes the window behind the last, and the state after each window.

        What is before the first window counts as of the sequence that is numbered 0.
        """
        count, streams = windows.there.shape
        features = jnp.concatenate([jnp.swapaxes(before.features, 0, 1), windows.features])
        there = jnp.concatenate([jnp.swapaxes(before.there, 0, 1), windows.there])
        earlier = jnp.zeros((self.windows, streams), windows.sequence.dtype)
        sequence = jnp.concatenate([earlier, windows.sequence])
        driven = product(params["input"], features)
        carry = self.cell.carry(
            *(jnp.zeros((count * streams, self.hidden)) for _ in self.cell.carry._fields)
        )

        def advance(carry: Any, first: Any) -> tuple[Any, None]:
            def taken(array: jax.Array) -> jax.Array:
                return jax.lax.dynamic_slice_in_dim(array, first, count)

            reads = taken(there) & (taken(sequence) == windows.sequence)
            recurrent = product(params["recurrent"], carry.h)
            new = self.cell.combine(carry, taken(driven).reshape(recurrent.shape), recurrent)
            return reset_where(~reads.reshape(-1), carry, new), None

        carry, _ = jax.lax.scan(advance, carry, jnp.arange(self.windows + 1))
        last = Before(
            jnp.swapaxes(features[count:], 0, 1),
            jnp.swapaxes(there[count:] & (sequence[count:] == windows.sequence[-1:]), 0, 1),
        )
        return last, carry.h.reshape(count, streams, self.hidden)

    def backwards(self, params: Any, windows: Windows) -> Float[Array, "T B H"]:
        """Return the states of reading from the other end: at most K windows behind each, then itself."""
        turned = Windows(*(jnp.flip(array, axis=0) for array in windows))
        # No window precedes the last one.
        turned = turned._replace(sequence=turned.sequence + 1)
        _, states = self(params, self.nothing(windows.there.shape[1]), turned)
        return jnp.flip(states, axis=0)
