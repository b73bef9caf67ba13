"""Layers that encoders and decoders are made of: products, normalisation and attention, as pure functions.

Parameters are nested dictionaries of arrays. Axes: T samples, B sequences, N features, S slots, A heads.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from freqjax.networks.arrays import AnyArray

_EPSILON = 1e-5
# Added to the scores of what must not be attended to.
_NEVER = -1e9


def init_product(key: jax.Array, inputs: int, outputs: int, gain: float = 1.0) -> dict[str, Any]:
    """Draw a kernel [inputs, outputs] with standard deviation gain / √inputs, and a bias of 0."""
    kernel = jax.random.normal(key, (inputs, outputs)) * (gain / math.sqrt(inputs))
    return {"kernel": kernel, "bias": jnp.zeros(outputs)}


def product(layer: Any, x: Float[AnyArray, "*rows M"]) -> Float[Array, "*rows N"]:
    """Compute x W + b, or x W without a bias."""
    y = x @ layer["kernel"]
    return y + along(layer["bias"], y) if "bias" in layer else y


def along(
    numbers: Float[AnyArray, " N"], rows: Float[AnyArray, "*rows N"]
) -> Float[Array, "*ones N"]:
    """Return N numbers in as many axes as `rows` has, one for each feature of a row."""
    return jnp.reshape(jnp.asarray(numbers), (1,) * (rows.ndim - 1) + (-1,))


def init_norm(features: int) -> dict[str, Any]:
    """Make the identity as gain [N] and bias [N]."""
    return {"gain": jnp.ones(features), "bias": jnp.zeros(features)}


def norm(layer: Any, x: Float[AnyArray, "*rows N"]) -> Float[Array, "*rows N"]:
    """Normalise the features of each row (Ba et al. 2016), then scale and shift them."""
    mean = jnp.mean(x, axis=-1, keepdims=True)
    spread = jnp.sqrt(jnp.var(x, axis=-1, keepdims=True) + _EPSILON)
    return (x - mean) / spread * along(layer["gain"], x) + along(layer["bias"], x)


def init_attention(key: jax.Array, queries: int, keys: int, features: int) -> dict[str, Any]:
    """Draw the products of attention: to N features, and back to those of the queries."""
    parts = jax.random.split(key, 4)
    # A bias of the keys would add the same to all scores of a query, which a softmax ignores.
    kernel = init_product(parts[1], keys, features)["kernel"]
    return {
        "query": init_product(parts[0], queries, features),
        "key": {"kernel": kernel},
        "value": init_product(parts[2], keys, features),
        "out": init_product(parts[3], features, queries),
    }


def attend(
    layer: Any,
    queries: Float[AnyArray, "B L M"],
    slots: Float[AnyArray, "B S N"],
    heads: int,
    present: Bool[AnyArray, "B S"] | None = None,
) -> tuple[Float[Array, "B L M"], Float[Array, "B L S"]]:
    """Attend from L queries of each sequence to S slots, by scaled dot products (Vaswani et al. 2017).

    Args:
      layer: from `init_attention`.
      queries: what asks.
      slots: what is read.
      heads: A, which divides the features.
      present: the slots that may be read; None for all. With none present all are read alike.

    Returns:
      What was read, and the weights of each slot, the mean over heads.
    """
    q, k, v = (_by_head(layer, name, x, heads) for name, x in _sources(queries, slots))
    scores = jnp.einsum("blad,bsad->bals", q, k) / math.sqrt(q.shape[-1])
    if present is not None:
        scores = jnp.where(present[:, None, None], scores, _NEVER)
    weights = jax.nn.softmax(scores, axis=-1)
    read = jnp.einsum("bals,bsad->blad", weights, v)
    read = read.reshape(*read.shape[:2], -1)
    return product(layer["out"], read), jnp.mean(weights, axis=1)


def _sources(queries: AnyArray, slots: AnyArray) -> tuple[tuple[str, AnyArray], ...]:
    return ("query", queries), ("key", slots), ("value", slots)


def _by_head(layer: Any, name: str, x: AnyArray, heads: int) -> jax.Array:
    y = product(layer[name], x)
    return y.reshape(*y.shape[:2], heads, -1)


def sinusoidal_positions(samples: int, features: int) -> Float[np.ndarray, "T N"]:
    """Return sines and cosines of geometric periods, from 2π to 20,000π samples (Vaswani et al. 2017)."""
    half = (features + 1) // 2
    rates = 10_000.0 ** (-np.arange(half) / max(half, 1))
    angles = np.arange(samples)[:, None] * rates
    both = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return both[:, :features].astype(np.float32)
