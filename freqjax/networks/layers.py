"""Layers that encoders and decoders are made of: products, normalisation and attention, as pure functions.

Parameters are nested dictionaries of arrays. Axes: T samples, B sequences, N features, S slots, A heads.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

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


class Read(NamedTuple):
    """Keys and values of S slots, by head, that queries attend to.

    Attributes:
      keys, values: products of the slots.
      present: the slots that may be read; None for all. With none present all are read alike.
    """

    keys: Float[Array, "B S A N"]
    values: Float[Array, "B S A N"]
    present: Bool[AnyArray, "B S"] | None = None


def slots_to_read(
    layer: Any,
    slots: Float[AnyArray, "B S N"],
    heads: int,
    present: Bool[AnyArray, "B S"] | None = None,
) -> Read:
    """Compute keys and values of slots once, for queries that may come one after another.

    Args:
      layer: from `init_attention`.
      slots: what is read.
      heads: A, which divides the features.
      present: see `Read`.
    """
    return Read(
        _by_head(layer["key"], slots, heads), _by_head(layer["value"], slots, heads), present
    )


def attend(
    layer: Any, queries: Float[AnyArray, "B L M"], read: Read
) -> tuple[Float[Array, "B L M"], Float[Array, "B L S"]]:
    """Attend from L queries of each sequence to S slots, by scaled dot products (Vaswani et al. 2017).

    Args:
      layer: from `init_attention`.
      queries: what asks.
      read: keys and values of the slots, from `slots_to_read`.

    Returns:
      What was read, and the weights of each slot, the mean over heads.
    """
    found, weights = weigh(product(layer["query"], queries), read)
    return product(layer["out"], found), weights


def weigh(
    queries: Float[AnyArray, "B L N"], read: Read
) -> tuple[Float[Array, "B L N"], Float[Array, "B L S"]]:
    """Attend as `attend`, from queries that have been projected, to what is yet to be projected back."""
    q = queries.reshape(*queries.shape[:2], *read.keys.shape[2:])
    scores = jnp.einsum("blad,bsad->bals", q, read.keys) / math.sqrt(q.shape[-1])
    if read.present is not None:
        scores = jnp.where(read.present[:, None, None], scores, _NEVER)
    weights = jax.nn.softmax(scores, axis=-1)
    found = jnp.einsum("bals,bsad->blad", weights, read.values)
    return found.reshape(*found.shape[:2], -1), jnp.mean(weights, axis=1)


def _by_head(layer: Any, x: AnyArray, heads: int) -> jax.Array:
    y = product(layer, x)
    return y.reshape(*y.shape[:2], heads, -1)


def sinusoidal_positions(samples: int, features: int) -> Float[np.ndarray, "T N"]:
    """Return sines and cosines of geometric periods, from 2π to 20,000π samples (Vaswani et al. 2017)."""
    half = (features + 1) // 2
    rates = 10_000.0 ** (-np.arange(half) / max(half, 1))
    angles = np.arange(samples)[:, None] * rates
    both = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return both[:, :features].astype(np.float32)
