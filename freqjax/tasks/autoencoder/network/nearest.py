"""Encoder by search: the code of what a decoder can put out that is nearest to a sequence.

Axes: T samples, B sequences, D dimensions, K numbers of a code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from freqjax.networks.arrays import AnyArray
from freqjax.tasks.autoencoder.network.decoders import Decoder
from freqjax.tasks.autoencoder.network.encoders import Encoded

# The ends of the numbers, which tanh does not quite reach.
_END = 1 - 1e-6


class Searched(Decoder, Protocol):
    """Decoder whose outputs can be searched."""

    def nearest(
        self, params: Any, xs: Float[AnyArray, "T B D"], present: Bool[AnyArray, "T B"]
    ) -> Float[Array, "B K"]:
        """Return numbers in [−1, 1] whose outputs are near to sequences."""
        ...


@dataclass(frozen=True, eq=False)
class NearestEncoder:
    """Encoder without weights of its own, which searches a decoder.

    Attributes:
      decoder: what it searches.
    """

    decoder: Searched
    dropout: float = 0.0

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Make the parameters: none."""
        del key
        return {}

    def __call__(
        self,
        params: Any,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        present: Bool[AnyArray, "T B"],
        dropout_key: jax.Array | None = None,
    ) -> Encoded:
        """Encode sequences; nothing is differentiated through the search."""
        del resets, dropout_key
        codes = self.decoder.nearest(jax.lax.stop_gradient(params["decoder"]), xs, present)
        return Encoded(jnp.arctanh(jnp.clip(codes, -_END, _END)), None)
