"""The trained linear code, a baseline: one product to K numbers and one back, trained on the cosine.

It begins as the principal components of training sequences and is trained by Adam on the mean cosine of a
vector. The chapters of a text are cut anew for every few updates: on windows that stay the same, the weights
soon fit these alone, and do worse than the components on others.
Axes: N sequences, T samples, D dimensions, K numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from freqjax import progress
from freqjax.networks.network import Params
from freqjax.system import cache
from freqjax.tasks.autoencoder.baselines import mean_cosine
from freqjax.tasks.autoencoder.cutting import Text
from freqjax.tasks.autoencoder.dataset import Part
from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork, Practice
from freqjax.tasks.autoencoder.network.code import Code
from freqjax.tasks.autoencoder.network.decoders import LinearDecoder
from freqjax.tasks.autoencoder.network.encoders import (
    Components,
    LinearEncoder,
    TrainedEncoder,
    resets_of,
)
from freqjax.tasks.objectives import Cosine

_UPDATES = 5000
_BATCH = 32
_RATE = 5e-3
# Updates on the same windows, and between two measurements on the sequences that choose.
_FRESH, _EVERY = 50, 500


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
    encoder = TrainedEncoder(
        numbers, 1, LinearEncoder(samples, dimensions, numbers, components), None
    )
    decoder = LinearDecoder(samples, dimensions, numbers, components)
    return AutoencoderNetwork(encoder, Code(numbers, bits), decoder, Practice())


class Learning(NamedTuple):
    """Rows of a trained linear code.

    Attributes:
      train: sequences to train on.
      chooses: sequences by which the weights are chosen.
      text: the training text, whose chapters are cut anew; None if the sequences are no words.
    """

    train: Part
    chooses: Part
    text: Text | None = None


def linear_cosine(
    learning: Learning, part: Part, numbers: int, bits: int, components: Callable[[], Components]
) -> tuple[float, list[float]]:
    """Return the mean cosine of the trained linear code on a part, and the mean of each sequence.

    The result is kept in the cache, named by all that it depends on.

    Args:
      learning: rows to train on, and to choose by.
      part: the sequences to code.
      numbers: K.
      bits: of each number at evaluation.
      components: returns the initial weights.
    """

    def answer() -> dict[str, Any]:
        samples, dimensions = learning.train.vectors.shape[1:]
        network = linear_network(samples, dimensions, numbers, bits, components())
        outputs = _outputs(network, train_linear(network, learning), part)
        each = [
            mean_cosine(o[None], v[None], m[None])
            for o, v, m in zip(outputs, part.vectors, part.mask, strict=True)
        ]
        return {"cosine": mean_cosine(outputs, part.vectors, part.mask), "each": each}

    question = {
        "linear code": [numbers, bits, _UPDATES, _BATCH, _RATE, learning.text is not None],
        "rows": [_digest(found) for found in (learning.train, learning.chooses, part)],
    }
    found = cache.cached(question, answer, lambda known: len(known["each"]) == len(part.mask))
    return found["cosine"], found["each"]


def train_linear(network: AutoencoderNetwork, learning: Learning) -> Params:
    """Train by Adam, and return the weights of the highest cosine on the sequences that choose."""
    train, chooses, text = learning
    samples = train.mask.shape[1]
    rule = optax.adam(optax.cosine_decay_schedule(_RATE, _UPDATES))
    keys = jax.random.split(jax.random.key(0), _UPDATES)

    def loss(params: Params, key: jax.Array, vectors: jax.Array, mask: jax.Array) -> jax.Array:
        chosen = jax.random.randint(key, (_BATCH,), 0, len(vectors))
        xs, there = jnp.swapaxes(vectors[chosen], 0, 1), mask[chosen].T
        resets: Any = resets_of(mask[chosen])
        found = network.training_pass(
            params, xs, xs, resets, key=key, step=jnp.zeros((), jnp.int32)
        )
        losses = Cosine().row_loss(found.outputs, xs)
        return jnp.sum(jnp.where(there, losses, 0)) / jnp.maximum(jnp.sum(there), 1)

    @jax.jit
    def several(state: Any, keys: jax.Array, vectors: jax.Array, mask: jax.Array) -> Any:
        def update(state: Any, key: jax.Array) -> Any:
            params, moments = state
            slopes = jax.grad(loss)(params, key, vectors, mask)
            change, moments = rule.update(slopes, moments)
            return (optax.apply_updates(params, change), moments), None

        return jax.lax.scan(update, state, keys)[0]

    def score(params: Params) -> float:
        return mean_cosine(_outputs(network, params, chooses), chooses.vectors, chooses.mask)

    draw = None if text is None else jax.jit(lambda key: text.draw(key, samples))
    rows = jnp.asarray(train.vectors), jnp.asarray(train.mask)
    params = network.init(jax.random.key(1))
    state, best = (params, rule.init(params)), (score(params), params)
    for first in progress.each("linear code", range(0, _UPDATES, _FRESH)):
        if draw is not None:
            rows = draw(jax.random.fold_in(jax.random.key(2), first))
        state = several(state, keys[first : first + _FRESH], *rows)
        if (first + _FRESH) % _EVERY == 0:
            best = max(best, (score(state[0]), state[0]), key=lambda found: found[0])
    return best[1]


def _outputs(network: AutoencoderNetwork, params: Params, part: Part) -> np.ndarray:
    xs = np.swapaxes(part.vectors, 0, 1)
    found = jax.jit(network.unroll)(params, (), xs, resets_of(part.mask))[1]
    return np.swapaxes(np.asarray(found), 0, 1)


def _digest(part: Part) -> str:
    return hashlib.sha256(part.vectors.tobytes() + part.mask.tobytes()).hexdigest()
