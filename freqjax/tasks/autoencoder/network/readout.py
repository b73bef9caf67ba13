"""Read-out of a decoder: a product of its features and, with prototypes, an expected vector.

    y = W h + b + Σ_p softmax(U h + u)_p v_p

The prototypes v_p [P, D] begin as the vectors that training rows hold most often, and are trained like all
other weights. A sum over them can be no mean of everything and be still smooth in the code: a decoder that is
sure of a word puts out its vector. Axes: N features, D dimensions of a vector, P prototypes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt64

from freqjax.networks.arrays import AnyArray
from freqjax.tasks.autoencoder.network.layers import init_product, product


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
      added: whether it is added to what another part of a decoder puts out, and then begins near 0.
    """

    features: int
    dimensions: int
    prototypes: int = 0
    known: Prototypes | None = None
    added: bool = False

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters."""
        keys = jax.random.split(key, 3)
        gain = 0.0 if self.added else 1.0
        params: dict[str, Any] = {
            "out": init_product(keys[0], self.features, self.dimensions, gain)
        }
        if self.prototypes:
            choice = init_product(keys[1], self.features, self.prototypes, 0.1)
            vectors = jax.random.normal(keys[2], (self.prototypes, self.dimensions)) * 0.1
            if self.known is not None:
                vectors = jnp.array(self.known.vectors)
                choice["bias"] = jnp.log(jnp.array(self.known.shares))
                if self.added:
                    expected = self.known.shares @ self.known.vectors / self.known.shares.sum()
                    params["out"]["bias"] = -jnp.array(expected)
            params |= {"choice": choice, "prototypes": vectors}
        return params

    def __call__(self, params: Any, h: Float[AnyArray, "*rows N"]) -> Float[Array, "*rows D"]:
        """Compute y of features h."""
        y = product(params["out"], h)
        if self.prototypes:
            y = y + jax.nn.softmax(product(params["choice"], h), axis=-1) @ params["prototypes"]
        return y
