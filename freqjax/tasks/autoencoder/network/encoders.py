"""Encoders: from a sequence to what its code is made of, W = `Code.width` numbers.

| `task.encoder` | z |
|---|---|
| linear | one product of all T · D inputs, which begins as the principal components of training rows |
| recurrent | a product of the last state of a recurrent network (section `network`) and of their mean |
| both | the sum of the two; the second part begins at 0 |
| nearest | no weights: a search in the decoder (module `nearest`) |

Padding behind a sequence enters none of them. Axes: T samples, B sequences, D dimensions, H hidden units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from freqjax.networks import HasCell, Network
from freqjax.networks.arrays import AnyArray, EitherArray
from freqjax.networks.cell import Cell
from freqjax.networks.layers import init_product, product

# Standard deviation of the numbers that principal components begin with: tanh is nearly linear there.
SPREAD = 0.5
# Weights that begin as statistics of training rows are small numbers, of which a step of Adam at the rate of
# the other weights would leave little: they are held this many times as large.
HELD = 10.0


class Encoded(NamedTuple):
    """What an encoder gives.

    Attributes:
      z: [B, W], before it is bounded.
      states: [T, B, H], of the recurrent network; None if there is none.
    """

    z: Float[Array, "B W"]
    states: Float[Array, "T B H"] | None


class Components(NamedTuple):
    """Principal components of training sequences, the initial weights of linear encoders and decoders.

    Attributes:
      centre: [T, D], what is taken away first and added last.
      axes: [K, T, D], orthonormal.
      spreads: [K], standard deviations along them.
    """

    centre: Float[np.ndarray, "T D"]
    axes: Float[np.ndarray, "K T D"]
    spreads: Float[np.ndarray, " K"]


@dataclass(frozen=True, eq=False)
class LinearEncoder:
    """One product of all inputs of a sequence.

    Attributes:
      samples: T.
      dimensions: D.
      width: W.
      components: initial weights; None for random ones.
    """

    samples: int
    dimensions: int
    width: int
    components: Components | None = None

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters: centre [T, D] and kernel [T, D, W], held `HELD` times, and bias [W]."""
        shape = (self.samples, self.dimensions, self.width)
        kernel = jax.random.normal(key, shape) / math.sqrt(self.samples * self.dimensions)
        centre = jnp.zeros(shape[:2])
        if self.components is not None:
            scaled = self.components.axes * (SPREAD / self.components.spreads)[:, None, None]
            count = min(len(scaled), self.width)
            kernel = kernel * 0.01
            kernel = kernel.at[..., :count].set(np.moveaxis(scaled[:count], 0, -1))
            centre = jnp.array(self.components.centre)
        held = {"centre": HELD * centre, "kernel": HELD * kernel}
        return held | {"bias": jnp.zeros(self.width)}

    def __call__(
        self, params: Any, xs: Float[AnyArray, "T B D"], present: Bool[AnyArray, "T B"]
    ) -> Float[Array, "B W"]:
        """Compute z; what is not present counts as the centre."""
        samples = xs.shape[0]
        centre = params["centre"][:samples, None] / HELD
        moved = jnp.where(present[..., None], xs - centre, 0)
        flat = jnp.swapaxes(moved, 0, 1).reshape(xs.shape[1], -1)
        kernel = params["kernel"][:samples].reshape(flat.shape[1], -1) / HELD
        return flat @ kernel + params["bias"][None]


@runtime_checkable
class Encoder(Protocol):
    """Encoder of sequences.

    Attributes:
      dropout: the probability with which it drops a feature between layers in training.
    """

    @property
    def dropout(self) -> float: ...

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters; perhaps none."""
        ...

    def __call__(
        self,
        params: Any,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        present: Bool[AnyArray, "T B"],
        dropout_key: jax.Array | None = None,
    ) -> Encoded:
        """Encode sequences.

        Args:
          params: of the whole network: an encoder may look at the decoder's.
          xs: sequences.
          resets: where padding begins.
          present: which samples precede it.
          dropout_key: with it, features are dropped.
        """
        ...


@dataclass(frozen=True, eq=False)
class TrainedEncoder:
    """Encoder with weights of its own, by one of the first three lines of the table above.

    Attributes:
      width: W.
      hidden: H, width of the states.
      linear: the first part, or None.
      recurrent: the network of the second part, whose outputs are its states; or None.
      from_zero: whether the second part begins at 0.
    """

    width: int
    hidden: int
    linear: LinearEncoder | None
    recurrent: Network | None
    from_zero: bool = False

    @property
    def dropout(self) -> float:
        """The probability with which the recurrent network drops a feature between its layers."""
        return 0.0 if self.recurrent is None else self.recurrent.dropout

    @property
    def cell(self) -> type[Cell] | None:
        """The class of the recurrent network's cell; None if it has none."""
        return self.recurrent.cell if isinstance(self.recurrent, HasCell) else None

    def with_cell(self, cell: type[Cell]) -> Self:
        """Return the encoder with another implementation of its cell: see `networks.cell.OfCell`."""
        if not isinstance(self.recurrent, HasCell):
            return self
        return replace(self, recurrent=self.recurrent.with_cell(cell))

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters."""
        keys = jax.random.split(key, 3)
        params: dict[str, Any] = {}
        if self.linear is not None:
            params["linear"] = self.linear.init(keys[0])
        if self.recurrent is not None:
            params["recurrent"] = self.recurrent.init(keys[1])
            gain = 0.0 if self.from_zero else 1.0
            params["read"] = init_product(keys[2], 2 * self.hidden, self.width, gain)
        return params

    def __call__(
        self,
        params: Any,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        present: Bool[AnyArray, "T B"],
        dropout_key: jax.Array | None = None,
    ) -> Encoded:
        """Encode sequences; see `Encoder`."""
        own = params["encoder"]
        z: Any = 0.0
        states = None
        if self.linear is not None:
            z = self.linear(own["linear"], xs, present)
        if self.recurrent is not None:
            weights = own["recurrent"]
            carry = self.recurrent.init_carry(weights, xs.shape[1])
            _, states = self.recurrent.unroll(weights, carry, xs, resets, dropout_key=dropout_key)
            z = z + product(own["read"], pooled(states, present))
        return Encoded(z, states)


def pooled(states: Float[AnyArray, "T B H"], present: Bool[AnyArray, "T B"]) -> Float[Array, "B N"]:
    """Return the last state that is present beside the mean of those that are, N = 2 H."""
    last = jnp.max(jnp.where(present, jnp.arange(states.shape[0])[:, None], 0), axis=0)
    end = jnp.take_along_axis(states, last[None, :, None], axis=0)[0]
    count = jnp.maximum(jnp.sum(present, axis=0), 1)[:, None]
    mean = jnp.sum(jnp.where(present[..., None], states, 0), axis=0) / count
    return jnp.concatenate([end, mean], axis=-1)


def presence(resets: Bool[AnyArray, "T B"]) -> Bool[Array, "T B"]:
    """Return which samples precede the padding, which begins at the first reset after sample 0."""
    return jnp.cumsum(jnp.asarray(resets).at[0].set(False), axis=0) == 0


def resets_of(mask: Bool[EitherArray, "N T"]) -> Bool[EitherArray, "T N"]:
    """Return the flags by which a network is told where padding begins: the inverse of `presence`."""
    xp: Any = np if isinstance(mask, np.ndarray) else jnp
    time = xp.arange(mask.shape[1])[:, None]
    last = xp.max(xp.where(mask.T, time, -1), axis=0)
    return time == last[None] + 1
