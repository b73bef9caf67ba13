"""Encoder of windows by a recurrent network over their samples, in order of time.

    h_t = network(h_{t−1}, [values of all modalities at t, which of them are present])
    e = [h of the last sample, mean of h over the samples that are present]

A sample of which nothing is present leaves the state as it is: the network reads the samples that are there,
one behind another. Before the first of them h is 0.
Axes: N windows, L samples, H features of a state, M features of a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from freqjax.networks import Network, Streams
from freqjax.tasks.classifier.network.layout import Modality, inputs_at_samples, present_in_any


@dataclass(frozen=True, eq=False)
class Recurrent:
    """A recurrent network over the samples of a window.

    Attributes:
      network: from `inputs_of` a layout to H outputs.
      hidden: H.
    """

    network: Network
    hidden: int

    @property
    def features(self) -> int:
        """M = 2 H."""
        return 2 * self.hidden

    @property
    def is_causal(self) -> bool:
        """Whether the state at a sample depends on no later one."""
        return isinstance(self.network, Streams)

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters."""
        return self.network.init(key)

    def __call__(
        self, params: Any, parts: dict[str, Modality], key: jax.Array | None = None
    ) -> Float[Array, "N M"]:
        """Encode windows; with a key, features between the layers of the network are dropped."""
        states = self.states(params, parts, key)
        there = present_in_any(parts)[..., None]
        count = jnp.maximum(jnp.sum(there, axis=1), 1)
        mean = jnp.sum(jnp.where(there, states, 0), axis=1) / count
        return jnp.concatenate([states[:, -1], mean], axis=-1)

    def states(
        self, params: Any, parts: dict[str, Modality], key: jax.Array | None = None
    ) -> Float[Array, "N L H"]:
        """Return the state after each sample, which one that is missing has from the sample before it."""
        there = present_in_any(parts)
        count = jnp.sum(there, axis=1)
        # The samples that are there come first, in their order, and what follows is padding.
        order = jnp.argsort(~there, axis=1)[..., None]
        xs = jnp.take_along_axis(inputs_at_samples(parts), order, axis=1)
        padded = jnp.arange(there.shape[1])[:, None] == count[None]
        _, outputs = self.network.unroll(
            params,
            self.network.init_carry(params, len(there)),
            jnp.swapaxes(xs, 0, 1),
            padded,
            dropout_key=key,
        )
        read = jnp.cumsum(there, axis=1)[..., None]
        found = jnp.take_along_axis(jnp.swapaxes(outputs, 0, 1), jnp.maximum(read - 1, 0), axis=1)
        return jnp.where(read > 0, found, 0)
