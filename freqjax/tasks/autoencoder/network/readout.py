"""Read-out of a decoder: a product of its features and, with prototypes, a soft nearest vector.

    q = W h + b, plus what another part of the decoder puts out
    y = q + Σ_p softmax(β q · v + u)_p v_p

The prototypes v_p [P, D] begin as the vectors that training rows hold most often, u_p as the logarithms of
their shares; they are trained like all other weights. A decoder that is sure of a word so puts out its
vector, and not a mean of many, and remains smooth in the code.
Axes: N features, D dimensions of a vector, P prototypes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt64

from freqjax.networks.arrays import AnyArray
from freqjax.networks.layers import along, init_product, product
from freqjax.tasks.autoencoder.network.encoders import HELD

# β at first.
_SHARPNESS = 5.0


class Prototypes:
    """The P most frequent vectors of training rows and their shares; compared by identity."""

    def __init__(self, vectors: Float[np.ndarray, "P D"], shares: Float[np.ndarray, " P"]) -> None:
        """Store vectors, and the share of training rows that each is."""
        self.vectors, self.shares = vectors, shares

    @classmethod
    def of(cls, present: Float[np.ndarray, "M D"], count: int) -> Prototypes:
        """Find the P = `count` most frequent of M vectors; if fewer are distinct, some are repeated."""
        _, first, counts = np.unique(_hashes(present), return_index=True, return_counts=True)
        order = np.lexsort((first, -counts))[:count]
        place = np.arange(count) % len(order)
        times = np.bincount(place, minlength=len(order))
        shares = counts[order] / times / len(present)
        return cls(present[first[order]][place], shares[place].astype(np.float32))


def _hashes(vectors: Float[np.ndarray, "M D"]) -> UInt64[np.ndarray, " M"]:
    """Return a number for each vector, which equal ones share; sorting vectors would take a minute."""
    bits = (np.asarray(vectors, np.float32) + np.float32(0)).view(np.uint32)  # −0 becomes 0
    factors = np.random.default_rng(0).integers(0, 2**64, bits.shape[1], np.uint64) | np.uint64(1)
    found = np.zeros(len(bits), np.uint64)
    for column, factor in zip(bits.T, factors, strict=True):
        found += column.astype(np.uint64) * factor
    return found


@dataclass(frozen=True, eq=False)
class Readout:
    """Read-out of N features to D dimensions.

    Attributes:
      features: N.
      dimensions: D.
      prototypes: P; 0 for none.
      known: their initial values; None if the weights will be loaded.
      added: whether it is added to what another part of a decoder puts out, and then begins at 0.
    """

    features: int
    dimensions: int
    prototypes: int = 0
    known: Prototypes | None = None
    added: bool = False

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters."""
        out_key, key = jax.random.split(key)
        gain = 0.0 if self.added else 1.0
        params: dict[str, Any] = {
            "out": init_product(out_key, self.features, self.dimensions, gain)
        }
        if not self.prototypes:
            return params
        vectors = jax.random.normal(key, (self.prototypes, self.dimensions)) * 0.1
        shares = jnp.full(self.prototypes, 1 / self.prototypes)
        if self.known is not None:
            vectors, shares = jnp.array(self.known.vectors), jnp.array(self.known.shares)
        bias, sharpness = jnp.log(shares), jnp.full((), _SHARPNESS)
        return params | {"prototypes": HELD * vectors, "bias": bias, "sharpness": sharpness}

    def __call__(
        self,
        params: Any,
        h: Float[AnyArray, "*rows N"],
        beside: Float[AnyArray, "*rows D"] | None = None,
    ) -> Float[Array, "*rows D"]:
        """Compute y of features h and, if there is one, the output of another part of the decoder."""
        q = product(params["out"], h)
        return self.settled(params, q if beside is None else q + beside)

    def settled(self, params: Any, q: Float[AnyArray, "*rows D"]) -> Float[Array, "*rows D"]:
        """Compute y of q, by the prototypes alone; q itself if there are none."""
        if not self.prototypes:
            return jnp.asarray(q)
        vectors = params["prototypes"] / HELD
        scores = params["sharpness"] * (q @ vectors.T)
        return q + jax.nn.softmax(scores + along(params["bias"], scores), axis=-1) @ vectors
