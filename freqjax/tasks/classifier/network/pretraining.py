"""Pretraining of an encoder without classes: it fills in a stretch of samples that is hidden from it.

    x̂ = W e(window without the stretch) + b        loss = mean of (x̂ − x)² over what is hidden and was present

Channels have mean 0 and variance 1 over the windows that are trained on, so a loss of 1 is that of knowing
nothing. Channels that are derived (`task.derived`) are means over the samples around, which tell a part of
what is hidden. Axes: N windows, L samples, F channels of all modalities, M features of a window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from freqjax.networks.layers import init_product, product
from freqjax.tasks.classifier.network.layout import Layout, Modality

# Share of a window that is hidden.
_SHARE = 0.25


def init_filler(key: jax.Array, layout: Layout, features: int) -> dict[str, Any]:
    """Draw W [M, L · F] and b, which an encoder of M = `features` is pretrained with."""
    return init_product(key, features, layout.samples * sum(layout.channels.values()), 0.1)


def filling_loss(
    encode: Callable[[dict[str, Modality]], Float[Array, "N M"]],
    filler: Any,
    parts: dict[str, Modality],
    key: jax.Array,
) -> Float[Array, ""]:
    """Hide a stretch of each window from an encoder, and return the loss of filling it in; 0 of nothing.

    Args:
      encode: the encoder.
      filler: W and b.
      parts: the windows.
      key: of the first sample that is hidden in each window.
    """
    hidden = _stretches(key, *next(iter(parts.values())).present.shape)
    seen = {
        name: Modality(jnp.where(hidden[..., None], 0, part.values), part.present & ~hidden)
        for name, part in parts.items()
    }
    values = jnp.concatenate([part.values for part in parts.values()], axis=-1)
    counted = jnp.concatenate(
        [
            jnp.broadcast_to((hidden & part.present)[..., None], part.values.shape)
            for part in parts.values()
        ],
        axis=-1,
    )
    found = product(filler, encode(seen)).reshape(values.shape)
    squared = jnp.where(counted, jnp.square(found - values), 0)
    return jnp.sum(squared) / jnp.maximum(jnp.sum(counted), 1)


def _stretches(key: jax.Array, count: int, samples: int) -> Bool[Array, "N L"]:
    """Draw a stretch of each window."""
    length = max(round(_SHARE * samples), 1)
    first = jax.random.randint(key, (count, 1), 0, samples - length + 1)
    time = jnp.arange(samples)[None]
    return (time >= first) & (time < first + length)
