"""The trained linear code, a baseline: one product to K numbers and one back, trained on the cosine.

It begins as the principal components of training sequences and is trained by Adam on the mean cosine of a
vector. Axes: N sequences, T samples, D dimensions, K numbers.
"""

from __future__ import annotations

import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from freqjax.networks.network import Params
from freqjax.system import cache
from freqjax.tasks.autoencoder.baselines import mean_cosine
from freqjax.tasks.autoencoder.dataset import Part
from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork, Practice
from freqjax.tasks.autoencoder.network.code import Code
from freqjax.tasks.autoencoder.network.decoders import LinearDecoder
from freqjax.tasks.autoencoder.network.encoders import Components, Encoder, LinearEncoder, resets_of
from freqjax.tasks.objectives import Cosine

_UPDATES = 1500
_BATCH = 64
_RATE = 2e-3
# Updates between two measurements on the sequences that choose.
_EVERY = 250


def linear_network(
    samples: int, dimensions: int, numbers: int, bits: int, components: Components | None
) -> AutoencoderNetwork:
    """Make the network of a linear code.

    Args:
      samples: T.
      dimensions: D.
      numbers: K.
      bits: of each number at evaluation.
      components: its initial weights; None for random ones.
    """
    encoder = Encoder(numbers, 1, LinearEncoder(samples, dimensions, numbers, components), None)
    decoder = LinearDecoder(samples, dimensions, numbers, components)
    return AutoencoderNetwork(encoder, Code(numbers, bits), decoder, Practice())


def linear_outputs(
    train: Part, chooses: Part, part: Part, numbers: int, bits: int, components: Components
) -> Float[np.ndarray, "N T D"]:
    """Train the linear code and return its outputs on a part.

    Args:
      train: sequences to train on.
      chooses: sequences by which the weights are chosen.
      part: the sequences to code.
      numbers: K.
      bits: of each number at evaluation.
      components: initial weights.
    """
    samples, dimensions = train.vectors.shape[1:]
    network = linear_network(samples, dimensions, numbers, bits, components)
    params = train_linear(network, train, chooses)
    return _outputs(network, params, part)


def linear_cosine(
    train: Part, chooses: Part, part: Part, numbers: int, bits: int, components: Components
) -> tuple[float, list[float]]:
    """Return the mean cosine of the trained linear code on a part, and the mean of each sequence.

    The result is kept in the cache, named by all that it depends on.
    """

    def answer() -> dict[str, Any]:
        outputs = linear_outputs(train, chooses, part, numbers, bits, components)
        each = [
            mean_cosine(o[None], v[None], m[None])
            for o, v, m in zip(outputs, part.vectors, part.mask, strict=True)
        ]
        return {"cosine": mean_cosine(outputs, part.vectors, part.mask), "each": each}

    question = {
        "linear code": [numbers, bits, _UPDATES, _BATCH, _RATE],
        "rows": [_digest(found) for found in (train, chooses, part)],
    }
    found = cache.cached(question, answer, lambda known: len(known["each"]) == len(part.mask))
    return found["cosine"], found["each"]


def train_linear(network: AutoencoderNetwork, train: Part, chooses: Part) -> Params:
    """Train by Adam, and return the weights of the highest cosine on the sequences that choose."""
    vectors, mask = jnp.asarray(train.vectors), jnp.asarray(train.mask)
    resets = jnp.asarray(resets_of(train.mask)).T
    rule = optax.adam(optax.cosine_decay_schedule(_RATE, _UPDATES))
    keys = jax.random.split(jax.random.key(0), _UPDATES)

    def loss(params: Params, key: jax.Array) -> jax.Array:
        chosen = jax.random.randint(key, (_BATCH,), 0, len(vectors))
        xs, there = jnp.swapaxes(vectors[chosen], 0, 1), mask[chosen].T
        found = network.training_pass(
            params, xs, xs, resets[chosen].T, key=key, step=jnp.zeros((), jnp.int32)
        )
        losses = Cosine().row_loss(found.outputs, xs)
        return jnp.sum(jnp.where(there, losses, 0)) / jnp.sum(there)

    @jax.jit
    def several(state: Any, keys: jax.Array) -> Any:
        def update(state: Any, key: jax.Array) -> Any:
            params, moments = state
            change, moments = rule.update(jax.grad(loss)(params, key), moments)
            return (optax.apply_updates(params, change), moments), None

        return jax.lax.scan(update, state, keys)[0]

    params = network.init(jax.random.key(1))
    state, best = (params, rule.init(params)), (-np.inf, params)
    for first in range(0, _UPDATES, _EVERY):
        outputs = _outputs(network, state[0], chooses)
        best = max(
            best,
            (mean_cosine(outputs, chooses.vectors, chooses.mask), state[0]),
            key=lambda b: b[0],
        )
        state = several(state, keys[first : first + _EVERY])
    outputs = _outputs(network, state[0], chooses)
    last = (mean_cosine(outputs, chooses.vectors, chooses.mask), state[0])
    return max(best, last, key=lambda b: b[0])[1]


def _outputs(network: AutoencoderNetwork, params: Params, part: Part) -> np.ndarray:
    xs = np.swapaxes(part.vectors, 0, 1)
    found = jax.jit(network.unroll)(params, (), xs, resets_of(part.mask))[1]
    return np.swapaxes(np.asarray(found), 0, 1)


def _digest(part: Part) -> str:
    return hashlib.sha256(part.vectors.tobytes() + part.mask.tobytes()).hexdigest()
