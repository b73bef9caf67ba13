"""Encoders of windows by attention among tokens, of which one reads all others and is the window's.

| encoder | tokens of a modality | normalisation | between the products |
|---|---|---|---|
| transformer | one for every four samples | before attention and products (Xiong et al. 2020) | GELU |
| pooled | one, the mean over time of two convolutions: a published form, blind to time | after | ReLU |

A token of which nothing is present is not read. Axes: N windows, L samples, S tokens, M features, A heads.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from freqjax.networks.layers import (
    along,
    attend,
    init_attention,
    init_norm,
    init_product,
    norm,
    product,
    sinusoidal_positions,
    slots_to_read,
)
from freqjax.tasks.classifier.network.convolution import convolve
from freqjax.tasks.classifier.network.layout import Layout, Modality

# Samples of a token.
_PATCH = 4
# Samples that a convolution of a pooled modality sees.
_TAPS = 3


@dataclass(frozen=True)
class Transformer:
    """Attention among tokens of all modalities and one that is learned.

    Attributes:
      layout: of windows.
      features: M.
      layers: of attention and products.
      heads: A.
      pooled: whether a modality is one token, its mean over time.
    """

    layout: Layout
    features: int
    layers: int
    heads: int
    pooled: bool = False

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters."""
        size, names = self.features, list(self.layout.channels)
        keys = jax.random.split(key, self.layers + 1)
        params: dict[str, Any] = {
            "reader": jnp.zeros(size),
            "kinds": 0.02 * jax.random.normal(keys[0], (len(names), size)),
        }
        if not self.pooled:  # whose last layer ends with one
            params["norm"] = init_norm(size)
        for number, (name, count) in enumerate(self.layout.channels.items()):
            own = jax.random.split(jax.random.fold_in(keys[0], number + 1), 3)
            if self.pooled:
                params[f"tokens_{name}"] = {
                    "first": _init_convolution(own[0], count, size // 2),
                    "second": _init_convolution(own[1], size // 2, size),
                    "last": init_product(own[2], size, size),
                }
            else:
                params[f"tokens_{name}"] = init_product(own[0], _PATCH * (count + 1), size)
        for number in range(self.layers):
            params[f"layer_{number}"] = self._init_layer(keys[number + 1])
        return params

    def _init_layer(self, key: jax.Array) -> dict[str, Any]:
        size, keys = self.features, jax.random.split(key, 3)
        return {
            "norms": [init_norm(size) for _ in range(2)],
            "among": init_attention(keys[0], size, size, size),
            "wide": init_product(keys[1], size, 4 * size),
            "narrow": init_product(keys[2], 4 * size, size, 0.5),
        }

    def __call__(
        self, params: Any, parts: dict[str, Modality], key: jax.Array | None = None
    ) -> Float[Array, "N M"]:
        """Encode windows; nothing is dropped here."""
        del key
        make = self._pooled_token if self.pooled else self._patches
        tokens, there = [], []
        for number, (name, part) in enumerate(parts.items()):
            own, present = make(params[f"tokens_{name}"], part)
            tokens.append(own + along(params["kinds"][number], own))
            there.append(present)
        count = tokens[0].shape[0]
        reader = jnp.broadcast_to(params["reader"], (count, 1, self.features))
        x = jnp.concatenate([reader, *tokens], axis=1)
        read = jnp.concatenate([jnp.ones((count, 1), bool), *there], axis=1)
        for number in range(self.layers):
            x = self._layer(params[f"layer_{number}"], x, read)
        return x[:, 0] if self.pooled else norm(params["norm"], x[:, 0])

    def _patches(
        self, layer: Any, part: Modality
    ) -> tuple[Float[Array, "N S M"], Bool[Array, "N S"]]:
        """Return a token for every few samples, and whether any of these is present."""
        count, samples, channels = part.values.shape
        missing = -samples % _PATCH
        flags = jnp.pad(part.present, ((0, 0), (0, missing)))
        values = jnp.pad(part.values, ((0, 0), (0, missing), (0, 0)))
        seen = jnp.concatenate([values, flags[..., None].astype(values.dtype)], axis=-1)
        tokens = product(layer, seen.reshape(count, -1, _PATCH * (channels + 1)))
        places = sinusoidal_positions(tokens.shape[1], self.features)[None]
        return tokens + places, jnp.any(flags.reshape(count, -1, _PATCH), axis=-1)

    def _pooled_token(
        self, layer: Any, part: Modality
    ) -> tuple[Float[Array, "N 1 M"], Bool[Array, "N 1"]]:
        """Return the mean over time of two convolutions, and whether anything is present."""
        x = jax.nn.relu(convolve(layer["first"], part.values, _TAPS, 1))
        x = jax.nn.relu(convolve(layer["second"], x, _TAPS, 1))
        flags = part.present[..., None].astype(x.dtype)
        mean = jnp.sum(x * flags, axis=1) / jnp.maximum(jnp.sum(flags, axis=1), 1)
        return product(layer["last"], mean)[:, None], jnp.any(part.present, axis=1)[:, None]

    def _layer(
        self, layer: Any, x: Float[Array, "N S M"], read: Bool[Array, "N S"]
    ) -> Float[Array, "N S M"]:
        """Attend and multiply, each beside what it was given."""
        first, second = layer["norms"]

        def among(x: jax.Array) -> jax.Array:
            return attend(layer["among"], x, slots_to_read(layer["among"], x, self.heads, read))[0]

        bend = jax.nn.relu if self.pooled else functools.partial(jax.nn.gelu, approximate=False)

        def wider(x: jax.Array) -> jax.Array:
            return product(layer["narrow"], bend(product(layer["wide"], x)))

        if self.pooled:
            x = norm(first, x + among(x))
            return norm(second, x + wider(x))
        x = x + among(norm(first, x))
        return x + wider(norm(second, x))


def _init_convolution(key: jax.Array, inputs: int, outputs: int) -> dict[str, Any]:
    scale = math.sqrt(2 / (_TAPS * inputs))
    kernel = jax.random.normal(key, (_TAPS * inputs, outputs)) * scale
    return {"kernel": kernel, "bias": jnp.zeros(outputs)}
